"""The public names, pinned: adding or removing one is a decision, and shows up here as one."""

import importlib
from types import ModuleType

import pytest

import taut

TOP = {
    "Input",
    "Sequential",
    "__version__",
    "activations",
    "constraints",
    "functional",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "path",
    "regularizers",
    "stack",
    "utils",
}

# What a Keras program may name after `import taut as keras`, and what taut adds to it.
INSIDE = {
    "regularizers": {
        *("Regularizer", "L1", "L2", "L1L2", "OrthogonalRegularizer", "GroupLasso"),
        *("l1", "l2", "l1_l2", "orthogonal_regularizer", "group_lasso"),
        *("get", "serialize", "deserialize"),
    },
    "constraints": {
        *("Constraint", "NonNeg", "UnitNorm", "MaxNorm", "MinMaxNorm", "Box"),
        *("non_neg", "unit_norm", "max_norm", "min_max_norm", "box"),
        *("get", "serialize", "deserialize"),
    },
    "layers": {"Dense", "Input", "Flatten", "Activation", "Dropout"},
    "optimizers": {"SGD", "Adam", "AdamW", "RMSprop", "Adagrad"},
    "models": {"Sequential", "load_model"},
    "utils": {"set_random_seed"},
}


def test_top_level_names() -> None:
    assert set(taut.__all__) == TOP
    assert set(dir(taut)) == TOP


@pytest.mark.parametrize("name", sorted(TOP))
def test_every_top_level_name_is_there(name: str) -> None:
    value = getattr(taut, name)
    assert getattr(taut, name) is value
    if isinstance(value, ModuleType):
        assert value is importlib.import_module(f"taut.{name}")


@pytest.mark.parametrize("module", sorted(INSIDE))
def test_names_inside(module: str) -> None:
    # `__all__` holds these and no more, so that a new public name is written down here too.
    assert set(getattr(taut, module).__all__) == INSIDE[module]
    assert all(hasattr(getattr(taut, module), name) for name in INSIDE[module])


def test_models_are_the_same_things() -> None:
    assert taut.models.Sequential is taut.Sequential
    assert taut.models.load_model is taut.load_model


def test_an_unknown_name_says_so() -> None:
    with pytest.raises(AttributeError, match="module 'taut' has no attribute 'Sequentail'") as caught:
        taut.Sequentail  # noqa: B018
    assert caught.value.name == "Sequentail"
    assert caught.value.obj is taut  # from which Python says "Did you mean: 'Sequential'?"
