"""Which compiled programs are shared between models, and which belong to one model alone.

A program is compiled once for each key (structure, shapes), and models with equal keys share it. The values that a
user's function reads (a global, a closure, an attribute) are in no key: a program traced for one model would give the
next one the values of that time. A program that runs a user's own code is therefore traced again for each model that is
made, compiled or copied, as in Keras, and is dropped with it (docs/decisions/070).
"""

from __future__ import annotations

import functools
import numbers
import types
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax
import numpy as np

from taut.model.forks import refuse_fork

__all__ = ["Compiled", "Programs", "compiled", "holds_user_code"]

PROGRAMS = 64  # that one model keeps at most; the oldest goes first

#: libraries whose functions may wrap a user's
_CLOSED = frozenset(
    {"jax", "jaxlib", "numpy", "ml_dtypes", "builtins", "functools", "collections", "math", "_operator"}
)
#: libraries whose objects may have them as attributes, too
_OPEN = frozenset({"taut", "flax", "optax"})
_PLAIN = frozenset({type(None), str, int, float, bool})
_VALUES = (str, bytes, numbers.Number, np.ndarray, np.generic, np.dtype, jax.Array, types.ModuleType)


class Programs:
    """The compiled programs of one model that run its user's own code.

    Attributes:
        pace: seconds a step, by program.
        structures: of layers that hold a user's code, by what they are made from.
    """

    def __init__(self) -> None:
        self._made: dict[Any, Any] = {}
        self.pace: dict[Any, float] = {}
        self.structures: dict[Any, Any] = {}

    def compiled(self, function: Callable[..., Any], *static: Any) -> Any:
        """``function`` with its first arguments fixed, jitted.

        JAX remembers what it has compiled for as long as the function lives. The static arguments are bound rather than
        declared, because JAX would keep those, and the user's functions in them, beyond that.
        """
        key = (function, *static)
        if key not in self._made:
            if len(self._made) >= PROGRAMS:
                del self._made[next(iter(self._made))]
            self._made[key] = jax.jit(functools.partial(function, *static))
        return self._made[key]


class Keyed(Protocol):
    """What a compiled function takes first; hashable."""

    @property
    def own(self) -> Programs | None:
        """The programs of the model, where what is compiled runs a user's own code; otherwise None."""
        ...


class Compiled:
    """A jitted function whose first ``static`` arguments are static, the very first one `Keyed`."""

    def __init__(self, function: Callable[..., Any], static: int) -> None:
        self.function, self.static = function, static
        self.shared: Any = jax.jit(function, static_argnums=tuple(range(static)))

    def __call__(self, program: Keyed, *given: Any) -> Any:
        refuse_fork()
        own = program.own
        if own is None:
            return self.shared(program, *given)
        others = self.static - 1
        return own.compiled(self.function, program, *given[:others])(*given[others:])

    def _cache_size(self) -> int:
        """How many shared programs there are."""
        return self.shared._cache_size()


def compiled(static: int = 1) -> Callable[[Callable[..., Any]], Compiled]:
    """A decorator: `Compiled`."""
    return lambda function: Compiled(function, static)


def holds_user_code(thing: Any, skip: tuple[type, ...] = ()) -> bool:
    """Whether a function or class that is neither taut's nor of the libraries below it lies in ``thing``.

    Looks into containers, objects, closures and the static half of pytrees. What is not known is a user's: the price
    of an error is a compilation.

    Args:
        skip: classes whose objects are passed by.

    >>> holds_user_code([jax.nn.relu, functools.partial(np.clip, a_min=0.0)])
    False
    >>> import textwrap  # in the place of a module of a user's own
    >>> holds_user_code({"activation": functools.partial(textwrap.dedent)})
    True
    """
    seen: dict[int, Any] = {}  # with the objects, so that no id is used twice
    left = [thing]
    values = (*_VALUES, *skip)
    while left:
        x = left.pop()
        if type(x) in _PLAIN or id(x) in seen or isinstance(x, values):
            continue
        seen[id(x)] = x
        if isinstance(x, jax.tree_util.PyTreeDef):
            left += [*(x.node_data() or ()), *x.children()]
            continue
        if isinstance(x, functools.partial):
            left += [x.func, *x.args, *x.keywords.values()]
            continue
        if isinstance(x, types.MethodType):
            left += [x.__func__, x.__self__]
            continue
        home = str(getattr(x, "__module__", None) or type(x).__module__).partition(".")[0]
        if home not in _OPEN and home not in _CLOSED:
            return True
        if isinstance(x, Mapping):
            left += x.values()
        elif isinstance(x, list | tuple | set | frozenset):
            left += x
        elif not isinstance(x, type):
            closure = x.__closure__ if isinstance(x, types.FunctionType) else None  # an Rngs has any name you ask for
            left += [cell.cell_contents for cell in closure or () if _filled(cell)]
            left.append(getattr(x, "__wrapped__", None))
            left += getattr(x, "__dict__", {}).values() if home in _OPEN else ()
    return False


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
