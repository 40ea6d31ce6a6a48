"""Dense 10-64-10, batch 32, L1 + NonNeg, Adam, accuracy on: microseconds a step of ``fit``."""

from benchmarks import net, works
from benchmarks.measure import Figure, options

FIGURES = (
    Figure("Keras-JAX over taut", net.KERAS, net.TAUT, ">=", 10),
    Figure("Keras-JAX, 32 steps per call, over taut", net.KERAS_32, net.TAUT),
    Figure("PyTorch eager over taut", net.TORCH, net.TAUT, ">=", 15),
    Figure("taut over a hand-written JAX scan", net.TAUT, net.SCAN, "<=", 1.15),
    Figure("taut with terms over taut without", net.TAUT, net.BARE, "<=", 1.10),
)

if __name__ == "__main__":
    chosen = options(__doc__, rounds=15)
    title = "Dense 10-64-10, 10,000 rows, batch 32, L1 + NonNeg, Adam, accuracy on: `fit`, per step"
    net.measure("small_net", title, works.small(), FIGURES, chosen.rounds, chosen.quick)
