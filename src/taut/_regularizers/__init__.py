"""The regularizers that Keras does not have; they are public in `taut.regularizers`."""

from taut import identifiers
from taut._regularizers.activities import Entropy, KLSparsity
from taut._regularizers.entrywise import (
    L0,
    MCP,
    SCAD,
    CappedL1,
    HoyerSquare,
    Huber,
    LHalf,
    LogSum,
)
from taut._regularizers.groups import ExclusiveLasso, GroupLasso, GroupLInf, GroupMCP, SparseGroupLasso
from taut._regularizers.made import Masked, Scaled, Towards
from taut._regularizers.ordered import OrderedL1
from taut._regularizers.shapes import (
    NuclearNorm,
    SquaredDifferences,
    SquaredOrthogonal,
    SquaredSpectralNorm,
    TotalVariation,
)

__all__ = [
    "L0",
    "MCP",
    "SCAD",
    "CappedL1",
    "Entropy",
    "ExclusiveLasso",
    "GroupLInf",
    "GroupLasso",
    "GroupMCP",
    "HoyerSquare",
    "Huber",
    "KLSparsity",
    "LHalf",
    "LogSum",
    "Masked",
    "NuclearNorm",
    "OrderedL1",
    "Scaled",
    "SparseGroupLasso",
    "SquaredDifferences",
    "SquaredOrthogonal",
    "SquaredSpectralNorm",
    "TotalVariation",
    "Towards",
]

for _name in __all__:
    identifiers.register("regularizer", globals()[_name])
