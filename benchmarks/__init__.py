"""taut measured beside its peers, in one run, on this machine: ``make bench``.

Every side is a process of its own that is started once and kept; the sides take turns, each is checked
for its *result* before it is timed, and each reports its seconds when its arrays are ready. A ratio is
the median over the rounds of (this side's time / that side's time) within one round, so that a slow
minute of the machine slows both. One at a time: ``python -m benchmarks.small_net``, and with ``--quick``
a short run on small sizes that proves the script and says nothing about speed.
"""
