"""Terms that a user writes as in Keras, and Keras's own terms: each is what it would be under Keras, and more."""

import copy
import pickle

import jax.numpy as jnp
import keras
import numpy as np
import pytest

import taut
from taut import constraints, errors, identifiers, joint, layers, regularizers

W = np.asarray([[-1.0, 0.4], [0.2, 2.0]])


class Pull(regularizers.Regularizer):
    """Neither a dataclass, nor with fan_in; an array, which Keras sums."""

    def __init__(self, s):
        self.s = s

    def __call__(self, x):
        return self.s * x**2

    def get_config(self):
        return {"s": self.s}


class Within(constraints.Constraint):
    """Neither step=, nor fan_in=, nor violation."""

    def __init__(self, s=0.5):
        self.s = s

    def __call__(self, x):
        return x.clip(-self.s, self.s)

    def get_config(self):
        return {"s": self.s}


class Longer(regularizers.L1):
    """A subclass of a taut term with a constructor of its own."""

    def __init__(self, s, times):
        super().__init__(s * times)
        object.__setattr__(self, "times", times)

    def get_config(self):
        return {"s": self.l1 / self.times, "times": self.times}


for _cls, _kind in ((Pull, "regularizer"), (Within, "constraint"), (Longer, "regularizer")):
    identifiers.register(_kind, _cls)


def test_a_penalty_in_keras_s_way_is_summed_alone_and_in_sums() -> None:
    for w in (W, jnp.asarray(W)):
        assert float(Pull(0.5)(w)) == pytest.approx(0.5 * (W**2).sum(), rel=1e-6)
        both = regularizers.L1(0.1) + Pull(0.5)
        assert float(both(w)) == pytest.approx(0.1 * abs(W).sum() + 0.5 * (W**2).sum(), rel=1e-6)
        assert float(regularizers.Plain(lambda x: x**2)(w)) == pytest.approx((W**2).sum(), rel=1e-6)
        assert float(regularizers.Scaled(Pull(0.5), 2.0)(w)) == pytest.approx((W**2).sum(), rel=1e-6)
    assert str(both) == "Sum(terms=(L1(l1=0.1), Pull(s=0.5)))" and errors.words(both) == "L1(0.1) + Pull(s=0.5)"


def test_a_constraint_in_keras_s_way_projects_alone_in_intersections_and_beside_l1() -> None:
    assert float(Within()(W).max()) == 0.5 and float(Within().violation(W)) == 1.5
    for both, low in (
        (constraints.NonNeg() & Within(), 0.0),
        (constraints.get([Within(), constraints.Box(-0.3)]), -0.3),
    ):
        z = both(W)
        np.testing.assert_allclose(z, W.clip(low, 0.5), rtol=1e-12)
        assert z.min() == low and z.max() == 0.5 and float(both.violation(z)) == 0.0
    ball = (Within(0.3) & constraints.MaxNorm(0.4, axis=0))(
        W
    )  # nearest by hand: [-0.3, 0.2] fits, [0.26.., 0.3] as well
    np.testing.assert_allclose(ball, [[-0.3, np.sqrt(0.16 - 0.09)], [0.2, 0.3]], atol=2e-6)
    np.testing.assert_allclose(
        joint.step_for(regularizers.L1(0.1), Within())(W, 1.0, None), np.clip(np.sign(W) * (abs(W) - 0.1), -0.5, 0.5)
    )
    with pytest.raises(ValueError, match="not convex"):  # of a function nothing is known at all
        constraints.get([constraints.NonNeg(), lambda w: w])


def test_the_bases_are_no_penalty_and_the_whole_space() -> None:
    np.testing.assert_array_equal(constraints.Constraint()(W), W)
    assert constraints.Constraint().get_config() == {} == regularizers.Regularizer().get_config()
    assert type(constraints.Constraint.from_config({})) is constraints.Constraint
    assert regularizers.Regularizer()(W) == 0.0
    assert float((constraints.Constraint() & constraints.NonNeg())(W).min()) == 0.0

    class Forgot(constraints.Constraint):
        def call(self, w):
            return w

    with pytest.raises(NotImplementedError, match="Forgot does not define its projection"):
        Forgot()(W)


