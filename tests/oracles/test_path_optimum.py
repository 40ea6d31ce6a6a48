"""Full-batch paths of one layer are scikit-learn's: the same optimum, the same support, the same largest strength."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression

import taut
from taut import regularizers

COUNT = 6


def scaled(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def paths(x, y, loss, activation, outputs, term, strengths=COUNT):
    model = taut.Sequential([taut.layers.Dense(outputs, activation=activation, input_shape=x.shape[1:])])
    model.compile(taut.optimizers.SGD(0.01), loss)
    path = taut.path(
        model, x, y, {"kernel": term}, strengths, folds=None, seeds=1, epochs=1, batch_size="full", seed=0, verbose=0
    )
    assert path.converged.all()
    return path, path.weights["dense/kernel"].astype(np.float64), path.weights["dense/bias"].astype(np.float64)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_lasso_and_elastic_net(ridge) -> None:
    x, y = load_diabetes(return_X_y=True)
    x, y = scaled(x), scaled(y)
    path, w, b = paths(x, y, "mse", None, 1, lambda s: regularizers.L1L2(s, ridge * s))
    # Zero is the optimum from max |2xᵀ(y − ȳ)|/n on.
    assert path.strengths[0, 0] == pytest.approx(2 * np.abs(x.T @ y).max() / len(y), rel=2e-5)
    for i, lam in enumerate(path.strengths[:, 0]):
        # scikit-learn's ½·mse + α·ρ·l1 + ½·α·(1 − ρ)·l2, twice.
        alpha = lam / 2 + ridge * lam
        peer = (Lasso(lam / 2) if not ridge else ElasticNet(alpha, l1_ratio=lam / 2 / alpha)).set_params(
            tol=1e-10, max_iter=100_000
        )
        peer.fit(x, y)

        def objective(w, b, lam=lam):
            return np.mean((x @ w + b - y) ** 2) + lam * np.abs(w).sum() + ridge * lam * np.square(w).sum()

        assert objective(w[i, :, 0], b[i, 0]) <= objective(peer.coef_, peer.intercept_) * (1 + 1e-6)
        assert np.array_equal(w[i, :, 0] != 0, peer.coef_ != 0)
    assert not w[0].any() and (w[-1] != 0).sum() >= 9
    refitted = path.refit(2)
    np.testing.assert_allclose(refitted.params["dense/kernel"], w[2], atol=1e-5)


def test_multinomial() -> None:
    x, y = load_wine(return_X_y=True)
    x = scaled(x)
    path, w, b = paths(
        x, y, "sparse_categorical_crossentropy", "softmax", 3, regularizers.L1, np.geomspace(0.3, 0.01, 4)
    )
    for i, lam in enumerate(path.strengths[:, 0]):
        peer = LogisticRegression(
            l1_ratio=1.0, C=1 / (lam * len(y)), solver="saga", tol=1e-9, max_iter=20_000, random_state=0
        ).fit(x, y)

        def objective(w, b, lam=lam):
            z = x @ w + b
            return np.mean(np.logaddexp.reduce(z, axis=1) - z[np.arange(len(y)), y]) + lam * np.abs(w).sum()

        assert objective(w[i], b[i]) <= objective(peer.coef_.T, peer.intercept_) * (1 + 1e-6)
        assert np.array_equal(w[i] != 0, peer.coef_.T != 0)


def test_group_lasso_begins_where_every_group_is_zero() -> None:
    x, y = load_wine(return_X_y=True)
    x, one_hot = scaled(x), np.eye(3)[y]
    path, w, _ = paths(
        x, one_hot, "categorical_crossentropy", "softmax", 3, lambda s: regularizers.GroupLasso(s, by="input"), 3
    )
    gradient = x.T @ (one_hot.mean(axis=0) - one_hot) / len(y)  # at zero, where a bias gives the classes' shares
    assert path.strengths[0, 0] == pytest.approx(np.linalg.norm(gradient, axis=1).max(), rel=2e-5)
    assert path.kept_inputs.sum(axis=1)[0] == 0 < path.kept_inputs.sum(axis=1)[1]
    assert np.array_equal((w != 0).any(axis=2), path.kept_inputs)
