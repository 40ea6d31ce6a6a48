"""One small layer of each kind that taut.layouts describes, and how to run it on arrays: rows of `test_layouts`.

Arrays that go in and come out have their features on the last axis, whatever the library does. Nothing here reads the
table: how many units reach one output, and which array feeds which, are counted by hand.
"""

from __future__ import annotations

import functools
import importlib.util
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LIBRARIES = {"taut": "taut", "keras": "keras", "flax": "flax", "equinox": "equinox", "torch": "torch"}


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """A layer under the laws.

    ``run(layer, *xs)`` gives the output. By array: ``times``, how many units reach one output feature (gates); ``reach``, how
    many features a unit reaches (in a head: all of it); ``fed``, which of ``xs`` the array sums over, None where the laws
    cannot say; ``hide``, the array (and which of its units) to blank so that the input i of this one is zero; ``half``, arrays
    that reach a part of the output alone (one direction of two). ``fixed`` arrays are not drawn.
    """

    row: str
    build: Callable[[], Any]
    run: Callable[..., Any]
    xs: tuple[np.ndarray, ...] = (floats(2, 4),)
    note: str = ""
    times: Mapping[str, int] | int = 1
    reach: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    fed: Mapping[str, int] = field(default_factory=dict[str, int])
    hide: Mapping[str, tuple[str, Callable[[int], int]]] = field(
        default_factory=dict[str, tuple[str, Callable[[int], int]]]
    )
    half: int = 1
    fixed: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])

    @property
    def library(self) -> str:
        return self.row.partition(".")[0]

    @property
    def id(self) -> str:
        return f"{self.row}{f', {self.note}' if self.note else ''}"


class Linen:
    """A Linen module with its parameters beside it."""

    def __init__(self, module: Any, *args: Any) -> None:
        import jax

        self.module = module
        shapes = jax.eval_shape(module.init, jax.random.key(0), *args)
        self.params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), dict(shapes["params"]))
        self.rest = {
            name: jax.tree.map(lambda leaf: np.ones(leaf.shape, np.float32), dict(value))
            for name, value in shapes.items()
            if name != "params"
        }

    def __call__(self, *args: Any) -> Any:
        return self.module.apply({"params": self.params, **self.rest}, *args)


def installed(library: str) -> bool:
    return importlib.util.find_spec(LIBRARIES[library]) is not None


def put(layer: Any, name: str, variable: Any, value: np.ndarray) -> Any:
    """The layer with ``value`` in place of one array."""
    value = np.asarray(value, np.float32)
    if isinstance(layer, Linen):
        *outer, last = name.split("/")
        functools.reduce(operator.getitem, outer, layer.params)[last] = value
    elif hasattr(variable, "assign"):  # Keras
        variable.assign(value)
    elif hasattr(variable, "detach"):  # PyTorch
        import torch

        with torch.no_grad():
            variable.copy_(torch.from_numpy(value.copy()))
    elif hasattr(variable, "get_value"):  # NNX, and taut
        variable[...] = value
    else:
        import equinox
        import jax.numpy as jnp

        return equinox.tree_at(operator.attrgetter(name), layer, jnp.asarray(value))
    return layer


def count(layer: Any) -> int:
    """How many arrays a library trains in its layer."""
    if isinstance(layer, Linen):
        import jax

        return len(jax.tree.leaves(layer.params))
    if hasattr(layer, "trainable_variables"):
        return len(layer.trainable_variables)
    if hasattr(layer, "named_parameters"):
        return len(list(layer.parameters()))
    import jax
    from flax import nnx

    if isinstance(layer, nnx.Module):
        return len(jax.tree.leaves(nnx.state(layer, nnx.Param)))
    import equinox

    state = equinox.nn.StateIndex  # running averages
    leaves = jax.tree.leaves(layer, is_leaf=lambda leaf: isinstance(leaf, state))
    return len([leaf for leaf in leaves if equinox.is_inexact_array(leaf)])


# --- Keras ------------------------------------------------------------------------------------------------------------


