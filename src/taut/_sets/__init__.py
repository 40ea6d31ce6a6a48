"""The catalogue of constraints beyond Keras's own; `taut.constraints` is where they are met."""

from taut._sets.entries import Diagonal, Fixed, LInfBall, Masked, NonPositive, Triangular, Zeros
from taut._sets.sums import HalfSpace, L1Ball, Simplex, StochasticColumns, StochasticRows, UnitSum, ZeroMean

__all__ = [
    "Diagonal",
    "Fixed",
    "HalfSpace",
    "L1Ball",
    "LInfBall",
    "Masked",
    "NonPositive",
    "Simplex",
    "StochasticColumns",
    "StochasticRows",
    "Triangular",
    "UnitSum",
    "ZeroMean",
    "Zeros",
]
