"""Model files: everything comes back to the bit, a damaged or hostile file does no harm, and a crash loses nothing."""

import copy
import json
import stat
import tracemalloc

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from flax import nnx

import taut
from taut import constraints, identifiers, layers, losses, metrics, optimizers, regularizers
from taut.model import ModelFileError, files
from tests.workflows._nets import X, Y, assert_same, fit, net, weights

# --- what comes back ----------------------------------------------------------------------------------------------------


def full():
    """A model with something in every corner."""
    model = net(
        optimizer=optimizers.Adam(0.01, clipnorm=1.0, use_ema=True, ema_momentum=0.5),
        between=(layers.Dropout(0.25), layers.Activation("tanh"), layers.Flatten()),
        kernel_regularizer=(regularizers.L1(0.1) + regularizers.L2(1 / 3)).acting("gradient"),
        kernel_constraint=[constraints.NonNeg(), constraints.MaxNorm(2.0)],
        bias_regularizer=regularizers.L1(np.asarray([0.1, 0.2, 0.3, 1e-8])),
        bias_initializer=taut.initializers.RandomNormal(0.1, 0.2, seed=3),
        activity_regularizer="l2",
        name="first layer",
    )
    model.compile(
        model.optimizer,
        losses.CategoricalCrossentropy(label_smoothing=0.1),
        ["accuracy", "mse", metrics.BinaryAccuracy("half", 0.25), losses.MeanAbsoluteError()],
    )
    model.attach({"dense/kernel": [regularizers.L2(0.1).acting("decoupled"), constraints.Box(None, 0.5)]})
    model.attach({"dense/bias": None, "activation/activity": regularizers.L1(0.01)})
    model.metadata["columns"] = ["a", "b", "ç"]
    fit(model, epochs=2, validation_data=(X, Y))
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model = full()
    path = tmp_path_factory.mktemp("models") / "full.taut"
    model.save(path)
    return model, path


def test_everything_comes_back(saved) -> None:
    model, path = saved
    loaded = taut.load_model(path)
    assert_same(weights(loaded), weights(model))
    assert loaded.plan == model.plan
    assert str(loaded.plan) == str(model.plan)
    assert loaded.plan["first layer/kernel"].mode == "gradient"
    assert loaded.plan["dense/kernel"].mode == "decoupled"
    for name in ("optimizer", "loss", "terms", "seed", "metadata", "name", "input_shape", "output_shape", "history"):
        assert getattr(loaded, name) == getattr(model, name), name
    assert [metrics.get(m) for m in loaded.metrics] == [metrics.get(m) for m in model.metrics]
    assert [layer.get_config() for layer in loaded.layers] == [layer.get_config() for layer in model.layers]
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.evaluate(X, Y, return_dict=True) == model.evaluate(X, Y, return_dict=True)


def test_training_goes_on_where_it_stopped(saved, tmp_path) -> None:
    _, path = saved
    model, loaded = taut.load_model(path), taut.load_model(path)
    for m in (model, loaded):
        taut.utils.set_random_seed(5)
        fit(m)  # with the optimizer's moments, its averages and the streams of the dropout
        m.save(tmp_path / "again.taut")
    assert_same(weights(loaded), weights(model))
    straight = full()
    taut.utils.set_random_seed(5)
    fit(straight)
    assert_same(weights(loaded), weights(straight))


def test_saving_what_was_loaded_gives_the_same_file(saved, tmp_path) -> None:
    _, path = saved
    taut.load_model(path).save(tmp_path / "again.taut")
    assert (tmp_path / "again.taut").read_bytes() == path.read_bytes()


def test_a_model_that_was_never_compiled_nor_trained(tmp_path) -> None:
    model = taut.Sequential([layers.Dense(2, input_shape=(3,), trainable=False)])
    model.save(str(tmp_path / "m.taut"))  # a path as text
    loaded = taut.models.load_model(str(tmp_path / "m.taut"))
    assert_same(weights(loaded), weights(model))
    assert (loaded.loss, loaded.history, loaded.layers[0].trainable) == (None, None, False)
    loaded.compile("sgd", "mse")


