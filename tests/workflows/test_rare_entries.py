"""Rows of an embedding that have no gradient in most steps: alive until the data say otherwise, then exactly zero.

Decision 011: the prox moves an entry with the step it had when its last gradient came; an entry without any gradient
is left alone for one pass over the data.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import taut
from taut.optimizers import Adam, RMSprop
from taut.regularizers import L1, GroupLasso


class NaiveAdam(Adam):
    """The prox takes the step that the optimizer's moments imply now, whether or not an entry has a gradient."""

    forgets: ClassVar[bool] = False


class NaiveRMSprop(RMSprop):
    forgets: ClassVar[bool] = False


# --- two tables, both penalised ------------------------------------------------------------------------------------------

USERS, ITEMS, RANK = 200, 100, 4
UNRATED = 20  # users, and half as many items, that no rating names


class Factors(nnx.Module):
    """A rating is the inner product of a user's row and an item's row."""

    def __init__(self) -> None:
        self.user = nnx.Embed(USERS, RANK, rngs=nnx.Rngs(0))
        self.item = nnx.Embed(ITEMS, RANK, rngs=nnx.Rngs(1))

    def __call__(self, pairs: jax.Array) -> jax.Array:
        return (self.user(pairs[..., 0]) * self.item(pairs[..., 1])).sum(axis=-1, keepdims=True)


def zipf(generator: np.random.Generator, n: int, size: int) -> np.ndarray:
    weights = 1 / np.arange(1, n + 1)
    return generator.choice(n, size, p=weights / weights.sum())


