"""A layout's fan-in isolates one unit: changing its incoming weights changes its output and no other."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import taut
from taut import layouts
from taut.layouts import Parameter


def simple() -> dict[str, Any]:
    """Constant kernels: the law holds at any weights, and random ones take a second to draw eagerly."""
    return {"kernel_init": nnx.initializers.ones, "rngs": nnx.Rngs(0)}


def dense() -> Any:
    layer = taut.layers.Dense(3)
    layer.build((4,), lambda name, shape, initializer: initializer(shape, np.random.default_rng(0)))
    return layer


def attention(projection: str) -> Callable[[], Any]:
    def build() -> Any:
        whole = nnx.MultiHeadAttention(num_heads=2, in_features=6, qkv_features=8, decode=False, **simple())
        return getattr(whole, projection)

    return build


# The layer, one input, and which output axes count the units, in the order of the kernel's unit axes.
LAYERS: dict[str, tuple[Callable[[], Any], tuple[int, ...], tuple[int, ...]]] = {
    "Dense": (dense, (2, 4), (-1,)),
    "Dense on sequences": (dense, (2, 5, 4), (-1,)),
    "Linear": (lambda: nnx.Linear(4, 3, **simple()), (2, 4), (-1,)),
    "Conv 1-D": (lambda: nnx.Conv(2, 3, (3,), **simple()), (2, 7, 2), (-1,)),
    "Conv 2-D": (lambda: nnx.Conv(2, 3, (3, 2), strides=2, **simple()), (2, 6, 7, 2), (-1,)),
    "Conv in groups": (lambda: nnx.Conv(4, 6, (3,), feature_group_count=2, **simple()), (2, 7, 4), (-1,)),
    "Conv by depth": (lambda: nnx.Conv(3, 6, (3,), feature_group_count=3, **simple()), (2, 7, 3), (-1,)),
    "ConvTranspose": (lambda: nnx.ConvTranspose(2, 3, (3, 2), strides=2, **simple()), (2, 4, 5, 2), (-1,)),
    "ConvTranspose, kernel transposed": (
        lambda: nnx.ConvTranspose(2, 3, (3, 2), transpose_kernel=True, **simple()),
        (2, 4, 5, 2),
        (-1,),
    ),
    "LinearGeneral to heads": (lambda: nnx.LinearGeneral(4, (2, 3), **simple()), (2, 5, 4), (-2, -1)),
    "LinearGeneral from heads": (
        lambda: nnx.LinearGeneral((2, 3), 4, axis=(-2, -1), **simple()),
        (2, 5, 2, 3),
        (-1,),
    ),
    "LinearGeneral, one matrix for each of a batch": (
        lambda: nnx.LinearGeneral(4, 3, batch_axis={0: 2}, **simple()),
        (2, 5, 4),
        (0, -1),
    ),
    "attention's query": (attention("query"), (2, 5, 6), (-2, -1)),
    "attention's key": (attention("key"), (2, 5, 6), (-2, -1)),
    "attention's value": (attention("value"), (2, 5, 6), (-2, -1)),
    "attention's output": (attention("out"), (2, 5, 2, 4), (-1,)),
}


def check_isolation(layer: Any, x: np.ndarray, unit_axes_of_output: tuple[int, ...], fan_in: tuple[int, ...]) -> None:
    """The law, for every unit that ``fan_in`` leaves."""
    graph, state = nnx.split(layer)
    kernel = state["kernel"][...]

    @jax.jit
    def output(w: jax.Array) -> jax.Array:
        return nnx.merge(graph, {**nnx.to_pure_dict(state), "kernel": w})(jnp.asarray(x))

    before = np.asarray(output(kernel))
    unit_axes = [a for a in range(kernel.ndim) if a not in fan_in]
    counts = [kernel.shape[a] for a in unit_axes]
    assert counts == [before.shape[a] for a in unit_axes_of_output], "as many units as outputs"
    for unit in itertools.product(*map(range, counts)):
        mine = [slice(None)] * kernel.ndim
        for a, i in zip(unit_axes, unit, strict=True):
            mine[a] = i
        after = np.asarray(output(kernel.at[tuple(mine)].add(1.0)))
        here = [slice(None)] * before.ndim
        for a, i in zip(unit_axes_of_output, unit, strict=True):
            here[a % before.ndim] = i
        moved = before != after
        assert moved[tuple(here)].any(), f"unit {unit} hears nothing of its own weights"
        moved[tuple(here)] = False
        assert not moved.any(), f"the weights of unit {unit} reach other units"


@pytest.mark.parametrize("name", LAYERS)
def test_fan_in_isolates_one_unit(name: str) -> None:
    build, shape, unit_axes = LAYERS[name]
    layer = build()
    layout = layouts.layout_of(layer)
    assert layout is not None
    kernel = layer.kernel[...]
    assert layout["kernel"].role == "kernel"
    fan_in = layout["kernel"].axes(layer, kernel.shape)
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    check_isolation(layer, x, unit_axes, fan_in)


def test_a_row_of_an_embedding_is_a_unit() -> None:
    """The unit of an embedding is one token's vector: its "incoming weights" are that token's row."""
    layer = nnx.Embed(5, 3, rngs=nnx.Rngs(0))
    layout = layouts.layout_of(layer)
    assert layout is not None
    table = layer.embedding[...]
    assert layout["embedding"].axes(layer, table.shape) == (1,)
    before = np.asarray(layer(jnp.arange(5)))
    for token in range(5):
        layer.embedding[...] = table.at[token].add(1.0)
        moved = (np.asarray(layer(jnp.arange(5))) != before).any(axis=1)
        assert moved.tolist() == [i == token for i in range(5)]


@pytest.mark.parametrize(
    ("name", "wrong"), [("Dense", (1,)), ("Conv 2-D", (0, 1)), ("LinearGeneral to heads", (0, 1)), ("Conv 1-D", ())]
)
def test_a_wrong_fan_in_breaks_the_law(name: str, wrong: tuple[int, ...]) -> None:
    build, shape, unit_axes = LAYERS[name]
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    with pytest.raises((AssertionError, IndexError)):
        check_isolation(build(), x, unit_axes, wrong)


@pytest.mark.parametrize("name", ["Conv 2-D", "ConvTranspose, kernel transposed", "attention's query"])
def test_a_max_norm_bounds_each_unit(name: str) -> None:
    """What a user gets of it: after ``MaxNorm(0.1)`` with no axis, the norm of every unit's weights is at most 0.1."""
    layer = LAYERS[name][0]()
    kernel = layer.kernel[...]
    fan_in = layouts.layout_of(layer)["kernel"].axes(layer, kernel.shape)  # type: ignore[index]
    bounded = np.asarray(taut.constraints.MaxNorm(0.1)(kernel, fan_in=fan_in), np.float64)
    norms = np.sqrt((bounded**2).sum(axis=fan_in))
    np.testing.assert_allclose(norms, 0.1, rtol=2e-6)


