"""Dense 784-512-10, batch 128, L1 + NonNeg, Adam, accuracy on: microseconds a step of ``fit``."""

from benchmarks import net, works
from benchmarks.measure import Figure, options

FIGURES = (
    Figure("taut over Keras-JAX", net.TAUT, net.KERAS, "<=", 0.75),
    Figure("taut over Keras-JAX, 32 steps per call", net.TAUT, net.KERAS_32),
    Figure("PyTorch eager over taut", net.TORCH, net.TAUT),
    Figure("taut over a hand-written JAX scan", net.TAUT, net.SCAN),
    Figure("taut with terms over taut without", net.TAUT, net.BARE, "<=", 1.15),
)

if __name__ == "__main__":
    chosen = options(__doc__, rounds=9)
    title = "Dense 784-512-10, 10,000 rows, batch 128, L1 + NonNeg, Adam, accuracy on: `fit`, per step"
    net.measure("wide_net", title, works.wide(), FIGURES, chosen.rounds, chosen.quick)