@pytest.fixture(scope="module")
def ratings() -> tuple[np.ndarray, np.ndarray]:
    """3,000 ratings of users and items of very different frequency: 50 users have three or fewer."""
    rng = np.random.default_rng(0)
    pairs = np.stack([zipf(rng, USERS - UNRATED, 3000), zipf(rng, ITEMS - UNRATED // 2, 3000)], axis=1).astype(np.int32)
    users, items = rng.normal(size=(USERS, RANK)), rng.normal(size=(ITEMS, RANK))
    y = (users[pairs[:, 0]] * items[pairs[:, 1]]).sum(axis=1) + 0.1 * rng.normal(size=3000)
    return pairs, y.astype(np.float32)


STRENGTH = 2e-3


def factorisation(optimizer: Any) -> taut.Sequential:
    taut.utils.set_random_seed(0)
    model = taut.Sequential([taut.layers.Input((2,)), Factors()])
    model.attach({"**/embedding": L1(STRENGTH)})
    model.compile(optimizer, "mse")
    return model


def tables(model: taut.Sequential) -> dict[str, np.ndarray]:
    return {path.split("/")[-2]: np.array(w) for path, w in model.params.items()}


def rows_of_zeros(table: np.ndarray) -> np.ndarray:
    return ~table.any(axis=1)


def fit(model: taut.Sequential, data: tuple[np.ndarray, np.ndarray], epochs: int, **arguments: Any) -> None:
    model.fit(*data, **{"batch_size": 32, "epochs": epochs, "verbose": 0, **arguments})


def test_unseen_rows_survive_the_first_batches(ratings: tuple[np.ndarray, np.ndarray]) -> None:
    first = ratings[0][:320], ratings[1][:320]  # ten batches
    unseen = np.setdiff1d(np.arange(USERS), first[0][:, 0])
    assert len(unseen) > 80

    def after(optimizer: Any) -> tuple[np.ndarray, np.ndarray]:
        model = factorisation(optimizer)
        before = tables(model)["user"]
        fit(model, first, 1)
        return before, tables(model)["user"]

    before, now = after(Adam(1e-2))
    np.testing.assert_array_equal(now[unseen], before[unseen])
    _, naive = after(NaiveAdam(1e-2))
    assert rows_of_zeros(naive[unseen]).mean() > 0.9


def test_dead_rows_are_exactly_zero_after_one_pass(ratings: tuple[np.ndarray, np.ndarray]) -> None:
    users, items = (np.bincount(ratings[0][:, i], minlength=n) for i, n in ((0, USERS), (1, ITEMS)))
    model = factorisation(Adam(1e-2))
    fit(model, ratings, 1)
    table = tables(model)
    assert not rows_of_zeros(table["user"])[users == 0].any()
    assert not rows_of_zeros(table["item"])[items == 0].any()
    fit(model, ratings, 1)
    table = tables(model)
    assert rows_of_zeros(table["user"])[users == 0].all()
    assert rows_of_zeros(table["item"])[items == 0].all()
    assert not np.signbit(table["user"][users == 0]).any()
    # What the ratings speak of is not swept away with them.
    assert rows_of_zeros(table["user"])[users > 20].sum() == 0


@pytest.mark.slow
def test_minibatches_come_to_what_full_batches_find(ratings: tuple[np.ndarray, np.ndarray]) -> None:
    """The objective of both tables is not convex, so the two runs are compared by their value and their rows."""
    pairs, y = ratings
    counts = np.bincount(pairs[:, 0], minlength=USERS)

    def objective(table: dict[str, np.ndarray]) -> float:
        fitted = (table["user"][pairs[:, 0]] * table["item"][pairs[:, 1]]).sum(axis=1)
        return float(np.mean((fitted - y) ** 2) + STRENGTH * sum(np.abs(t).sum() for t in table.values()))

    mini, full = factorisation(Adam(1e-2)), factorisation(Adam(1e-2))
    fit(mini, ratings, 60, settle=200)
    fit(full, (np.tile(pairs, (10, 1)), np.tile(y, 10)), 300, batch_size=3000, shuffle=False)
    a, b = tables(mini), tables(full)
    assert objective(a) < 1.04 * objective(b)
    for low, high in ((4, 20), (21, 3000)):
        group = (counts >= low) & (counts <= high)
        differ = rows_of_zeros(a["user"])[group] != rows_of_zeros(b["user"])[group]
        assert differ.mean() < 0.05
    assert rows_of_zeros(a["user"])[counts == 0].all()


# --- one table, and its optimum in closed form ---------------------------------------------------------------------------

RARE, FREQUENT, DEAD, FACTORS, CATALOGUE, RATINGS = 60, 10, 10, 3, 40, 4000
KEPT = 0.4  # the strength as what is taken off |rating × item| of a user with one rating


class Users(nnx.Module):
    """The users' table alone; each item, which is given, shows one factor."""

    def __init__(self, items: np.ndarray) -> None:
        self.user = nnx.Embed(RARE + FREQUENT + DEAD, FACTORS, rngs=nnx.Rngs(0))
        self.items = nnx.Variable(jnp.asarray(items))

    def __call__(self, pairs: jax.Array) -> jax.Array:
        return (self.user(pairs[..., 0]) * self.items[...][pairs[..., 1]]).sum(axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def problem() -> dict[str, np.ndarray]:
    """4,000 ratings: one of each rare user, the others of ten frequent ones; and the penalised optimum.

    Entry (u, j): argmin of Σ_i (r_i − q_i·p)²/N + λ|p| over the ratings of u with an item that shows factor j, which
    is soft(Σ r·q, λN/2) / Σ q²; without any such rating it is 0.
    """
    rng = np.random.default_rng(0)
    users = RARE + FREQUENT + DEAD
    q = np.zeros((CATALOGUE, FACTORS))
    factor = np.arange(CATALOGUE) % FACTORS
    q[np.arange(CATALOGUE), factor] = rng.choice([-1, 1], CATALOGUE) * rng.uniform(0.5, 1.5, CATALOGUE)
    q = q.astype(np.float32).astype(np.float64)
    truth = rng.choice([-1, 1], (users, FACTORS)) * rng.uniform(0.2, 2, (users, FACTORS))
    who = np.concatenate([np.arange(RARE), RARE + rng.integers(0, FREQUENT, RATINGS - RARE)])
    what = rng.integers(0, CATALOGUE, RATINGS)
    y = (truth[who] * q[what]).sum(axis=1).astype(np.float32)
    shown = q[what, factor[what]]
    product, square = np.zeros((users, FACTORS)), np.zeros((users, FACTORS))
    np.add.at(product, (who, factor[what]), shown * y)
    np.add.at(square, (who, factor[what]), shown**2)
    optimum = np.sign(product) * np.maximum(np.abs(product) - KEPT, 0) / np.where(square > 0, square, 1)
    pairs = np.stack([who, what], axis=1).astype(np.int32)
    return {"pairs": pairs, "y": y, "items": q.astype(np.float32), "optimum": optimum}


def trained(problem: dict[str, np.ndarray], optimizer: Any, epochs: int) -> np.ndarray:
    """The users' table after ``epochs`` passes of 500 steps: a rare user's gradient comes once in 500."""
    taut.utils.set_random_seed(0)
    model = taut.Sequential([taut.layers.Input((2,)), Users(problem["items"])])
    model.attach({"**/embedding": L1(2 * KEPT / RATINGS)})
    model.compile(optimizer, "mse")
    fit(model, (problem["pairs"], problem["y"]), epochs, batch_size=8)
    return tables(model)["user"].astype(np.float64)


def objective(problem: dict[str, np.ndarray], table: np.ndarray) -> float:
    users, items = problem["pairs"].T
    fitted = (table[users] * problem["items"].astype(np.float64)[items]).sum(axis=1)
    return float(np.mean((fitted - problem["y"]) ** 2) + 2 * KEPT / RATINGS * np.abs(table).sum())


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [Adam(1e-3), RMSprop(1e-2)], ids=["adam", "rmsprop"])
def test_rare_and_frequent_rows_reach_the_optimum(problem: dict[str, np.ndarray], optimizer: Any) -> None:
    found, optimum = trained(problem, optimizer, 300), problem["optimum"]
    rare, frequent, dead = found[:RARE], found[RARE:-DEAD], found[-DEAD:]
    on = optimum[:RARE] != 0
    assert 40 < on.sum() < RARE
    # The right entries live, each within the distance that one minibatch moves it, and not shrunk on the whole.
    assert (rare[on] != 0).all()
    assert np.abs(rare - optimum[:RARE])[on].mean() < 0.1
    assert np.abs(rare[on]).sum() / np.abs(optimum[:RARE]).sum() == pytest.approx(1, abs=0.1)
    never_shown = np.ones((RARE, FACTORS), bool)
    users, items = problem["pairs"].T
    never_shown[users[users < RARE], items[users < RARE] % FACTORS] = False
    assert not rare[never_shown].any()
    np.testing.assert_array_equal(frequent != 0, optimum[RARE:-DEAD] != 0)
    np.testing.assert_allclose(frequent, optimum[RARE:-DEAD], atol=0.03)
    assert not dead.any()
    best = objective(problem, optimum)
    assert objective(problem, found) < 1.02 * best


@pytest.mark.slow
def test_a_naive_prox_would_lose_the_rare_rows(problem: dict[str, np.ndarray]) -> None:
    """The moments fade between two ratings, the naive step grows, and the penalty is counted many times over."""
    on = problem["optimum"][:RARE] != 0
    naive = trained(problem, NaiveRMSprop(1e-2), 60)
    assert (naive[:RARE][on] == 0).mean() > 0.5
    assert objective(problem, naive) > 1.5 * objective(problem, problem["optimum"])


# --- groups in which some entries have had no gradient yet ----------------------------------------------------------------


@pytest.mark.parametrize("huge", [1.0, 1e5, 1e10])
def test_a_group_with_entries_whose_step_is_zero(huge: float) -> None:
    # Entries that have had no gradient have step 0, others in the same group as much as lr/ε.
    rng = np.random.default_rng(0)
    w = rng.standard_normal((64, 32)).astype(np.float32)
    step = np.where(rng.random(w.shape) < 0.3, 0, huge * 10 ** rng.uniform(-3, 0, w.shape)).astype(np.float32)
    z = np.asarray(GroupLasso(0.006, by="input").prox(jnp.asarray(w), jnp.asarray(step), fan_in=(0,)))
    assert np.array_equal(z[step == 0], w[step == 0])  # nothing moves them
    n = np.linalg.norm(z.astype(np.float64), axis=1, keepdims=True)  # optimality: z(1 + step·λ/n) = w
    np.testing.assert_allclose(z * (1 + step * 0.006 / n), w, rtol=2e-4, atol=1e-6)
