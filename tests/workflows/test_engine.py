"""The engine: what costs a compilation, what stops a run and what is left then, and that chunks change nothing."""

import numpy as np
import pytest
from flax import nnx

import taut
from taut import constraints, regularizers
from taut.model import NonFiniteError, engine, progress, training
from tests.workflows._nets import BATCH, ROWS, X, Y, assert_differ, assert_same, fit, net, weights

STEPS = ROWS // BATCH


class Compilations:
    """How many programs were compiled since it was made."""

    def __init__(self) -> None:
        self.start = self._now()

    def _now(self):
        return engine.run._cache_size() + engine.measure._cache_size()

    def __call__(self) -> int:
        return self._now() - self.start


# --- compilations -------------------------------------------------------------------------------------------------------


def penalised(strength=0.01, radius=1.0, optimizer=None, seed=0, **first):
    return net(
        seed,
        optimizer or taut.optimizers.Adam(0.01),
        kernel_regularizer=regularizers.L1(strength),
        bias_constraint=constraints.MaxNorm(radius),
        activity_regularizer=regularizers.L2(strength),
        **first,
    )


def train_and_measure(model):
    fit(model, validation_data=(X, Y), epochs=2)
    model.evaluate(X, Y, batch_size=BATCH)
    return weights(model)


def test_new_numbers_compile_nothing() -> None:
    first = train_and_measure(penalised())
    compiled = Compilations()
    variants = {
        "strength": penalised(strength=0.3),
        "none at all": penalised(strength=0.0),
        "bound": penalised(radius=0.01),
        "learning rate": penalised(optimizer=taut.optimizers.Adam(0.5, beta_1=0.5, epsilon=1e-3)),
        "another seed": penalised(seed=1),
        "another initializer": penalised(kernel_initializer=taut.initializers.HeNormal(seed=5)),
    }
    for name, model in variants.items():
        assert_differ(train_and_measure(model), first)
        assert compiled() == 0, name
    same = penalised()
    assert_same(train_and_measure(same), first)
    same.layers[0].kernel_regularizer = regularizers.L1(0.7)
    same.layers[0].bias_constraint = constraints.MaxNorm(0.5)
    train_and_measure(same)
    same.compile(taut.optimizers.Adam(0.2), "categorical_crossentropy", ["accuracy"])
    train_and_measure(same)
    assert compiled() == 0
    train_and_measure(penalised(optimizer=taut.optimizers.SGD(0.1)))
    assert compiled() > 0  # the count can rise


def test_a_loaded_model_compiles_nothing(tmp_path) -> None:
    model = penalised()
    train_and_measure(model)
    compiled = Compilations()
    model.save(tmp_path / "m.taut")
    train_and_measure(taut.load_model(tmp_path / "m.taut"))
    assert compiled() == 0


def test_epochs_chunks_and_new_data_of_the_same_shape_compile_nothing(monkeypatch) -> None:
    model = penalised()
    train_and_measure(model)
    compiled = Compilations()
    fit(model, X + 1, Y[::-1].copy(), epochs=3, shuffle=False)
    chunks_of(monkeypatch, 1)
    fit(model, epochs=2)
    assert compiled() == 0


def test_a_loss_as_metric_compiles_once() -> None:
    def measured():
        model = net()
        model.compile("sgd", "categorical_crossentropy", [taut.losses.MeanSquaredError()])
        model.evaluate(X, Y)

    measured()
    compiled = Compilations()
    measured()
    assert compiled() == 0


# --- chunks -------------------------------------------------------------------------------------------------------------


def chunks_of(monkeypatch, steps):
    """Make every chunk ``steps`` long, whatever the machine's pace."""
    monkeypatch.setattr(training, "_chunk", lambda job: steps)


@pytest.mark.parametrize("rows", [24, 21])
def test_a_run_in_chunks_is_the_run(monkeypatch, rows) -> None:
    def trained():
        model = penalised()
        history = fit(model, X[:rows], Y[:rows], epochs=3)
        return weights(model), history.history

    chunks_of(monkeypatch, 100)
    whole, history = trained()
    for steps in (1, 2):
        chunks_of(monkeypatch, steps)
        parts, values = trained()
        assert_same(parts, whole)
        for key in history:
            assert values[key] == pytest.approx(history[key], rel=1e-5)