def test_a_shared_layer_stays_shared(tmp_path) -> None:
    layer = layers.Dense(3, "tanh")
    model = taut.Sequential([layers.Input((3,)), layer, layer, layers.Dense(1)])
    model.save(tmp_path / "m.taut")
    loaded = taut.load_model(tmp_path / "m.taut")
    assert loaded.layers[1] is loaded.layers[2]
    assert list(loaded.params) == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_a_history_with_values_that_are_not_finite(tmp_path) -> None:
    model = net()
    fit(model)
    model.history.history["accuracy"] = [float("nan")]
    model.save(tmp_path / "m.taut")
    assert np.isnan(taut.load_model(tmp_path / "m.taut").history.history["accuracy"][0])


def test_loaded_weights_are_inside_their_constraints(tmp_path) -> None:
    model = net(kernel_constraint=constraints.MaxNorm(0.5))
    model.save(tmp_path / "m.taut")
    tensors, body = files.read(tmp_path / "m.taut")
    tensors["params/dense/kernel"] = tensors["params/dense/kernel"] * 10
    files.write(tmp_path / "m.taut", tensors, body)
    loaded = taut.load_model(tmp_path / "m.taut")
    assert np.linalg.norm(loaded.get_weights()[0].astype(np.float64), axis=0).max() <= 0.5 * (1 + 2**-21)


# --- what cannot be saved -----------------------------------------------------------------------------------------------


class Doubled(nnx.Module):
    """A module of a user's own."""

    def __init__(self, size):
        self.size = size
        self.inner = nnx.Linear(size, size, rngs=nnx.Rngs(0))

    def __call__(self, x):
        return 2 * self.inner(x)


class Known(Doubled):
    """The same, and known to files."""

    def get_config(self):
        return {"size": self.size}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def test_a_module_of_one_s_own_is_saved_once_it_is_registered(tmp_path) -> None:
    model = taut.Sequential([layers.Input((3,)), Doubled(3)])
    with pytest.raises(TypeError, match=r"layer 'doubled' \(Doubled\) cannot be saved.*register\('layer', Doubled\)"):
        model.save(tmp_path / "m.taut")
    assert list(tmp_path.iterdir()) == []
    identifiers.register("layer", Known)
    model = taut.Sequential([layers.Input((3,)), Known(3)])
    model.attach({"known/inner/kernel": regularizers.L1(0.1)})
    model.save(tmp_path / "m.taut")
    loaded = taut.load_model(tmp_path / "m.taut")
    assert_same(weights(loaded), weights(model))
    assert loaded.plan == model.plan
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def own(y_true, y_pred):
    return (y_true - y_pred) ** 2


def squares(w):
    return (w * w).sum()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"activation": lambda x: x}, ["layer 'dense'", "'<lambda>'", "taut.activations.register"]),
        ({"kernel_initializer": lambda shape: np.ones(shape)}, ["layer 'dense'", "initializer", "register"]),
        ({"kernel_regularizer": squares}, ["layer 'dense'", "'squares'", "never code"]),
        ({"compile": {"loss": own}}, ["the loss 'own'", "compile"]),
        ({"compile": {"metrics": [own]}}, ["the metric 'own'", "compile"]),
        ({"metadata": {"now": object()}}, ["model.metadata", "strings, finite numbers"]),
        ({"metadata": {"nan": float("nan")}}, ["model.metadata"]),
    ],
)
def test_a_file_holds_no_code(arguments, words, tmp_path) -> None:
    first = {k: v for k, v in arguments.items() if k not in ("compile", "metadata")}
    model = taut.Sequential([layers.Dense(2, input_shape=(3,), **first)])
    model.compile(**{"loss": "mse", **arguments.get("compile", {})})
    model.metadata = arguments.get("metadata", {})
    with pytest.raises((TypeError, ValueError)) as caught:
        model.save(tmp_path / "m.taut")
    assert all(word in str(caught.value) for word in words), caught.value
    assert list(tmp_path.iterdir()) == []


