"""Which term acts on which array, over which axes and how: rules, binding, modes, refusals and the audit.

Nothing here loads JAX or PyTorch: the plan is arithmetic on whatever arrays it is handed, and serves every front end.
"""

from taut.plans.binding import bind
from taut.plans.entries import Activity, Entry
from taut.plans.plan import Plan

__all__ = ["Activity", "Entry", "Plan", "bind"]
