"""Optimizers with Keras's update rules and defaults. Each can also compute its effective step size for every weight.

A proximal step has to use the optimizer's own step size for each weight; otherwise training converges to a point next
to the optimum. An optimizer's *effective step* is the update's response to a constant gradient: SGD lr/(1−momentum),
Adam
lr·√(1−β₂ᵗ)/(√v+ε), RMSprop lr/√(v+ε) (over 1−momentum), Adagrad lr/√(a+ε).

Where optax has the same rule, it is used; the Adam family is implemented here, because Keras adds ε to the root of the
*uncorrected*
second moment (optax's form is 4e-3 away after 100 steps, this one 1e-7).

Each optimizer is a frozen dataclass and a JAX pytree whose numbers are leaves: a new learning rate costs no
compilation.

One file because the rules are short and easier to compare in one place.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import taut._engine  # noqa: F401 (before JAX: it says how to install what is missing)

import jax
import jax.numpy as jnp
import numpy as np
import optax

from taut import _keras_words, errors, identifiers
from taut._term import Term, number
from taut.plans import step_sizes

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optax", "Optimizer", "RMSprop", "deserialize", "get", "serialize"]

if not TYPE_CHECKING:  # a type checker should see what is there
    __getattr__ = _keras_words.in_module(__name__, __all__, "optimizer")

Tree = Any
EPSILON = 1e-7  # Keras's default


def positive(owner: str, name: str, value: Any, default: Any = None) -> Any:
    """A number > 0, or an array of them."""
    value = errors.not_negative(owner, name, value, default)
    if errors.is_concrete(value) and value == 0:
        raise ValueError(f"{owner}({name}=0): {name} must be above 0.")
    return value


def fraction(owner: str, name: str, value: Any, default: Any = None) -> Any:
    """A number in [0, 1), or an array of them."""
    value = errors.not_negative(owner, name, value, default)
    if errors.is_concrete(value) and value >= 1:
        raise ValueError(f"{owner}({name}={value}): {name} must be in [0, 1).")
    return value


def _count(owner: str, name: str, value: Any) -> None:
    if value is not None:
        errors.integer(f"{owner}: {name}", value, 1)


@dataclass(frozen=True, eq=False, kw_only=True)
class Optimizer(Term):
    """The arguments that all optimizers have, with Keras's names.

    Args:
        learning_rate: > 0.
        weight_decay: decoupled weight decay: w ← w − lr·weight_decay·w before each update, for every trainable
            parameter.
        clipnorm: each parameter's gradient is scaled down to at most this L2 norm.
        clipvalue: each gradient entry is clipped to [−clipvalue, clipvalue].
        global_clipnorm: all gradients together are scaled down to at most this L2 norm. At most one of the three can be
            given.
        use_ema: keep a moving average of the *projected* weights, which replaces the weights when ``fit`` ends.
        ema_momentum: the decay rate of the average, in [0, 1).
        ema_overwrite_frequency: also replace the weights by the average every this many steps.
        gradient_accumulation_steps: average the gradients of this many batches for one step. Proximal steps,
            projections and averages are applied once per step, not once per batch.
    """

    weight_decay: float | None = number(None, check=errors.not_negative, optional=True)
    clipnorm: float | None = number(None, check=positive, optional=True)
    clipvalue: float | None = number(None, check=positive, optional=True)
    global_clipnorm: float | None = number(None, check=positive, optional=True)
    use_ema: bool = False
    ema_momentum: float = number(0.99, check=fraction)
    ema_overwrite_frequency: int | None = None
    gradient_accumulation_steps: int | None = None

    kind: ClassVar[str] = "optimizer"
    #: the scaling is a moving average, so it decays while a weight gets no gradient
    forgets: ClassVar[bool] = False
    #: each entry is updated by itself, so that small parameters can be kept as one vector
    elementwise: ClassVar[bool] = True
    #: whether the effective step is known
    has_size: ClassVar[bool] = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        own = [name for name in inspect.signature(cls.__init__).parameters if name not in ("self", "others")]
        _keras_words.refuse(cls.__name__, dict.fromkeys([*own, *(f.name for f in dataclasses.fields(cls))]), kwargs)
        return super().__new__(cls)

    def validate(self) -> None:
        owner = type(self).__name__
        clips = [n for n in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, n) is not None]
        if len(clips) > 1:
            raise ValueError(f"{owner}: {' and '.join(clips)} are both given; expected at most one way to clip.")
        _count(owner, "ema_overwrite_frequency", self.ema_overwrite_frequency)
        _count(owner, "gradient_accumulation_steps", self.gradient_accumulation_steps)
        if self.ema_overwrite_frequency is not None and not self.use_ema:
            raise ValueError(f"{owner}: ema_overwrite_frequency is given, but use_ema is False; set use_ema=True.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The optimizer that a config of taut or Keras describes."""
        # Keras also writes a name, and options that have no effect while they are off (amsgrad, centered, ...).
        known = {field.name for field in dataclasses.fields(cls)}
        return super().from_config({k: v for k, v in config.items() if k in known or (v and k != "name")})

    def prepared(self) -> Optimizer:
        """The optimizer in the form that a program takes: float32 numbers, and None for a momentum of 0 (no buffer)."""
        plain = dataclasses.replace(self, momentum=None) if getattr(self, "momentum", None) == 0 else self
        return jax.tree.map(lambda n: np.asarray(n, np.float32), plain)

    if TYPE_CHECKING:  # a field of each subclass, which puts it where Keras has it among the arguments
        learning_rate: Any

    @property
    def accumulates(self) -> bool:
        return (self.gradient_accumulation_steps or 1) > 1

    def transformation(self) -> optax.GradientTransformation:
        """The update rule in optax's form (``init`` and ``update``), including the learning rate."""
        raise NotImplementedError

    def moment(self, state: Any, path: str) -> Any:
        """The second moment of the parameter at ``path``, which determines its scaling; None if the rule has none."""
        return None

    def size(self, state: Any, moment: Any) -> Any:
        """The effective step size, a number or shaped like ``moment``; ``state`` is the one after the update."""
        raise NotImplementedError

    def clip(self, gradients: dict[str, jax.Array]) -> dict[str, jax.Array]:
        """The gradients after clipping."""
        if self.clipvalue is not None:
            return {p: jnp.clip(g, -self.clipvalue, self.clipvalue) for p, g in gradients.items()}
        if self.clipnorm is not None:
            return {p: g * _shrink(jnp.sum(g * g), self.clipnorm) for p, g in gradients.items()}
        if self.global_clipnorm is not None:
            scale = _shrink(sum(jnp.sum(g * g) for g in gradients.values()), self.global_clipnorm)
            return {p: g * scale for p, g in gradients.items()}
        return gradients