def test_a_named_activation_is_saved(tmp_path) -> None:
    def steep(x):
        return 3 * x

    taut.activations.register("steep for a test", steep)
    model = taut.Sequential([layers.Dense(2, steep, input_shape=(3,))])
    model.save(tmp_path / "m.taut")
    assert taut.load_model(tmp_path / "m.taut").layers[0].activation is steep
    with pytest.raises(ValueError, match="is in use"):
        taut.activations.register("relu", steep)


# --- where it goes: test_files.py holds what is true of every file --------------------------------------------------------


def test_a_file_is_written_as_any_other(tmp_path) -> None:
    model = net()
    (tmp_path / "target.taut").write_text("something else")
    (tmp_path / "link.taut").symlink_to(tmp_path / "target.taut")
    model.save(tmp_path / "link.taut")
    assert (tmp_path / "link.taut").is_symlink()
    assert_same(weights(taut.load_model(tmp_path / "target.taut")), weights(model))
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE((tmp_path / "target.taut").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere. Make it first"):
        model.save(tmp_path / "nowhere" / "m.taut")
    with pytest.raises(IsADirectoryError, match=r"it is a folder. Name a file"):
        model.save(tmp_path)


# --- damaged files ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The bytes of a small trained model."""
    model = net(kernel_regularizer="l1")
    fit(model)
    path = tmp_path_factory.mktemp("models") / "small.taut"
    model.save(path)
    return path.read_bytes()


def assert_refused(path, *words) -> None:
    with pytest.raises(ModelFileError) as caught:
        taut.load_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: "), message  # which file
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"


def test_a_file_cut_off_anywhere(small, tmp_path) -> None:
    path = tmp_path / "cut.taut"
    header = 8 + int.from_bytes(small[:8], "little")
    for length in {0, 1, 7, 8, 9, 100, header - 1, header, header + 1, len(small) - 4, len(small) - 1}:
        path.write_bytes(small[:length])
        assert_refused(path, "truncated" if length else "", "model.save")
    path.write_bytes(small + b"\0")
    assert_refused(path)


def test_a_file_altered_anywhere(small, tmp_path) -> None:
    path = tmp_path / "altered.taut"
    for place in range(0, len(small), 7):
        for flip in (0x01, 0x80):
            damaged = bytearray(small)
            damaged[place] ^= flip
            path.write_bytes(damaged)
            assert_refused(path)
    path.write_bytes(small)
    taut.load_model(path)


def test_files_that_are_no_models(tmp_path) -> None:
    path = tmp_path / "m.taut"
    for content in (
        b"hello, world\n" * 100,
        b"PK\x03\x04" + bytes(100),
        b"\x89HDF\r\n\x1a\n" + bytes(100),
        bytes(1000),
    ):
        path.write_bytes(content)
        assert_refused(path, "cannot be read as a taut model file", "model.save(path)")
    safetensors.numpy.save_file({"w": np.ones(3)}, path)
    assert_refused(path, "holds no taut model", "model.save(path)")
    path.write_bytes((2**63).to_bytes(8, "little") + b"{}")  # a header of nine exabytes
    assert_refused(path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        taut.load_model(tmp_path / "none.taut")
    with pytest.raises(FileNotFoundError, match="it is a folder"):
        taut.load_model(tmp_path)


# --- hostile files: well formed, with a right digest --------------------------------------------------------------------


@pytest.fixture(scope="module")
def parts(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "small.taut"
    path.write_bytes(small)
    tensors, body = files.read(path)
    return tensors, json.loads(body)


def put(description, place, value):
    """``description`` with ``value`` at ``place``, a path of keys."""
    description = copy.deepcopy(description)
    here = description
    for key in place[:-1]:
        here = here[key]
    here[place[-1]] = value
    return description


DENSE = ("layers", 0, "config")

HOSTILE = {
    "os.system as a layer": (("layers", 0, "class_name"), "os.system", ["Unknown layer 'os.system'", "Dense"]),
    "a module to import": (("layers", 0, "class_name"), "__import__('os')", ["Unknown layer"]),
    "a term to import": ((*DENSE, "kernel_regularizer"), {"class_name": "subprocess.Popen", "config": {}}, ["Popen"]),
    "a layer's base": (("layers", 0, "class_name"), "Layer", ["Unknown layer 'Layer'"]),
    "a function in a config": ((*DENSE, "activation"), "eval", ["Unknown activation 'eval'"]),
    "a lambda": ((*DENSE, "kernel_initializer"), {"class_name": "Lambda", "config": {}}, ["'Lambda'"]),
    "an optimizer to import": (("compile", "optimizer", "class_name"), "os.remove", ["Unknown optimizer"]),
    "a loss to import": (("compile", "loss", "class_name"), "os.remove", ["Unknown loss"]),
    "a metric to import": (("compile", "metrics"), [{"class_name": "os.remove", "config": {}}], ["os.remove"]),
    "huge units": ((*DENSE, "units"), 10**9, ["shape (3, 4)", "1000000000"]),
    "absurd units": ((*DENSE, "units"), 10**30, ["shape"]),
    "negative units": ((*DENSE, "units"), -1, ["units=-1"]),
    "units as text": ((*DENSE, "units"), "4", ["units='4'"]),
    "a huge input": (("input_shape",), [10**12], ["shape"]),
    "a negative input": (("input_shape",), [-3], ["shape"]),
    "an input of text": (("input_shape",), "abc", []),
    "an unknown argument": ((*DENSE, "__class__"), "x", ["'__class__'"]),
    "a config of a list": (("layers", 0, "config"), [1], ["class_name"]),
    "no layers": (("layers",), [], ["no layers"]),
    "layers of text": (("layers",), "Dense", []),
    "a layer of nothing": (("layers", 0), None, []),
    "a layer shared with none": (("layers", 1), {"shared_with": 7}, ["7", "1 layers"]),
    "a layer shared backwards": (("layers", 1), {"shared_with": -1}, ["-1"]),
    "a path as a name": ((*DENSE, "name"), "../../etc/passwd", ["without '/'"]),
    "a path as a parameter": (("attached",), {"../../x": {"regularizer": None}}, ["../../x"]),
    "a strength of NaN's name": ((*DENSE, "kernel_regularizer", "config", "l1"), "nan", ["l1"]),
    "a negative strength": ((*DENSE, "kernel_regularizer", "config", "l1"), -1, ["l1=-1"]),
    "a mode of no kind": ((*DENSE, "kernel_regularizer", "mode"), "exec", ["'exec'"]),
    "an attached kind of no kind": (("attached",), {"dense/kernel": {"layer": None}}, ["layer"]),
    "terms of no kind": (("compile", "terms"), "eval", ["terms='eval'"]),
    "a rate of text": (("compile", "optimizer", "config", "learning_rate"), "fast", ["learning_rate"]),
    "a seed of text": (("seed",), "abc", []),
    "a history of text": (("history",), "abc", []),
    "a history of lists": (("history", "history"), {"loss": ["a"]}, []),
    "metadata of text": (("metadata",), 3, []),
    "a newer format": (("format",), 99, ["in format 99", "reads up to", "Update taut"]),
    "no format": (("format",), None, ["no format number"]),
    "format true": (("format",), True, ["no format number"]),
    "format zero": (("format",), 0, ["no format number"]),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_description(case, parts, tmp_path) -> None:
    place, value, words = HOSTILE[case]
    tensors, description = parts
    path = tmp_path / "hostile.taut"
    files.write(path, tensors, json.dumps(put(description, place, value)))
    tracemalloc.start()
    try:
        assert_refused(path, *words)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("key", ["layers", "input_shape", "seed", "compile", "history", "attached", "metadata", "name"])
def test_a_description_with_a_part_missing(key, parts, tmp_path) -> None:
    tensors, description = parts
    files.write(tmp_path / "m.taut", tensors, json.dumps({k: v for k, v in description.items() if k != key}))
    assert_refused(tmp_path / "m.taut", f"has no '{key}'")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("[" * 100_000, ["no valid JSON"]),
        ("{", ["no valid JSON"]),
        ("[1, 2]", ["no format number"]),
        ('"text"', ["no format number"]),
        ("null", ["no format number"]),
        ('{"format": 1' + "0" * 10_000 + "}", ["JSON"]),
        ('{"format": 1}', ["has no 'layers'"]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_json_that_describes_nothing(body, words, tmp_path) -> None:
    files.write(tmp_path / "m.taut", {"a": np.ones(2)}, body)
    assert_refused(tmp_path / "m.taut", *words)


def test_terms_nested_without_end(parts, tmp_path) -> None:
    tensors, description = parts
    description = put(description, (*DENSE, "kernel_regularizer"), "HERE")
    one = '{"class_name": "L1", "config": {"l1": 0.1}}'
    term = '{"class_name": "Sum", "config": {"terms": [' * 5000 + one + "]}}" * 5000
    files.write(tmp_path / "m.taut", tensors, json.dumps(description).replace('"HERE"', term))
    assert_refused(tmp_path / "m.taut")


def without(tensors, name):
    return {k: v for k, v in tensors.items() if k != name}


TENSORS = {
    "a missing kernel": (lambda t: without(t, "params/dense/kernel"), ["'params/dense/kernel' is missing"]),
    "one too many": (lambda t: {**t, "params/x": np.ones(1, np.float32)}, ["'params/x' is of no layer"]),
    "a wrong shape": (
        lambda t: {**t, "params/dense/kernel": np.ones((3, 5), np.float32)},
        ["'params/dense/kernel' has shape (3, 5)", "(3, 4)"],
    ),
    "a wrong type": (
        lambda t: {**t, "params/dense/kernel": np.ones((3, 4), np.int64)},
        ["'params/dense/kernel' holds int64", "float32"],
    ),
    "half precision": (
        lambda t: {**t, "params/dense/bias": np.ones(4, np.float16)},
        ["'params/dense/bias' holds float16", "float32"],
    ),
    "NaN": (lambda t: {**t, "params/dense/bias": np.full(4, np.nan, np.float32)}, ["NaN or infinity"]),
    "infinity": (lambda t: {**t, "params/dense/bias": np.full(4, np.inf, np.float32)}, ["NaN or infinity"]),
    "no weights at all": (lambda t: {}, ["is missing"]),
    "half an optimizer": (lambda t: without(t, next(k for k in t if k.startswith("training/"))), ["training/"]),
    "an optimizer of another size": (
        lambda t: {k: np.ones((9, 9), np.float32) if k.startswith("training/") else v for k, v in t.items()},
        ["training/", "(9, 9)"],
    ),
}


@pytest.mark.parametrize("case", TENSORS)
def test_hostile_tensors(case, parts, tmp_path) -> None:
    alter, words = TENSORS[case]
    tensors, description = parts
    files.write(tmp_path / "m.taut", alter(tensors), json.dumps(description))
    assert_refused(tmp_path / "m.taut", *words)


def test_a_type_that_numpy_does_not_know(parts, tmp_path) -> None:
    import torch
    from safetensors.torch import save_file

    tensors, description = parts
    body = json.dumps(description)
    mixed = {k: torch.tensor(v) for k, v in tensors.items()}
    for kind in (torch.bfloat16, torch.float8_e4m3fn):
        mixed["params/dense/bias"] = torch.zeros(4).to(kind)
        save_file(mixed, tmp_path / "m.taut", {files.KEY: "0" * 64 + "\n" + body})
        assert_refused(tmp_path / "m.taut")


def test_a_file_that_was_refused_harms_nothing(parts, tmp_path) -> None:
    tensors, description = parts
    ran = tmp_path / "ran"
    for command in (f"touch {ran}", f"__import__('os').system('touch {ran}')"):
        described = put(description, ("layers", 0, "class_name"), command)
        described["compile"]["loss"] = {"module": "os", "class_name": "system", "config": {"command": command}}
        files.write(tmp_path / "m.taut", tensors, json.dumps(described))
        assert_refused(tmp_path / "m.taut")
    assert not ran.exists()
    with safetensors.safe_open(tmp_path / "m.taut", framework="numpy") as file:
        assert str(ran) in file.metadata()[files.KEY]  # it did ask for it