def keras_cases() -> list[Case]:
    import keras
    from keras import layers as k

    def built(layer: Any, *shapes: Any) -> Any:
        layer.build(*shapes)
        return layer

    def run(layer: Any, *xs: Any) -> Any:
        return layer(*xs)

    def step(layer: Any, x: Any, h: Any) -> Any:  # one step of a recurrent layer, from a state
        states = [h, np.ones_like(h)] if "LSTM" in type(layer).__name__ else [h]
        return layer(x[:, None], initial_state=states)

    def cell(layer: Any, x: Any, h: Any) -> Any:
        return layer(x, [h, np.ones_like(h)] if "LSTM" in type(layer).__name__ else [h])[0]

    def loop(end: str) -> dict[str, bool]:  # without it every call compiles a scan
        return {} if end else {"unroll": True}

    def both(layer: Any, x: Any) -> Any:
        return layer(x[:, None])

    def case(name: str, build: Callable[[], Any], run: Any = run, *xs: Any, **more: Any) -> Case:
        return Case(f"keras.layers.{name}", build, run, xs or (floats(2, 4),), **more)

    x1, x2, x3 = floats(1, 5, 4), floats(1, 4, 3, 4), floats(1, 3, 3, 2, 4)
    x, h2, h3 = floats(2, 4), floats(2, 2), floats(2, 3)
    cases = [
        case("Dense", lambda: built(k.Dense(3), (None, 4))),
        case(
            "EinsumDense",
            lambda: built(k.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d"), (None, 5, 4)),
            run,
            x1,
        ),
        case(
            "EinsumDense",
            lambda: built(k.EinsumDense("bec,ecd->bed", output_shape=(2, 3)), (None, 2, 2)),
            lambda layer, x: keras.ops.reshape(layer(x.reshape(-1, 2, 2)), (-1, 6)),
            note="a matrix for each group",
        ),
        case("Embedding", lambda: built(k.Embedding(5, 3), (None,)), run, np.arange(5)),
        *(
            case(f"Conv{n}D", lambda n=n, x=x: built(getattr(k, f"Conv{n}D")(3, 2), x.shape), run, x)
            for n, x in ((1, x1), (2, x2), (3, x3))
        ),
        case("Conv1D", lambda: built(k.Conv1D(6, 2, groups=2), x1.shape), run, x1, note="in groups"),
        case(
            "Conv1D",
            lambda: built(k.Conv1D(3, 2, data_format="channels_first", padding="same"), (1, 4, 5)),
            lambda layer, x: np.moveaxis(np.asarray(layer(np.moveaxis(x, -1, 1))), 1, -1),
            x1,
            note="channels first",
        ),
        *(
            case(f"Conv{n}DTranspose", lambda n=n, x=x: built(getattr(k, f"Conv{n}DTranspose")(3, 2), x.shape), run, x)
            for n, x in ((1, x1), (2, x2), (3, x3))
        ),
        *(
            case(
                f"DepthwiseConv{n}D",
                lambda n=n, x=x: built(getattr(k, f"DepthwiseConv{n}D")(2, depth_multiplier=2), x.shape),
                run,
                x,
            )
            for n, x in ((1, x1), (2, x2))
        ),
        *(
            case(
                f"SeparableConv{n}D",
                lambda n=n, x=x: built(getattr(k, f"SeparableConv{n}D")(8, 2, depth_multiplier=2), x.shape),
                run,
                x,
                fixed={"pointwise_kernel": np.eye(8, dtype=np.float32).reshape(*(1,) * n, 8, 8)},
                hide={"pointwise_kernel": ("depthwise_kernel", lambda i: i)},
            )
            for n, x in ((1, x1), (2, x2))
        ),
        *(
            case(
                f"SimpleRNN{end}",
                lambda end=end, s=s: built(getattr(k, f"SimpleRNN{end}")(3, **loop(end)), s),
                r,
                x,
                h3,
                fed={"recurrent_kernel": 1},
            )
            for end, s, r in (("", (2, 1, 4), step), ("Cell", (2, 4), cell))
        ),
        *(
            case(
                f"LSTM{end}",
                lambda end=end, s=s: built(getattr(k, f"LSTM{end}")(2, **loop(end)), s),
                r,
                x,
                h2,
                times=4,
                fed={"recurrent_kernel": 1},
            )
            for end, s, r in (("", (2, 1, 4), step), ("Cell", (2, 4), cell))
        ),
        *(
            case(
                f"GRU{end}",
                lambda end=end, s=s: built(getattr(k, f"GRU{end}")(3, **loop(end)), s),
                r,
                x,
                h3,
                times={"kernel": 3, "recurrent_kernel": 3, "bias": 6},
                fed={"recurrent_kernel": 1},
            )
            for end, s, r in (("", (2, 1, 4), step), ("Cell", (2, 4), cell))
        ),
        case("RNN", lambda: built(k.RNN(k.SimpleRNNCell(3)), (2, 1, 4)), step, x, h3, fed={"cell/recurrent_kernel": 1}),
        case(
            "Bidirectional",
            lambda: built(k.Bidirectional(k.LSTM(2, unroll=True)), (2, 1, 4)),
            lambda layer, x, *h: layer(x[:, None], initial_state=[*h, *h]),
            x,
            h2,
            1 + h2,
            times=4,
            half=2,
            fed={"forward_layer/recurrent_kernel": 1, "backward_layer/recurrent_kernel": 1},
        ),
        case("TimeDistributed", lambda: built(k.TimeDistributed(k.Dense(3)), (2, 1, 4)), both),
        *attention_cases(k, built, case),
        case("BatchNormalization", lambda: built(k.BatchNormalization(), (None, 4))),
        case("LayerNormalization", lambda: built(k.LayerNormalization(), (None, 4))),
        case("GroupNormalization", lambda: built(k.GroupNormalization(2), (None, 4))),
        case("RMSNormalization", lambda: built(k.RMSNormalization(), (None, 4))),
        case("PReLU", lambda: built(k.PReLU(), (None, 4)), run, -np.abs(x)),
    ]
    return cases


def attention_cases(k: Any, built: Any, case: Any) -> list[Case]:
    def run(layer: Any, x: Any) -> Any:
        return layer(x, x)

    seq = floats(1, 3, 4)
    biases = {f"{name}/bias": np.zeros((2, 2)) for name in ("query", "key", "value")}
    # Four query heads of 2 share two heads of keys and values: a value unit reaches the same place of two heads.
    shared = {"query/bias": np.zeros((4, 2)), "key/bias": np.zeros((2, 2)), "value/bias": np.zeros((2, 2))}
    return [
        case(
            "MultiHeadAttention",
            lambda: built(k.MultiHeadAttention(2, 2), (1, 3, 4), (1, 3, 4)),
            run,
            seq,
            times={"query/kernel": 2, "query/bias": 2, "key/kernel": 2, "key/bias": 2},
            reach={"query/kernel": (2,), "query/bias": (2,), "key/kernel": (2,), "key/bias": (0,)},
            hide={"attention_output/kernel": ("value/kernel", lambda i: i)},
            fixed={**biases, "attention_output/kernel": np.eye(4).reshape(2, 2, 4)},
        ),
        case(
            "GroupQueryAttention",
            lambda: built(k.GroupQueryAttention(2, 4, 2), (1, 3, 8), (1, 3, 8)),
            run,
            floats(1, 3, 8),
            times={"query/kernel": 2, "query/bias": 2, "key/kernel": 2, "key/bias": 2},
            reach={
                "query/kernel": (2,),
                "query/bias": (2,),
                "key/kernel": (4,),
                "key/bias": (0,),
                "value/kernel": (2,),
                "value/bias": (2,),
            },
            hide={"attention_output/kernel": ("value/kernel", lambda i: i // 4 * 2 + i % 2)},
            fixed={**shared, "attention_output/kernel": np.eye(8).reshape(4, 2, 8)},
        ),
    ]


# --- Flax -------------------------------------------------------------------------------------------------------------

HEADS = {
    "times": {"query/kernel": 2, "query/bias": 2, "key/kernel": 2, "key/bias": 2},
    "reach": {"query/kernel": (2,), "query/bias": (2,), "key/kernel": (2,), "key/bias": (0,)},
    "hide": {"out/kernel": ("value/kernel", lambda i: i)},
    "fixed": {
        **{f"{name}/bias": np.zeros((2, 2)) for name in ("query", "key", "value")},
        "out/kernel": np.eye(4).reshape(2, 2, 4),
    },
}


def _flat(y: Any, axes: int) -> np.ndarray:
    y = np.asarray(y)
    return y.reshape(*y.shape[: y.ndim - axes], -1)


def nnx_cases() -> list[Case]:
    from flax import nnx

    ones: Any = {"kernel_init": nnx.initializers.ones, "rngs": nnx.Rngs(0)}
    cell_ones: Any = {**ones, "recurrent_kernel_init": nnx.initializers.ones}

    def run(layer: Any, *xs: Any) -> Any:
        return layer(*xs)

    def cell(layer: Any, x: Any, h: Any) -> Any:
        carry = (np.ones_like(h), h) if "LSTM" in type(layer).__name__ else h
        return layer(carry, x)[1]

    def case(name: str, build: Callable[[], Any], run: Any = run, *xs: Any, **more: Any) -> Case:
        return Case(f"flax.nnx.{name}", build, run, xs or (floats(2, 4),), **more)

    x, x1, h2, h3 = floats(2, 4), floats(1, 5, 4), floats(2, 2), floats(2, 3)
    state = ("hi", "hf", "hg", "ho")
    return [
        case("Linear", lambda: nnx.Linear(4, 3, **ones)),
        case(
            "LinearGeneral", lambda: nnx.LinearGeneral(4, (2, 3), **ones), lambda m, x: _flat(m(x), 2), note="to heads"
        ),
        case(
            "LinearGeneral",
            lambda: nnx.LinearGeneral((2, 2), 3, axis=(-2, -1), **ones),
            lambda m, x: m(x.reshape(2, 2, 2)),
            note="from heads",
        ),
        case(
            "LinearGeneral",
            lambda: nnx.LinearGeneral(2, 3, batch_axis={0: 2}, **ones),
            lambda m, x: _flat(m(x.reshape(2, 1, 2)), 3)[None],
            floats(4),
            note="a matrix for each of a batch",
        ),
        case("Einsum", lambda: nnx.Einsum("ab,bc->ac", (4, 3), (3,), **ones)),
        case("Conv", lambda: nnx.Conv(4, 3, (2,), **ones), run, x1, note="1-D"),
        case("Conv", lambda: nnx.Conv(4, 3, (2, 2), **ones), run, floats(1, 3, 3, 4), note="2-D"),
        case("Conv", lambda: nnx.Conv(4, 6, (2,), feature_group_count=2, **ones), run, x1, note="in groups"),
        case("Conv", lambda: nnx.Conv(4, 8, (2,), feature_group_count=4, **ones), run, x1, note="by depth"),
        case("ConvTranspose", lambda: nnx.ConvTranspose(4, 3, (2,), **ones), run, x1),
        case(
            "ConvTranspose",
            lambda: nnx.ConvTranspose(4, 3, (2,), transpose_kernel=True, **ones),
            run,
            x1,
            note="kernel transposed",
        ),
        case("Embed", lambda: nnx.Embed(5, 3, rngs=nnx.Rngs(0)), run, np.arange(5)),
        case("LSTMCell", lambda: nnx.LSTMCell(4, 2, **cell_ones), cell, x, h2, fed={f"{n}/kernel": 1 for n in state}),
        case(
            "OptimizedLSTMCell",
            lambda: nnx.OptimizedLSTMCell(4, 2, **cell_ones),
            cell,
            x,
            h2,
            times=4,
            fed={"dense_h/kernel": 1},
        ),
        case("GRUCell", lambda: nnx.GRUCell(4, 3, **cell_ones), cell, x, h3, times=3, fed={"dense_h/kernel": 1}),
        case("SimpleCell", lambda: nnx.SimpleCell(4, 3, **cell_ones), cell, x, h3, fed={"dense_h/kernel": 1}),
        case(
            "RNN",
            lambda: nnx.RNN(nnx.SimpleCell(4, 3, **cell_ones)),
            lambda m, x, h: m(x[:, None], initial_carry=h),
            x,
            h3,
            fed={"cell/dense_h/kernel": 1},
        ),
        case(
            "Bidirectional",
            lambda: nnx.Bidirectional(
                nnx.RNN(nnx.SimpleCell(4, 2, **cell_ones)), nnx.RNN(nnx.SimpleCell(4, 2, **cell_ones))
            ),
            lambda m, x, h: m(x[:, None], initial_carry=(h, h)),
            x,
            h2,
            half=2,
            fed={"forward_rnn/cell/dense_h/kernel": 1, "backward_rnn/cell/dense_h/kernel": 1},
        ),
        case(
            "MultiHeadAttention",
            lambda: nnx.MultiHeadAttention(2, 4, decode=False, **ones),
            run,
            floats(1, 3, 4),
            **HEADS,
        ),
        case("BatchNorm", lambda: nnx.BatchNorm(4, use_running_average=True, rngs=nnx.Rngs(0))),
        case("LayerNorm", lambda: nnx.LayerNorm(4, rngs=nnx.Rngs(0))),
        case("RMSNorm", lambda: nnx.RMSNorm(4, rngs=nnx.Rngs(0))),
        case("GroupNorm", lambda: nnx.GroupNorm(4, num_groups=2, rngs=nnx.Rngs(0)), run, x1),
        case("InstanceNorm", lambda: nnx.InstanceNorm(4, rngs=nnx.Rngs(0)), run, x1),
        case("PReLU", lambda: nnx.PReLU(), run, -np.abs(floats(2, 1)), note="one slope"),
    ]


def linen_cases() -> list[Case]:
    import jax
    from flax import linen as nn

    def run(layer: Any, *xs: Any) -> Any:
        return layer(*xs)

    def cell(layer: Any, x: Any, h: Any) -> Any:
        return layer((np.ones_like(h), h) if "LSTM" in type(layer.module).__name__ else h, x)[1]

    def made(module: Any, x: np.ndarray, features: int = 0) -> Callable[[], Any]:
        if not features:
            return lambda: Linen(module, x)
        return lambda: Linen(module, module.initialize_carry(jax.random.key(0), x.shape), x)

    def case(name: str, module: Any, *xs: Any, run: Any = run, features: int = 0, **more: Any) -> Case:
        xs = xs or (floats(2, 4),)
        return Case(f"flax.linen.{name}", made(module, xs[0], features), run, xs, **more)

    x, x1, h2, h3 = floats(2, 4), floats(1, 5, 4), floats(2, 2), floats(2, 3)
    lstm = {f"{n}/kernel": 1 for n in ("hi", "hf", "hg", "ho")}
    return [
        case("Dense", nn.Dense(3)),
        case("DenseGeneral", nn.DenseGeneral((2, 3)), run=lambda m, x: _flat(m(x), 2)),
        Case(
            "flax.linen.DenseGeneral",
            lambda: Linen(nn.DenseGeneral(3, batch_dims=(0,)), floats(2, 1, 2)),
            lambda m, x: _flat(m(x.reshape(2, 1, 2)), 3)[None],
            (floats(4),),
            note="a matrix for each of a batch",
        ),
        case("Einsum", nn.Einsum((4, 3), "ab,bc->ac")),
        case("Conv", nn.Conv(3, (2,)), x1),
        case("Conv", nn.Conv(6, (2,), feature_group_count=2), x1, note="in groups"),
        case("ConvTranspose", nn.ConvTranspose(3, (2,)), x1),
        case("ConvTranspose", nn.ConvTranspose(3, (2,), transpose_kernel=True), x1, note="kernel transposed"),
        case("Embed", nn.Embed(5, 3), np.arange(5)),
        case("LSTMCell", nn.LSTMCell(2), x, h2, run=cell, features=2, fed=lstm),
        case("OptimizedLSTMCell", nn.OptimizedLSTMCell(2), x, h2, run=cell, features=2, fed=lstm),
        case("GRUCell", nn.GRUCell(3), x, h3, run=cell, features=3, fed={f"{n}/kernel": 1 for n in ("hr", "hz", "hn")}),
        case("SimpleCell", nn.SimpleCell(3), x, h3, run=cell, features=3, fed={"h/kernel": 1}),
        case("MultiHeadAttention", nn.MultiHeadAttention(2), floats(1, 3, 4), **HEADS),
        Case(
            "flax.linen.MultiHeadDotProductAttention",
            lambda: Linen(nn.MultiHeadDotProductAttention(2), floats(1, 3, 4), floats(1, 3, 4)),
            lambda m, x: m(x, x),
            (floats(1, 3, 4),),
            **HEADS,  # type: ignore[arg-type]
        ),
        case("BatchNorm", nn.BatchNorm(use_running_average=True)),
        case("LayerNorm", nn.LayerNorm()),
        case("RMSNorm", nn.RMSNorm()),
        case("GroupNorm", nn.GroupNorm(2), x1),
        case("InstanceNorm", nn.InstanceNorm(), x1),
        case("PReLU", nn.PReLU(), -np.abs(floats(2, 1)), note="one slope"),
    ]


# --- Equinox ----------------------------------------------------------------------------------------------------------


def equinox_cases() -> list[Case]:
    import equinox.nn as n
    import jax

    key = jax.random.key(0)

    def run(layer: Any, *xs: Any) -> Any:
        return layer(*map(jax.numpy.asarray, xs))

    def last(layer: Any, x: Any) -> Any:  # features first, no batch
        return np.moveaxis(np.asarray(layer(jax.numpy.moveaxis(x, -1, 0))), 0, -1)

    def cell(layer: Any, x: Any, h: Any) -> Any:
        if isinstance(layer, n.LSTMCell):
            return layer(x, (h, jax.numpy.ones_like(h)))[0]
        return layer(x, h)

    def case(name: str, build: Callable[[], Any], run: Any = run, *xs: Any, **more: Any) -> Case:
        return Case(f"equinox.nn.{name}", build, run, xs or (floats(4),), **more)

    pictures = {1: floats(5, 4), 2: floats(3, 3, 4), 3: floats(3, 2, 2, 4)}

    def convolutions(kind: str) -> list[Case]:
        return [
            case(kind, lambda: getattr(n, kind)(1, 4, 3, 2, key=key), last, pictures[1]),
            *(
                case(f"{kind}{d}d", lambda d=d: getattr(n, f"{kind}{d}d")(4, 3, 2, key=key), last, pictures[d])
                for d in (1, 2, 3)
            ),
            case(
                f"{kind}1d",
                lambda: getattr(n, f"{kind}1d")(4, 6, 2, groups=2, key=key),
                last,
                pictures[1],
                note="in groups",
            ),
        ]

    def batch_norm() -> Any:
        return n.BatchNorm(4, "batch", mode="ema", inference=True)

    def run_batch_norm(layer: Any, x: Any) -> Any:
        return layer(jax.numpy.asarray(x), n.State(layer).set(layer.ema_state_index, (0 * x, 1 + 0 * x)))[0]

    heads = {
        "times": {"query_proj.weight": 2, "key_proj.weight": 2},
        "reach": {"query_proj.weight": (2,), "key_proj.weight": (2,)},
        "hide": {"output_proj.weight": ("value_proj.weight", lambda i: i)},
        "fixed": {"output_proj.weight": np.eye(4)},
    }
    return [
        case("Linear", lambda: n.Linear(4, 3, key=key)),
        *convolutions("Conv"),
        *convolutions("ConvTranspose"),
        case(
            "Embedding",
            lambda: n.Embedding(5, 3, key=key),
            lambda m, x: jax.vmap(m)(jax.numpy.asarray(x)),
            np.arange(5),
        ),
        case(
            "GRUCell",
            lambda: n.GRUCell(4, 3, key=key),
            cell,
            floats(4),
            floats(3),
            times={"weight_ih": 3, "weight_hh": 3, "bias": 3},
            fed={"weight_hh": 1},
        ),
        case("LSTMCell", lambda: n.LSTMCell(4, 2, key=key), cell, floats(4), floats(2), times=4, fed={"weight_hh": 1}),
        case(
            "MultiheadAttention",
            lambda: n.MultiheadAttention(2, 4, key=key),
            lambda m, x: m(x, x, x),
            floats(3, 4),
            **heads,
        ),
        case("LayerNorm", lambda: n.LayerNorm(4)),
        case("GroupNorm", lambda: n.GroupNorm(2, 4), last, pictures[1]),
        case("RMSNorm", lambda: n.RMSNorm(4)),
        case("BatchNorm", batch_norm, run_batch_norm),
        case("PReLU", lambda: n.PReLU(), run, -np.abs(floats(1)), note="one slope"),
    ]


# --- PyTorch ----------------------------------------------------------------------------------------------------------


def torch_cases() -> list[Case]:
    import torch
    from torch import nn

    def t(x: Any) -> Any:
        return torch.from_numpy(np.ascontiguousarray(x))

    def run(layer: Any, *xs: Any) -> Any:
        with torch.no_grad():
            return layer.eval()(*map(t, xs)).numpy()

    def last(layer: Any, x: Any) -> Any:
        return np.moveaxis(run(layer, np.moveaxis(x, -1, 1)), 1, -1)

    def step(layer: Any, x: Any, *h: Any) -> Any:
        h = tuple(map(t, h))
        states = torch.stack(h * (2 if layer.bidirectional and len(h) == 1 else 1))
        states = (states, torch.ones_like(states)) if isinstance(layer, nn.LSTM) else states
        with torch.no_grad():
            return layer(t(x[None]), states)[0].numpy()

    def cell(layer: Any, x: Any, h: Any) -> Any:
        with torch.no_grad():
            if isinstance(layer, nn.LSTMCell):
                return layer(t(x), (t(h), torch.ones_like(t(h))))[0].numpy()
            return layer(t(x), t(h)).numpy()

    def attend(layer: Any, x: Any) -> Any:
        with torch.no_grad():
            return layer(t(x), t(x), t(x), need_weights=False)[0].numpy()

    def case(name: str, build: Callable[[], Any], run: Any = run, *xs: Any, **more: Any) -> Case:
        return Case(f"torch.nn.{name}", build, run, xs or (floats(2, 4),), **more)

    x, h2 = floats(2, 4), floats(2, 2)
    pictures = {1: floats(1, 5, 4), 2: floats(1, 3, 3, 4), 3: floats(1, 3, 2, 2, 4)}

    def convolutions(kind: str) -> list[Case]:
        return [
            *(
                case(f"{kind}{d}d", lambda d=d: getattr(nn, f"{kind}{d}d")(4, 3, 2), last, pictures[d])
                for d in (1, 2, 3)
            ),
            case(f"{kind}1d", lambda: getattr(nn, f"{kind}1d")(4, 6, 2, groups=2), last, pictures[1], note="in groups"),
        ]

    def recurrent(name: str, units: int, times: int) -> list[Case]:
        h = floats(2, units)
        return [
            case(name, lambda: getattr(nn, name)(4, units), step, x, h, times=times, fed={"weight_hh_l0": 1}),
            case(
                f"{name}Cell",
                lambda: getattr(nn, f"{name}Cell")(4, units),
                cell,
                x,
                h,
                times=times,
                fed={"weight_hh": 1},
            ),
        ]

    def embed(layer: Any, x: Any) -> Any:
        with torch.no_grad():
            return layer(t(x)).numpy()

    def bags(layer: Any, x: Any) -> Any:  # a bag of one token each
        with torch.no_grad():
            return layer(t(x), torch.arange(len(x))).numpy()

    heads: dict[str, Any] = {
        "hide": {"out_proj.weight": ("in_proj_weight", lambda i: 8 + i)},
        "fixed": {"out_proj.weight": np.eye(4), "in_proj_bias": np.zeros(12)},
        "times": {"in_proj_weight": 5, "in_proj_bias": 3},
        "reach": {"in_proj_weight": (1, 2), "in_proj_bias": (0, 1, 2)},
    }
    apart: dict[str, Any] = {
        "hide": {"out_proj.weight": ("v_proj_weight", lambda i: i)},
        "fixed": heads["fixed"],
        "times": {"q_proj_weight": 2, "k_proj_weight": 2, "in_proj_bias": 3},
        "reach": {"q_proj_weight": (2,), "k_proj_weight": (2,), "in_proj_bias": (0, 1, 2)},
    }

    def attend_apart(layer: Any, x: Any) -> Any:
        with torch.no_grad():
            key = t(np.concatenate([x, x[..., :0]], -1))
            return layer(t(x), key[..., :4], key[..., :3], need_weights=False)[0].numpy()

    eval_norms = {
        "BatchNorm1d": x,
        "BatchNorm2d": pictures[2],
        "BatchNorm3d": pictures[3],
        "SyncBatchNorm": pictures[1],
    }
    return [
        case("Linear", lambda: nn.Linear(4, 3)),
        case("Bilinear", lambda: nn.Bilinear(4, 2, 3), run, x, h2),
        *convolutions("Conv"),
        *convolutions("ConvTranspose"),
        case("Embedding", lambda: nn.Embedding(5, 3), embed, np.arange(5)),
        case("EmbeddingBag", lambda: nn.EmbeddingBag(5, 3), bags, np.arange(5)),
        *recurrent("RNN", 3, 1),
        *recurrent("LSTM", 2, 4),
        *recurrent("GRU", 3, 3),
        case(
            "LSTM",
            lambda: nn.LSTM(4, 2, bidirectional=True),
            step,
            x,
            h2,
            note="both directions",
            times=4,
            half=2,
            fed={"weight_hh_l0": 1, "weight_hh_l0_reverse": 1},
        ),
        case(
            "MultiheadAttention",
            lambda: nn.MultiheadAttention(4, 2, batch_first=True),
            attend,
            floats(1, 3, 4),
            **heads,
        ),
        case(
            "MultiheadAttention",
            lambda: nn.MultiheadAttention(4, 2, batch_first=True, vdim=3),
            attend_apart,
            floats(1, 3, 4),
            note="other sizes of keys and values",
            fed={"v_proj_weight": -1},
            **apart,
        ),
        *(
            case(name, lambda name=name: getattr(nn, name)(4), run if x.ndim == 2 else last, x)
            for name, x in eval_norms.items()
        ),
        *(
            case(f"InstanceNorm{d}d", lambda d=d: getattr(nn, f"InstanceNorm{d}d")(4, affine=True), last, pictures[d])
            for d in (1, 2, 3)
        ),
        case("LayerNorm", lambda: nn.LayerNorm(4)),
        case("GroupNorm", lambda: nn.GroupNorm(2, 4), last, pictures[1]),
        case("RMSNorm", lambda: nn.RMSNorm(4)),
        case("PReLU", lambda: nn.PReLU(4), run, -np.abs(x)),
    ]


def taut_cases() -> list[Case]:
    import taut

    def dense() -> Any:
        layer = taut.layers.Dense(3)
        layer.build((4,), lambda name, shape, initializer: initializer(shape, np.random.default_rng(0)))
        return layer

    return [Case("taut.layers.Dense", dense, lambda layer, x: layer(x))]


MAKERS: dict[str, tuple[Callable[[], list[Case]], ...]] = {
    "taut": (taut_cases,),
    "keras": (keras_cases,),
    "flax": (nnx_cases, linen_cases),
    "equinox": (equinox_cases,),
    "torch": (torch_cases,),
}
CASES: list[Case] = [
    case for library, makers in MAKERS.items() if installed(library) for make in makers for case in make()
]