def trained(**terms):
    """Least squares with one weight matrix: 40 rows that are the identity's, so that each weight is fitted alone."""
    taut.utils.set_random_seed(0)
    model = taut.Sequential([layers.Dense(2, use_bias=False, input_shape=(2,), **terms)])
    model.compile(taut.optimizers.SGD(0.5), "mse")
    model.fit(np.eye(2, dtype=np.float32), W.astype(np.float32), epochs=200, verbose=0)
    return model


def test_own_terms_train_are_reported_saved_and_loaded(tmp_path) -> None:
    model = trained(kernel_regularizer=Pull(0.5), kernel_constraint=Within())
    # mean of 4 squares + ½·w²: each weight is a/3, then clipped
    np.testing.assert_allclose(model.get_weights()[0], (W / 3).clip(-0.5, 0.5), atol=1e-5)
    assert "Pull(s=0.5)" in str(model.plan) and "Within(s=0.5)" in str(model.plan)
    model.report(tmp_path / "report.html")
    assert "Within(s=0.5)" in (tmp_path / "report.html").read_text()
    model.save(tmp_path / "m.taut")
    for twin in (taut.load_model(tmp_path / "m.taut"), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        entry = twin.plan["dense/kernel"]
        assert type(entry.regularizer) is Pull and entry.regularizer.s == 0.5 and entry.constraint.s == 0.5
        np.testing.assert_array_equal(twin.get_weights()[0], model.get_weights()[0])


def test_a_subclass_of_a_taut_term_keeps_what_it_holds() -> None:
    model = trained(kernel_regularizer=Longer(0.1, 2.0))
    # ½(w − a)²/2 … the soft threshold at 0.2·2 of the mean over four entries' squares
    np.testing.assert_allclose(model.get_weights()[0], np.sign(W) * np.maximum(abs(W) - 0.4, 0), atol=1e-5)
    assert model.get_weights()[0][1, 0] == 0.0
    again = regularizers.deserialize(regularizers.serialize(Longer(0.1, 2.0)))
    assert (again.times, again.l1) == (2.0, 0.2)


def test_what_could_not_be_read_again_is_refused_when_saved(tmp_path) -> None:
    class Unknown(Pull):
        pass

    class Short(Pull):
        def get_config(self):
            return {}

    class Odd(Pull):
        def get_config(self):
            return {"s": np.float32(self.s)}

    class Silent(constraints.Constraint):
        def __init__(self, s):
            self.s = s

        def __call__(self, x):
            return x

    identifiers.register("regularizer", Short)
    identifiers.register("regularizer", Odd)
    for terms, match in (
        ({"kernel_regularizer": Unknown(0.5)}, "Unknown is not registered"),
        ({"kernel_regularizer": Short(0.5)}, "Short.get_config.. gives {}, from which Short cannot be created again"),
        ({"kernel_constraint": Silent(0.5)}, r"Silent has no get_config.*arguments \(s\)"),
    ):
        with pytest.raises(TypeError, match=match):
            taut.Sequential([layers.Dense(2, input_shape=(2,), **terms)]).save(tmp_path / "m.taut")
    assert regularizers.serialize(Odd(0.5))["config"] == {"s": 0.5}
    assert repr(Silent(0.5)) == "Silent(s=0.5)"  # also without get_config


KERAS = [
    (keras.regularizers.L1(0.1), regularizers.L1(0.1)),
    (keras.regularizers.L2(0.1), regularizers.L2(0.1)),
    (keras.regularizers.L1L2(0.1, 0.2), regularizers.L1L2(0.1, 0.2)),
    (
        keras.regularizers.OrthogonalRegularizer(0.3, mode="columns"),
        regularizers.OrthogonalRegularizer(0.3, mode="columns"),
    ),
    (keras.constraints.NonNeg(), constraints.NonNeg()),
    (keras.constraints.MaxNorm(0.7, axis=1), constraints.MaxNorm(0.7, axis=1)),
    (keras.constraints.UnitNorm(), constraints.UnitNorm(axis=0)),
    (keras.constraints.MinMaxNorm(0.2, 0.5, rate=0.5), constraints.MinMaxNorm(0.2, 0.5, rate=0.5, axis=0)),
]


@pytest.mark.parametrize(("theirs", "ours"), KERAS, ids=lambda t: type(t).__name__)
def test_a_term_of_keras_s_own_is_that_term(theirs, ours) -> None:
    codec = regularizers if isinstance(ours, regularizers.Regularizer) else constraints
    assert codec.get(theirs) == ours
    kind = "regularizer" if codec is regularizers else "constraint"
    assert getattr(layers.Dense(2, **{f"kernel_{kind}": theirs}), f"kernel_{kind}") == ours
    wrong = "constraint" if kind == "regularizer" else "regularizer"
    with pytest.raises(TypeError, match=f"which is a {kind}"):
        layers.Dense(2, **{f"kernel_{wrong}": theirs})


def test_keras_s_terms_are_known_wherever_a_term_is_taken() -> None:
    l1, l2, nonneg = keras.regularizers.L1(0.1), keras.regularizers.L2(0.2), keras.constraints.NonNeg()
    ours = regularizers.L1(0.1) + regularizers.L2(0.2)
    assert regularizers.L1(0.1) + l2 == ours == l1 + regularizers.L2(0.2)
    expected = constraints.NonNeg() & constraints.MaxNorm(1.0)
    assert constraints.get([nonneg, constraints.MaxNorm(1.0)]) == expected == nonneg & constraints.MaxNorm(1.0)
    assert constraints.Masked(nonneg, [True, False]) == constraints.Masked(constraints.NonNeg(), [True, False])
    assert regularizers.Masked(l1, [True, False]) == regularizers.Masked(regularizers.L1(0.1), [True, False])
    assert regularizers.Acting(l1, "gradient") == regularizers.L1(0.1).acting("gradient")
    assert regularizers.get(keras.regularizers.L1) == regularizers.L1()  # the class, as Keras takes it
    assert regularizers.get(keras.regularizers.L2(1 / 3)) == regularizers.L2(1 / 3)  # no float32
    assert joint.step_for(l1, nonneg)(W, 1.0, None)[1, 1] == 1.9
    with pytest.raises(ValueError, match=r"MaxNorm\(axis=None\) takes one norm of the whole array"):
        constraints.get(keras.constraints.MaxNorm(1.0, axis=None))

    class Mine(keras.regularizers.L1):  # a user's own, which may do anything, is not taken for its base
        def __call__(self, x):
            return keras.ops.sum(x)

    assert isinstance(regularizers.get(Mine(1.0)), regularizers.Plain)

    model = taut.Sequential([layers.Dense(2, use_bias=False, input_shape=(2,))])
    model.attach({"dense/kernel": [l1, nonneg], "dense/activity": l2})
    entry = model.plan["dense/kernel"]
    assert (entry.regularizer, entry.mode, entry.constraint) == (regularizers.L1(0.1), "proximal", constraints.NonNeg())
    assert model.plan.activities[0].regularizer == regularizers.L2(0.2)
    model.compile("sgd", "mse")
    result = taut.path(
        model,
        np.eye(2),
        np.eye(2),
        vary={"dense/kernel": keras.regularizers.L1},
        strengths=[0.1, 0.01],
        epochs=1,
        folds=None,
    )
    assert result.refit(0).plan["dense/kernel"].regularizer == regularizers.L1(float(result.strengths[0, 0]))