def _shrink(square: Any, most: Any) -> Any:
    norm = jnp.sqrt(square)
    return jnp.where(norm > most, most / jnp.where(norm > 0, norm, 1), 1)


@dataclass(frozen=True, eq=False)
class SGD(Optimizer):
    """m ← momentum·m + g; w ← w − lr·m (with Nesterov: w − lr·(g + momentum·m)).

    >>> SGD(0.5, momentum=0.5).size(None, None)  # how far a constant gradient of 1 moves a weight
    1.0
    """

    learning_rate: float = number(0.01, check=positive)
    momentum: float | None = number(0.0, check=fraction, optional=True)
    nesterov: bool = False

    def transformation(self) -> optax.GradientTransformation:
        return optax.chain(*_momentum(self.momentum, self.nesterov), optax.scale(-self.learning_rate))

    def size(self, state: Any, moment: Any) -> Any:
        return step_sizes.sgd(self.learning_rate, self.momentum)


def _momentum(momentum: Any, nesterov: bool = False) -> tuple[optax.GradientTransformation, ...]:
    return () if momentum is None else (optax.trace(momentum, nesterov),)


class AdamState(NamedTuple):
    """The number of steps, and the first and second moments of the gradients."""

    taken: jax.Array
    m: Tree
    v: Tree


def keras_adam(learning_rate: Any, beta_1: Any, beta_2: Any, epsilon: Any) -> optax.GradientTransformation:
    """Adam in Keras's form: w ← w − α·m/(√v + ε) with α = lr·√(1−β₂ᵗ)/(1−β₁ᵗ).

    Reference: Kingma & Ba, Adam (2015), the efficient order of computation at the end of §2.
    """

    def init(params: Tree) -> AdamState:
        # From numpy, so that XLA compiles nothing for them.
        m, v = (jax.tree.map(lambda w: jax.device_put(np.zeros(w.shape, w.dtype)), params) for _ in range(2))
        return AdamState(jax.device_put(np.int32(0)), m, v)

    def update(updates: Tree, state: Any, params: Tree | None = None) -> tuple[Tree, AdamState]:
        taken = state.taken + 1
        m = jax.tree.map(lambda m, g: m + (g - m) * (1 - beta_1), state.m, updates)
        v = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - beta_2), state.v, updates)
        alpha = learning_rate * jnp.sqrt(1 - beta_2**taken) / (1 - beta_1**taken)
        steps = jax.tree.map(lambda m, v: -alpha * m / (jnp.sqrt(v) + epsilon), m, v)
        return steps, AdamState(taken, m, v)

    return optax.GradientTransformation(init, update)


@dataclass(frozen=True, eq=False)
class Adam(Optimizer):
    """Adam as in Keras: ε is added to the square root of the uncorrected second moment."""

    learning_rate: float = number(0.001, check=positive)
    beta_1: float = number(0.9, check=fraction)
    beta_2: float = number(0.999, check=fraction)
    epsilon: float = number(EPSILON, check=positive)
    forgets: ClassVar[bool] = True

    def transformation(self) -> optax.GradientTransformation:
        return keras_adam(self.learning_rate, self.beta_1, self.beta_2, self.epsilon)

    def moment(self, state: AdamState, path: str) -> jax.Array:
        return state.v[path]

    def size(self, state: AdamState, moment: jax.Array) -> jax.Array:
        return step_sizes.adam(self.learning_rate, state.taken, moment, self.beta_2, self.epsilon)