def test_a_bias_is_one_unit() -> None:
    for build, *_ in LAYERS.values():
        layer = build()
        layout = layouts.layout_of(layer)
        assert layout is not None
        shape = layer.bias[...].shape
        assert layout["bias"].axes(layer, shape) == tuple(range(len(shape)))
        assert layout["bias"].role == "bias"


@pytest.mark.parametrize("build", [nnx.BatchNorm, nnx.LayerNorm, nnx.GroupNorm, nnx.RMSNorm])
def test_normalisers_have_scales_not_kernels(build: Any) -> None:
    """Whatever is attached to "*/kernel" leaves them alone."""
    layer = build(8, num_groups=2, rngs=nnx.Rngs(0)) if build is nnx.GroupNorm else build(8, rngs=nnx.Rngs(0))
    layout = layouts.layout_of(layer)
    assert layout is not None
    assert {parameter.role for parameter in layout.values()} == {"scale", "bias"}


# --- declaring one -------------------------------------------------------------------------------------------------------


class Transposed(nnx.Module):
    """A layer of a user's own whose kernel is (units, inputs), as in PyTorch."""

    def __init__(self) -> None:
        self.kernel = nnx.Param(jnp.asarray(np.random.default_rng(0).normal(size=(3, 4)), jnp.float32))

    def __call__(self, x: jax.Array) -> jax.Array:
        return x @ self.kernel[...].T


def test_a_layer_of_ones_own_joins_by_one_row() -> None:
    class Mine(Transposed):
        pass

    assert layouts.layout_of(Mine()) is None
    layouts.register(Mine, {"kernel": Parameter("kernel", (1,))})
    layout = layouts.layout_of(Mine())
    assert layout is not None
    x = np.random.default_rng(1).normal(size=(2, 4)).astype(np.float32)
    check_isolation(Mine(), x, (-1,), layout["kernel"].axes(Mine(), (3, 4)))

    class Child(Mine):
        pass

    assert layouts.layout_of(Child()) is layouts.layout_of(Mine())


def test_a_subclass_of_a_flax_layer_inherits_its_layout() -> None:
    class Scaled(nnx.Linear):
        pass

    layout = layouts.layout_of(Scaled(4, 3, rngs=nnx.Rngs(0)))
    assert layout is not None
    assert layout["kernel"].axes(None, (4, 3)) == (0,)


def test_a_layout_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"Transposed.*kernel.*Parameter"):
        layouts.register(Transposed, {"kernel": (1,)})  # type: ignore[dict-item]
    assert layouts.layout_of(Transposed()) is None
