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
    "compact",
    "compare",
    "constraints",
    "functional",
    "initializers",
    "layers",
    "layouts",
    "load_model",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "path",
    "paths",
    "regularizers",
    "role",
    "stack",
    "utils",
}

CODEC = "get serialize deserialize"

# What a Keras program may name after `import taut as keras`, and what taut adds to it.
INSIDE = {
    "activations": f"{CODEC} ACTIVATIONS name_of register elu exponential gelu hard_sigmoid leaky_relu linear log_softmax "
    "mish relu relu6 selu sigmoid silu softmax softplus softsign swish tanh",
    "constraints": f"{CODEC} Constraint NonNeg UnitNorm MaxNorm MinMaxNorm Box Intersection Plain as_constraint "
    "non_neg unit_norm max_norm min_max_norm box nonneg unitnorm maxnorm minmaxnorm "
    "NonPositive LInfBall Fixed Zeros Triangular Diagonal Masked Radial "
    "Simplex StochasticRows StochasticColumns UnitSum ZeroMean HalfSpace L1Ball GroupL1Ball DoublyStochastic Monotone Convex TopK NM "
    "SpectralNorm NuclearBall LowRank Orthogonal Symmetric Skew PSD",
    "functional": "elastic group_norms l1 l2 mutual_coherence project_box project_l2_ball project_l2_shell "
    "project_sphere shrink_groups soft_threshold",
    "initializers": f"{CODEC} Initializer Constant GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform "
    "Ones RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros constant glorot_normal glorot_uniform "
    "he_normal he_uniform lecun_normal lecun_uniform ones random_normal random_uniform truncated_normal "
    "variance_scaling zeros",
    "layers": "Layer Dense Input InputLayer Flatten Activation Dropout Select",
    "layouts": "Array Factor Flow Layout Parameter Row fans layout main_fan_in name_of of table",
    "losses": f"{CODEC} Loss FunctionLoss BinaryCrossentropy CategoricalCrossentropy SparseCategoricalCrossentropy "
    "MeanAbsoluteError MeanSquaredError binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy "
    "mean_absolute_error mean_squared_error mae mse",
    "metrics": f"{CODEC} Metric BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy BinaryCrossentropy "
    "CategoricalCrossentropy SparseCategoricalCrossentropy MeanAbsoluteError MeanSquaredError",
    "models": "Sequential load_model",
    "optimizers": f"{CODEC} Optimizer Optax SGD Adam AdamW RMSprop Adagrad",
    "paths": "Comparison Many Path Point Stability Table compare path train_many",
    "regularizers": f"{CODEC} Regularizer Acting Sum Plain as_regularizer L1 L2 L1L2 OrthogonalRegularizer GroupLasso "
    "l1 l2 l1l2 l1_l2 orthogonal_regularizer group_lasso "
    "CappedL1 Entropy ExclusiveLasso GroupLInf GroupMCP HoyerSquare Huber KLSparsity L0 LHalf LogSum MCP SCAD "
    "SparseGroupLasso Masked NuclearNorm OrderedL1 Scaled SquaredDifferences SquaredOrthogonal SquaredSpectralNorm "
    "TotalVariation Towards",
    "utils": "set_random_seed to_categorical",
}


def test_top_level_names() -> None:
    assert set(taut.__all__) == TOP
    assert set(dir(taut)) == {*TOP, "sklearn"}  # needs scikit-learn, so `from taut import *` leaves it out


@pytest.mark.parametrize("name", sorted(TOP))
def test_every_top_level_name_is_there(name: str) -> None:
    value = getattr(taut, name)
    assert getattr(taut, name) is value
    if isinstance(value, ModuleType):
        assert value is importlib.import_module(f"taut.{name}")


@pytest.mark.parametrize("module", sorted(INSIDE))
def test_names_inside(module: str) -> None:
    # `__all__` holds these and no more, so that a new public name is written down here too.
    assert set(getattr(taut, module).__all__) == set(INSIDE[module].split())
    assert all(hasattr(getattr(taut, module), name) for name in INSIDE[module].split())


def test_models_are_the_same_things() -> None:
    assert taut.models.Sequential is taut.Sequential
    assert taut.models.load_model is taut.load_model


def test_an_unknown_name_says_so() -> None:
    with pytest.raises(AttributeError, match="module 'taut' has no attribute 'Sequentail'") as caught:
        taut.Sequentail  # noqa: B018
    assert caught.value.name == "Sequentail"
    assert caught.value.obj is taut  # from which Python says "Did you mean: 'Sequential'?"