def test_the_bar_moves_chunk_by_chunk(monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(progress.Progress, "advance", lambda self, steps, epoch, values: seen.append((epoch, steps)))
    chunks_of(monkeypatch, 2)
    fit(penalised(), epochs=2)
    assert seen == [(0, 2), (0, 1), (1, 2), (1, 1)]


# --- Ctrl-C -------------------------------------------------------------------------------------------------------------


def interrupt_after(monkeypatch, calls):
    """Raise KeyboardInterrupt at the ``calls``-th report of progress, as Ctrl-C would."""
    left = [calls]

    def advance(self, steps, epoch, values):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(progress.Progress, "advance", advance)


def test_after_ctrl_c_the_weights_of_the_steps_so_far_stay_and_training_can_go_on(monkeypatch) -> None:
    chunks_of(monkeypatch, 1)
    uninterrupted = penalised()
    fit(uninterrupted, epochs=2, shuffle=False)

    model = penalised()
    interrupt_after(monkeypatch, STEPS + 1)
    with pytest.raises(KeyboardInterrupt):
        fit(model, epochs=5, shuffle=False)
    after = weights(model)
    assert model.history.epoch == [0]  # the epoch that was finished
    one_more = penalised()  # the same number of steps, without an interruption
    monkeypatch.undo()
    fit(one_more, shuffle=False)
    fit(one_more, X[:BATCH], Y[:BATCH], shuffle=False)
    assert_same(after, weights(one_more))

    assert all(v == 0 for v in model.plan.violations(model.params).values())
    fit(model, X[BATCH:], Y[BATCH:], shuffle=False)  # the rest of the second epoch, with the optimizer's state
    assert_same(weights(model), weights(uninterrupted))


def test_ctrl_c_between_epochs(monkeypatch) -> None:
    model, reference = penalised(), penalised()
    monkeypatch.setattr(
        progress.Progress, "end_epoch", lambda self, epoch, values: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        fit(model, epochs=3, shuffle=False)
    monkeypatch.undo()
    fit(reference, shuffle=False)
    assert_same(weights(model), weights(reference))


# --- values that stop being finite --------------------------------------------------------------------------------------


def exploding(rows=21, bad=10):
    """Rows whose ``bad``-th overflows a float32 square."""
    x = X[:rows].copy()
    x[bad] = 1e30
    return x, X[:rows, 0].copy()


def least_squares(**layer):
    model = taut.Sequential([taut.layers.Dense(1, kernel_initializer="ones", input_shape=(3,), **layer)])
    model.compile(taut.optimizers.SGD(0.01, momentum=0.9), "mse")
    return model


@pytest.mark.parametrize("chunk", [1, 2, 100])
@pytest.mark.parametrize(("bad", "step"), [(0, 1), (10, 2), (20, 3)])
def test_a_value_that_stops_being_finite_is_found_and_the_weights_before_it_stay(monkeypatch, bad, step, chunk) -> None:
    chunks_of(monkeypatch, chunk)
    x, y = exploding(bad=bad)
    model, reference = least_squares(), least_squares()
    with pytest.raises(NonFiniteError) as caught:
        fit(model, x, y, shuffle=False, epochs=3)
    error = caught.value
    assert (error.epoch, error.step) == (1, step)
    assert error.parameters == ("dense/kernel",)  # the gradient of the bias is large, but finite
    for words in (f"epoch 1, step {step}", "the loss was inf", "dense/kernel stopped being finite"):
        assert words in str(error)
    assert "keeps its weights from before this step" in str(error)
    assert "the largest input of this batch is 1e+30" in str(error)

    if step > 1:  # the run that stops one step before
        fit(reference, x[: BATCH * (step - 1)], y[: BATCH * (step - 1)], shuffle=False)
    assert_same(weights(model), weights(reference))
    good = np.delete(x, bad, axis=0)[-BATCH:], np.delete(y, bad)[-BATCH:]
    for m in (model, reference):  # and the optimizer's state is of that moment too
        fit(m, *good, shuffle=False)
    assert_same(weights(model), weights(reference))


def test_a_later_epoch_is_named(monkeypatch) -> None:
    model = taut.Sequential([taut.layers.Dense(1, kernel_initializer="ones", input_shape=(3,))])
    model.compile(taut.optimizers.SGD(50.0), "mse")  # doubles its error many times over
    with pytest.raises(NonFiniteError) as caught:
        fit(model, X[:21], X[:21, 0], epochs=100)
    assert caught.value.epoch > 1
    assert f"epoch {caught.value.epoch}, step {caught.value.step}" in str(caught.value)
    assert len(model.history.epoch) == caught.value.epoch - 1
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert np.abs(model.get_weights()[0]).max() > 1e10  # not the weights from the start


def test_a_loss_alone_that_is_not_finite() -> None:
    import jax.numpy as jnp

    model = taut.Sequential([taut.layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", lambda y, out: jnp.where(y > 5, jnp.inf, 0.0) + 0 * out)
    before = weights(model)
    y = np.arange(21.0)
    with pytest.raises(NonFiniteError, match="epoch 1, step 1: the loss was inf") as caught:
        fit(model, X[:21], y, shuffle=False)
    assert caught.value.parameters == ()
    assert_same(weights(model), before)


def test_a_metric_that_is_not_finite_is_no_reason_to_stop() -> None:
    model = net()
    model.compile("sgd", "categorical_crossentropy", [lambda y, out: y[:, 0] / 0])
    history = fit(model).history
    assert not np.isfinite(history["<lambda>"]).any()
    assert np.isfinite(history["loss"]).all()


def test_a_momentum_that_overflows_behind_a_bound_is_an_error() -> None:
    """The Box hides the weight's infinity; the optimizer's state would keep it for good."""
    kernel = {"kernel_initializer": "zeros", "kernel_constraint": taut.constraints.Box(-1, 1)}
    model = taut.Sequential([taut.layers.Dense(1, use_bias=False, input_shape=(1,), **kernel)])
    model.compile(taut.optimizers.SGD(0.01, momentum=0.9), "mse")
    with pytest.raises(NonFiniteError, match="the optimizer's state"):
        model.fit(np.asarray([[1e21]], "float32"), np.asarray([1e18], "float32"), epochs=3, verbose=0)


def test_attaching_a_term_keeps_the_optimizer_s_state() -> None:
    """Moments belong to the parameters, not to the terms on them."""
    model = taut.Sequential([taut.layers.Dense(2, input_shape=(3,))])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(64, 3))
    model.fit(x, x[:, :2], epochs=2, verbose=0)
    model.attach({"dense/kernel": taut.regularizers.L1(0.01)})
    model.fit(x, x[:, :2], epochs=1, verbose=0)
    assert int(model._state[1].taken) == 6


def test_half_precision_parameters_of_a_module_train() -> None:
    model = taut.Sequential([nnx.Linear(3, 2, param_dtype="bfloat16", rngs=nnx.Rngs(0))])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(64, 3))
    model.build((3,))
    before = model.params["linear/kernel"]
    model.fit(x, x[:, :2], epochs=2, verbose=0)
    after = model.params["linear/kernel"]
    assert after.dtype == before.dtype and bool((after != before).any())