@dataclass(frozen=True, eq=False, init=False)
class AdamW(Adam):
    """Adam with decoupled weight decay (0.004 by default).

    >>> AdamW(0.01, 0.1).weight_decay
    0.1
    """

    weight_decay: float | None = number(0.004, check=errors.not_negative)

    def __init__(
        self,
        learning_rate: float = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = EPSILON,
        **others: Any,
    ) -> None:
        # Written out, because Keras has weight_decay second here and among the last arguments elsewhere.
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay=weight_decay, **others)


@dataclass(frozen=True, eq=False)
class RMSprop(Optimizer):
    """v ← rho·v + (1−rho)·g²; w ← w − lr·g/√(v+ε), with ``momentum`` applied to g/√(v+ε)."""

    learning_rate: float = number(0.001, check=positive)
    rho: float = number(0.9, check=fraction)
    momentum: float | None = number(0.0, check=fraction, optional=True)
    epsilon: float = number(EPSILON, check=positive)
    forgets: ClassVar[bool] = True

    def transformation(self) -> optax.GradientTransformation:
        return optax.chain(
            optax.scale_by_rms(decay=self.rho, eps=self.epsilon),
            *_momentum(self.momentum),
            optax.scale(-self.learning_rate),
        )

    def moment(self, state: Any, path: str) -> jax.Array:
        return state[0].nu[path]

    def size(self, state: Any, moment: jax.Array) -> jax.Array:
        return step_sizes.rmsprop(self.learning_rate, moment, self.epsilon, self.momentum)


@dataclass(frozen=True, eq=False)
class Adagrad(Optimizer):
    """a ← a + g²; w ← w − lr·g/√(a+ε)."""

    learning_rate: float = number(0.001, check=positive)
    initial_accumulator_value: float = number(0.1, check=errors.not_negative)
    epsilon: float = number(EPSILON, check=positive)

    def transformation(self) -> optax.GradientTransformation:
        return optax.chain(
            optax.scale_by_rss(self.initial_accumulator_value, eps=self.epsilon), optax.scale(-self.learning_rate)
        )

    def moment(self, state: Any, path: str) -> jax.Array:
        return state[0].sum_of_squares[path]

    def size(self, state: Any, moment: jax.Array) -> jax.Array:
        return step_sizes.adagrad(self.learning_rate, moment, self.epsilon)


@dataclass(frozen=True, eq=False)
class Optax(Optimizer):
    """Any optax transformation as an optimizer.

    Args:
        tx: the transformation, including the learning rate.
        step_size: ``step_size(state, path)`` gives the effective step size after an update (the size of the update for
            a constant gradient of 1), a number or an array shaped like the parameter. Without it, terms that need
            proximal steps or scaled projections raise an error.
        learning_rate: used for decoupled weight decay only; the transformation has its own.
    """

    tx: optax.GradientTransformation
    step_size: Callable[[Any, str], Any] | None = None
    learning_rate: float = number(1.0, check=positive)
    elementwise: ClassVar[bool] = False  # not known

    @property
    def has_size(self) -> bool:  # type: ignore[override]
        return self.step_size is not None

    def transformation(self) -> optax.GradientTransformation:
        return optax.GradientTransformation(*self.tx)  # a pytree's static half comes back as a plain tuple

    def moment(self, state: Any, path: str) -> Any:
        assert self.step_size is not None
        return self.step_size(state, path)

    def size(self, state: Any, moment: Any) -> Any:
        return moment  # what step_size gave is the step itself

    def get_config(self) -> dict[str, Any]:
        raise ValueError(
            "an Optax optimizer contains functions, which a model file cannot store; compile after loading."
        )


for _class in (SGD, Adam, AdamW, RMSprop, Adagrad):
    identifiers.register("optimizer", _class)


def get(identifier: Any) -> Optimizer:
    """An optimizer from its name ("adam", ...), its config, itself, or an optax transformation.

    >>> get("sgd").learning_rate
    0.01
    """
    if isinstance(identifier, optax.GradientTransformation):
        return Optax(tx=identifier)
    if identifier is None:
        raise ValueError('optimizer=None: expected a name such as "adam", or an optimizer.')
    optimizer = identifiers.get("optimizer", identifier)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer {optimizer!r}: expected a name such as 'adam', or an optimizer.")
    return optimizer


def serialize(optimizer: Optimizer) -> dict[str, Any] | None:
    return identifiers.serialize(optimizer)


def deserialize(config: dict[str, Any]) -> Optimizer:
    return identifiers.deserialize("optimizer", config)
