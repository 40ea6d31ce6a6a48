"""The constraints that Keras does not have; they are public in `taut.constraints`."""

from taut._sets.entries import Fixed, LInfBall, NonPositive, Radial
from taut._sets.matrices import PSD, LowRank, NuclearBall, Orthogonal, Skew, SpectralNorm, Symmetric
from taut._sets.order import Convex, Monotone
from taut._sets.patterns import Diagonal, Masked, Triangular, Zeros
from taut._sets.sparsity import NM, TopK
from taut._sets.stochastic import DoublyStochastic, StochasticColumns, StochasticRows
from taut._sets.sums import GroupL1Ball, HalfSpace, L1Ball, Simplex, UnitSum, ZeroMean

__all__ = [
    "NM",
    "PSD",
    "Convex",
    "Diagonal",
    "DoublyStochastic",
    "Fixed",
    "GroupL1Ball",
    "HalfSpace",
    "L1Ball",
    "LInfBall",
    "LowRank",
    "Masked",
    "Monotone",
    "NonPositive",
    "NuclearBall",
    "Orthogonal",
    "Radial",
    "Simplex",
    "Skew",
    "SpectralNorm",
    "StochasticColumns",
    "StochasticRows",
    "Symmetric",
    "TopK",
    "Triangular",
    "UnitSum",
    "ZeroMean",
    "Zeros",
]
