"""One side of a measurement each: a process that is told what to do, one JSON line at a time."""
