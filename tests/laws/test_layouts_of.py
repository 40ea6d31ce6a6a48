"""What `taut.layouts.of` answers, what follows from the axes, and what it refuses."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import equinox
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from flax import linen, nnx

import taut
from taut import layouts
from taut.layouts._axes import fit, read
from taut.regularizers import GroupLasso


def parameter(axes: str, *shape: int, module: Any = None) -> layouts.Parameter:
    return layouts.Parameter("w", "kernel", shape, fit(read(axes), shape, module))


# --- reading ----------------------------------------------------------------------------------------------------------


def test_the_table_loads_numpy_alone() -> None:
    script = (
        "import sys, taut.layouts as l; l.table(); l.of(object());"
        "print(sorted({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names) - {'taut', '__main__'}))"
    )
    out = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path = {sys.path!r}; {script}"], capture_output=True
    )
    assert out.stdout.decode().strip() == "['numpy']", out.stderr.decode()


def test_names_are_the_librarys_own() -> None:
    lstm = layouts.of(torch.nn.LSTM(5, 4, num_layers=2, bidirectional=True, proj_size=3))
    assert set(lstm) == {name for name, _ in torch.nn.LSTM(5, 4, 2, bidirectional=True, proj_size=3).named_parameters()}
    assert lstm["weight_ih_l0"].fan_in == (1,) and lstm["weight_ih_l1_reverse"].inputs == 6
    assert [lstm["weight_hr_l0"].shape, lstm["weight_hr_l0"].role] == [(3, 4), "projection/kernel"]
    assert [lstm["weight_hh_l1"].role, len(lstm["weight_hh_l1"].blocks)] == ["recurrent_kernel", 4]
    bare = layouts.of(torch.nn.Linear(3, 2, bias=False))
    assert list(bare) == ["weight"]
    attention = torch.nn.MultiheadAttention(4, 2, add_bias_kv=True)
    assert set(layouts.of(attention)) == {name for name, _ in attention.named_parameters()}
    layer = keras.layers.Dense(3)
    assert layouts.of(layer).known and len(layouts.of(layer)) == 0  # not built
    layer.build((None, 2))
    assert layouts.of(layer)["kernel"].value is layer.kernel
    with pytest.raises(KeyError, match=r"keras\.layers\.Dense has no array 'weight'.*kernel, bias"):
        layouts.of(layer)["weight"]


def test_a_lazy_module_says_what_to_do() -> None:
    lazy = torch.nn.LazyLinear(3)
    assert not layouts.of(lazy).known
    assert "Call the model on one batch" in layouts.of(lazy).reason
    lazy(torch.ones(2, 4))
    assert layouts.of(lazy)["weight"].fan_in == (1,)


def test_a_bare_array_says_nothing() -> None:
    for array in (np.ones((2, 3)), torch.ones(2, 3), jnp.ones((2, 3))):
        with pytest.raises(TypeError, match=r"takes a layer, not an array of shape \(2, 3\)"):
            layouts.of(array)


def test_linen_needs_its_arrays() -> None:
    module = linen.Dense(3)
    assert len(layouts.of(module)) == 0
    params = module.init(jax.random.key(0), np.ones((1, 4)))["params"]
    assert layouts.of(module, params)["kernel"].fan_in == (0,)
    assert layouts.of(module, {"kernel": (4, 3)})["kernel"].shape == (4, 3)
    with pytest.raises(ValueError, match="given its equation when it is called"):
        layouts.of(linen.Einsum((4, 3)), {"kernel": (4, 3)})


# --- whose row --------------------------------------------------------------------------------------------------------


def test_a_subclass_has_its_bases_row_unless_it_computes_another_output() -> None:
    class Named(keras.layers.Dense):
        def __init__(self, units: int) -> None:
            super().__init__(units, name="named")

    class Twice(keras.layers.Dense):
        def call(self, x: Any, **_: Any) -> Any:
            return x @ keras.ops.transpose(self.kernel)

    class Inside(Twice):
        pass

    class Standardised(torch.nn.Conv2d):
        def _conv_forward(self, x: Any, weight: Any, bias: Any) -> Any:
            return super()._conv_forward(x, weight - weight.mean(), bias)

    class Mixin:
        def forward(self, x: Any) -> Any:
            return x

    class Mixed(Mixin, torch.nn.Linear):
        pass

    class Gated(nnx.Linear):
        def __call__(self, x: Any) -> Any:
            return x

    class Half(equinox.nn.Linear):
        def __call__(self, x: Any, *, key: Any = None) -> Any:
            return x / 2

    assert layouts.of(Named(2)).kind == "keras.layers.Dense"
    unknown = {
        "Twice has a call of its own in place of keras.layers.Dense's": [Twice(2), Inside(2)],
        "Standardised has a _conv_forward of its own in place of torch.nn.Conv2d's": [Standardised(2, 2, 1)],
        "Mixin has a forward of its own in place of torch.nn.Linear's": [Mixed(2, 2)],
        "Gated has a __call__ of its own in place of flax.nnx.Linear's": [Gated(2, 2, rngs=nnx.Rngs(0))],
        "Half has a __call__ of its own in place of equinox.nn.Linear's": [Half(2, 2, key=jax.random.key(0))],
    }
    for reason, layers in unknown.items():
        for layer in layers:
            layout = layouts.of(layer)
            assert not layout.known and len(layout) == 0
            assert reason in layout.reason and "taut.layouts.layout" in layout.reason
    linear = torch.nn.Linear(2, 2)
    linear.forward = lambda x: x  # type: ignore[method-assign]
    assert "this one object has a forward of its own" in layouts.of(linear).reason
    assert "no layout is declared for torch.nn.Sequential" in layouts.of(torch.nn.Sequential()).reason
    # PyTorch's own subclasses of its own layers
    parametrized = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(3, 2))
    assert layouts.of(parametrized)["weight"].fan_in == (1,)


def test_a_layer_of_ones_own_joins_by_one_row() -> None:
    @layouts.layout(
        {"w": ("kernel", "(group:groups out) in"), "b": ("bias", "(group:groups out)")}, way="mix", takes="... in"
    )
    class Mine:
        groups = 2

        def __init__(self) -> None:
            self.w, self.b = np.ones((6, 4)), np.ones(6)

        def __call__(self, x: np.ndarray) -> np.ndarray:
            return x

    layout = layouts.of(Mine())
    assert layout.flow is not None and layout.flow.way == "mix"
    assert (layout["w"].fan_in, layout["w"].role, layout.inputs) == ((1,), "kernel", 8)

    class Child(Mine):
        groups = 3

    class Other(Mine):
        def __call__(self, x: np.ndarray) -> np.ndarray:
            return -x

    assert layouts.of(Child())["w"].unpacked_shape == (3, 2, 4)
    assert not layouts.of(Other()).known
    Child.groups = 5
    with pytest.raises(ValueError, match=r"Mine, array 'w': .*\(6, 4\).*6 is not group 5 × out \?"):
        layouts.of(Child())


def test_a_row_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(TypeError, match=r"'w' is \(0,\), expected \(role, axes\)"):
        layouts.layout({"w": (0,)})  # type: ignore[dict-item]
    for axes, why in {
        "in units": "'units', expected one of in, in2",
        "in (gate out)": "one factor at most goes without a size",
        "window* out*": r"one axis at most has a \*",
        "in (gate:4 out": "brackets hold what one axis packs",
        "in.out": "'in.out', expected one of",
    }.items():
        with pytest.raises(ValueError, match=why):
            layouts.layout({"w": ("kernel", axes)})
    with pytest.raises(ValueError, match="expected one of 'mix'"):
        layouts.layout({}, way="blend")
    with pytest.raises(ValueError, match="'inputs', expected 'in' or 'out'"):
        layouts.layout({}, way="mix", sizes={"n": "inputs"})
    with pytest.raises(TypeError, match="declares a class"):
        layouts.layout({})(taut.layers.Dense(3))  # type: ignore[type-var]


# --- what follows -----------------------------------------------------------------------------------------------------


def test_groups_by_input_of_a_depthwise_kernel_are_its_channels() -> None:
    """By hand: the sum over channels of the norm of all that a channel feeds, and not the norm of everything."""
    layer = keras.layers.DepthwiseConv2D(3, depth_multiplier=2)
    layer.build((None, 5, 5, 4))
    w = np.random.default_rng(0).normal(size=(3, 3, 4, 2))
    kernel = layouts.of(layer)["kernel"]
    labels = kernel.groups("input")
    np.testing.assert_array_equal(labels, np.broadcast_to(np.arange(4)[:, None], w.shape))
    by_channel = sum(np.sqrt((w[:, :, c] ** 2).sum()) for c in range(4))
    penalty = float(GroupLasso(0.1, by="entry", groups=labels)(w))
    np.testing.assert_allclose(penalty, 0.1 * by_channel, rtol=1e-12)
    assert penalty > 1.5 * float(GroupLasso(0.1, by="all")(w))  # what one group of everything would give


def test_groups_of_packed_kernels() -> None:
    grouped = parameter("window in (group:2 out)", 1, 2, 6)
    np.testing.assert_array_equal(grouped.groups("input")[0], [[0, 0, 0, 2, 2, 2], [1, 1, 1, 3, 3, 3]])
    np.testing.assert_array_equal(grouped.groups("unit")[0], [range(6)] * 2)
    assert len(np.unique(grouped.groups("filter"))) == 12
    transposed = parameter("(group:2 in) out window", 4, 3, 1)
    np.testing.assert_array_equal(transposed.groups("unit")[..., 0], [[0, 1, 2]] * 2 + [[3, 4, 5]] * 2)
    with pytest.raises(ValueError, match=r"w: axis 0 .* Reshape the array to \(2, 2, 3, 1\), .* \(1, 3\)"):
        _ = transposed.fan_in
    assert parameter("(group:1 in) out window", 4, 3, 1).fan_in == (0, 2)
    joint = parameter("in+out (gate:4 out)", 5, 8)
    assert (joint.fan_in, joint.features, joint.groups("input")[:, 0].tolist()) == (
        (0,),
        (None, "out*4"),
        [0, 1, 2, 3, 4],
    )
    bias = parameter("(gate:4 out)", 8)
    assert bias.fan_in == (0,) and not bias.groups("unit").any()
    with pytest.raises(ValueError, match=r"w: by='input': .* no inputs"):
        bias.groups("input")
    with pytest.raises(ValueError, match="by='column', expected 'unit'"):
        joint.groups("column")


def test_blocks_are_the_matrices() -> None:
    w = np.arange(24).reshape(2, 12)
    gates = [w[block] for block in parameter("in (gate:4 out)", 2, 12).blocks]
    np.testing.assert_array_equal(gates, np.split(w, 4, axis=1))
    heads = [w[block] for block in parameter("out (in.head:3 in)", 2, 12).blocks]
    np.testing.assert_array_equal(heads, np.split(w, 3, axis=1))
    taking_turns = [w[block] for block in parameter("in (out gate:4)", 2, 12).blocks]
    np.testing.assert_array_equal(taking_turns, [w[:, k::4] for k in range(4)])
    separate = [w.reshape(2, 3, 4)[block].shape for block in parameter("in head out", 2, 3, 4).blocks]
    assert separate == [(2, 3, 4)] or separate == [(2, 1, 4)] * 3
    assert parameter("in out", 2, 12).blocks == ((slice(None), slice(None)),)


def test_fans_are_those_of_keras_where_no_groups_are() -> None:
    from keras.src.initializers.random_initializers import compute_fans

    for layer, shape in (
        (keras.layers.Dense(3), (None, 4)),
        (keras.layers.Conv2D(5, (3, 2)), (None, 6, 6, 4)),
        (keras.layers.LSTM(3), (None, 2, 4)),
        (keras.layers.Embedding(7, 3), (None,)),
    ):
        layer.build(shape)
        for p in layouts.of(layer).values():
            assert p.fans == tuple(compute_fans(p.shape)), p
    # A unit of a transposed kernel sums over its last axis, which Keras takes for the units.
    assert parameter("window out in", 2, 3, 5).fans == (10, 6)
    assert parameter("out in window", 3, 5, 2).fans == (10, 6)
    assert parameter("window group out", 3, 4, 2).fans == (3, 6)


def test_keras_axis_bounds_one_unit_in_keras() -> None:
    layer = keras.layers.Conv2DTranspose(3, 2)
    layer.build((None, 4, 4, 5))
    kernel = layouts.of(layer)["kernel"]
    assert (kernel.keras_axis, kernel.keras_default) == ([0, 1, 3], ("window",))
    w = np.random.default_rng(0).normal(size=kernel.shape).astype("float32")
    bounded = np.asarray(keras.constraints.MaxNorm(0.5, axis=kernel.keras_axis)(w))
    np.testing.assert_allclose([np.linalg.norm(bounded[:, :, unit]) for unit in range(3)], 0.5, rtol=1e-5)
    assert parameter("in out", 3, 2).keras_axis == 0 and parameter("token out", 3, 2).keras_axis == 1


def test_features_that_can_be_cut() -> None:
    for axes, shape, expected in (
        ("in out", (4, 3), ("in", "out")),
        ("window window in out", (2, 2, 4, 3), (None, None, "in", "out")),
        ("in (gate:4 out)", (4, 8), ("in", "out*4")),
        ("in (out gate:4)", (4, 8), ("in", None)),
        ("window in (group:2 out)", (2, 2, 6), (None, None, None)),
        ("window in (group:1 out)", (2, 2, 6), (None, "in", "out")),
        ("window group out", (2, 4, 2), (None, None, None)),
        ("in head out", (4, 2, 3), ("in", None, None)),
        ("in.head in out", (2, 3, 4), (None, None, "out")),
        ("token out", (5, 3), (None, "out")),
    ):
        assert parameter(axes, *shape).features == expected, axes


def test_the_shape_of_what_a_layer_takes() -> None:
    conv = layouts.of(torch.nn.Conv2d(4, 6, 3, groups=2))
    assert conv.inputs == 4 and conv.refusal((4, 8, 8)) is None
    assert "(in window window, in = 4), and these have shape (8, 8, 4)" in str(conv.refusal((8, 8, 4)))
    dense = keras.layers.Dense(3)
    dense.build((None, 4))
    assert layouts.of(dense).refusal((7, 4)) is None and layouts.of(dense).refusal((4, 7)) is not None
    lstm = layouts.of(torch.nn.LSTM(4, 3))
    assert lstm.refusal((9, 4)) is None and lstm.refusal((4,)) is not None
    assert layouts.of(torch.nn.Embedding(3, 2)).refusal((9,)) is None
    picture = keras.layers.Conv1D(3, 2, data_format="channels_first")
    picture.build((None, 4, 9))
    assert picture and layouts.of(picture).refusal((4, 9)) is None and layouts.of(picture).refusal((9, 4)) is not None


def test_an_unknown_kind_is_refused_where_a_term_needs_it() -> None:
    class Turned(nnx.Linear):
        def __call__(self, x: Any) -> Any:
            return x @ self.kernel[...]

    model = taut.Sequential([taut.layers.Input((3,)), Turned(3, 2, rngs=nnx.Rngs(0))])
    with pytest.raises(ValueError, match=r"turned/kernel: MaxNorm.*no declared layout"):
        model.attach({"turned/kernel": taut.constraints.MaxNorm(0.5)})


def test_terms_by_input_are_right_in_every_layout() -> None:
    """The penalty by hand, input by input, of the same convolution kept by Keras and by PyTorch, by depth, and packed."""
    rng = np.random.default_rng(3)

    def penalty(p: layouts.Parameter, w: np.ndarray, by: str = "input") -> float:
        return float(GroupLasso(0.1, by=by)(w, fan_in=p.fan_in))

    w = rng.normal(size=(2, 3, 4, 5))  # (window, window, in, out)
    by_input = 0.1 * sum(np.linalg.norm(w[:, :, i]) for i in range(4))
    by_filter = 0.1 * sum(np.linalg.norm(w[:, :, i, u]) for i in range(4) for u in range(5))
    turned = w.transpose(3, 2, 0, 1)
    for p, array in (
        (parameter("window window in out", 2, 3, 4, 5), w),
        (layouts.of(torch.nn.Conv2d(4, 5, (2, 3)))["weight"], turned),
        (layouts.of(equinox.nn.Conv2d(4, 5, (2, 3), key=jax.random.key(0)))["weight"], turned),
        (layouts.of(torch.nn.ConvTranspose2d(4, 5, (2, 3)))["weight"], turned.transpose(1, 0, 2, 3)),
    ):
        np.testing.assert_allclose(penalty(p, array), by_input, rtol=1e-12)
        np.testing.assert_allclose(penalty(p, array, "filter"), by_filter, rtol=1e-12)
    assert layouts.of(torch.nn.Conv2d(4, 5, 2))["weight"].fan_in == (1, 2, 3)

    depthwise = rng.normal(size=(3, 3, 4, 1))
    p = parameter("window window group out", 3, 3, 4, 1)
    np.testing.assert_allclose(penalty(p, depthwise), 0.1 * np.linalg.norm(depthwise, axis=(0, 1)).sum(), rtol=1e-12)
    flax = nnx.Conv(4, 4, (3, 3), feature_group_count=4, rngs=nnx.Rngs(0))  # (3, 3, 1, 4): another layout of the same
    turned = depthwise.transpose(0, 1, 3, 2)
    np.testing.assert_allclose(penalty(layouts.of(flax)["kernel"], turned), penalty(p, depthwise), rtol=1e-12)

    grouped = rng.normal(size=(2, 3, 8))  # two groups of three inputs and four units
    p = parameter("window in (group:2 out)", 2, 3, 8)
    by_hand = 0.1 * sum(np.linalg.norm(grouped[:, i, 4 * g : 4 * g + 4]) for g in range(2) for i in range(3))
    np.testing.assert_allclose(penalty(p, grouped), by_hand, rtol=1e-12)
    shrunk = np.asarray(GroupLasso(0.1, by="input").prox(grouped, 1.0, fan_in=p.fan_in))
    piece = grouped[:, 1, 4:]
    np.testing.assert_allclose(shrunk[:, 1, 4:], piece * (1 - 0.1 / np.linalg.norm(piece)), rtol=1e-12)

    table = rng.normal(size=(5, 3))  # the inputs of a table are its rows
    by_hand = 0.1 * np.linalg.norm(table, axis=1).sum()
    np.testing.assert_allclose(penalty(parameter("token out", 5, 3), table), by_hand, rtol=1e-12)


def test_a_fan_in_that_knows_more_is_still_a_tuple_of_axes() -> None:
    plain, more = parameter("in out", 3, 2).fan_in, parameter("window group out", 3, 2, 2).fan_in
    other = parameter("out in window", 2, 3, 3).fan_in
    assert type(plain) is tuple and more == (0,) and other == (1, 2) and hash(more) == hash((0,))
    assert more == pickle.loads(pickle.dumps(more)) == copy.deepcopy(more)
    assert parameter("window group out", 3, 4, 2).fan_in != more  # as axes the same, but not as groups


def test_a_plan_groups_a_depthwise_kernel_by_channel() -> None:
    model = taut.Sequential([taut.layers.Input((6, 4)), nnx.Conv(4, 4, (3,), feature_group_count=4, rngs=nnx.Rngs(0))])
    model.attach({"conv/kernel": GroupLasso(0.1, by="input")})
    w = np.asarray(model.get_weights()[0])
    entry = model.plan["conv/kernel"]
    assert w.shape == (3, 1, 4) and entry.regularizer is not None
    np.testing.assert_allclose(
        float(entry.regularizer(w, fan_in=entry.fan_in)), 0.1 * np.linalg.norm(w[:, 0], axis=0).sum(), rtol=1e-5
    )


def test_reports_count_inputs_as_the_layout_does() -> None:
    from taut.report.numbers import ignored_inputs, input_norms

    w = np.ones((2, 3, 8))  # two groups of three inputs and four units; input 4 is the second group's second
    w[:, 1, 4:] = 0
    fan_in = parameter("window in (group:2 out)", 2, 3, 8).fan_in
    assert ignored_inputs(w, fan_in).tolist() == [4]
    np.testing.assert_allclose(input_norms(w, fan_in), np.sqrt([8, 8, 8, 8, 0, 8]))
    turned = np.zeros((5, 4, 2))
    turned[:, 3] = 1
    assert ignored_inputs(turned, parameter("out in window", 5, 4, 2).fan_in).tolist() == [0, 1, 2]


def test_a_term_written_for_keras_has_the_axes_of_the_layer_built_or_not() -> None:
    k, norm = keras.layers, taut.constraints.MaxNorm(1.0)
    for layer, shape, axis in (
        (k.Dense(3), (None, 4), 0),
        (k.Conv2D(6, 3, groups=2), (None, 8, 8, 4), [0, 1, 2]),
        (k.Conv1DTranspose(6, 3), (None, 8, 4), [0, 2]),
        (k.DepthwiseConv2D(3), (None, 8, 8, 4), [0, 1]),
        (k.Embedding(5, 3), (None,), 1),
        (k.LSTM(3), (None, 2, 4), 0),
        (k.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3)), (None, 5, 4), 0),
        (taut.layers.Dense(3), None, 0),
    ):
        assert taut.constraints.serialize(norm, for_keras=layer)["config"]["axis"] == axis
        if shape is not None:
            layer.build(shape)
            assert taut.constraints.serialize(norm, for_keras=layer)["config"]["axis"] == axis
    with pytest.raises(TypeError, match=r"The fan-in of .*Lambda.* is not known here"):
        taut.constraints.serialize(norm, for_keras=k.Lambda(lambda x: x))


def test_layers_stacked_in_one_array_keep_the_units_of_one_where_the_first_axis_stacks_them() -> None:
    class Stack(nnx.Module):
        def __init__(self, axis: int) -> None:
            make = nnx.vmap(lambda rngs: nnx.Linear(3, 3, use_bias=False, rngs=rngs), in_axes=0, out_axes=axis)
            self.inner, self.axis = make(nnx.Rngs(0).split(2)), axis

        def __call__(self, x: Any) -> Any:
            for k in range(2):
                x = x @ jnp.take(self.inner.kernel[...], k, axis=self.axis)
            return x

    model = taut.Sequential([taut.layers.Input((3,)), Stack(0)])
    assert model.plan["stack/inner/kernel"].fan_in == (1,)
    with pytest.raises(ValueError, match=r"flax\.nnx\.Linear, array 'kernel': .*\(2, 3, 3\)"):
        layouts.of(model.layers[1].inner)  # the array of two layers is not one layer's

    last = taut.Sequential([taut.layers.Input((3,)), Stack(2)])
    assert last.plan["stack/inner/kernel"].fan_in is None
    last.attach({"stack/inner/kernel": taut.regularizers.L1(0.1)})
    with pytest.raises(ValueError, match="no declared layout"):
        last.attach({"stack/inner/kernel": taut.constraints.MaxNorm(0.5)})
