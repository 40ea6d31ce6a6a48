"""Deliberate bugs, one at a time: each must be noticed by a few named tests. `make mutants` runs them all."""
