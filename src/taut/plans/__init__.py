"""Which term acts on which array, over which axes and how: rules, binding, modes, error messages and the audit.

Nothing here loads JAX or PyTorch: the plan works on the arrays that it is given, from any library.
"""

from taut.plans.binding import bind
from taut.plans.entries import Activity, Entry
from taut.plans.plan import Plan

__all__ = ["Activity", "Entry", "Plan", "bind"]
