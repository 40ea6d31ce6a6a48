"""The catalogue of regularizers beyond Keras's; `taut.regularizers` shows them under its own name."""

from taut import identifiers
from taut._regularizers.entrywise import (
    L0,
    MCP,
    SCAD,
    CappedL1,
    Entropy,
    HoyerSquare,
    Huber,
    KLSparsity,
    LHalf,
    LogSum,
)

__all__ = [
    "L0",
    "MCP",
    "SCAD",
    "CappedL1",
    "Entropy",
    "HoyerSquare",
    "Huber",
    "KLSparsity",
    "LHalf",
    "LogSum",
]

for _name in __all__:
    identifiers.register("regularizer", globals()[_name])
