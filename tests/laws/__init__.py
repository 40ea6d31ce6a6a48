"""The laws that every term obeys, and the one table that drives them."""
