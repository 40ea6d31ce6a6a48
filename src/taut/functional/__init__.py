"""The mathematics of taut: functions from arrays to arrays.

Penalties, proximal maps and projections as pure functions, written once against the Python array API
standard: numpy, JAX (under jit, vmap and grad) and PyTorch (eager and compiled) run the same code.
"""

from taut.functional.penalties import group_norms, l1, l2, mutual_coherence
from taut.functional.projections import project_box, project_l2_ball, project_l2_shell, project_sphere
from taut.functional.proximal import elastic, shrink_groups, soft_threshold

__all__ = [
    "elastic",
    "group_norms",
    "l1",
    "l2",
    "mutual_coherence",
    "project_box",
    "project_l2_ball",
    "project_l2_shell",
    "project_sphere",
    "shrink_groups",
    "soft_threshold",
]
