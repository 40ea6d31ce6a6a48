"""Derivatives through the maps of matrices, beside finite differences in float64: JAX forwards and backwards, PyTorch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from taut.constraints import PSD, LowRank, NuclearBall, Orthogonal, Skew, SpectralNorm, Symmetric
from taut.regularizers import NuclearNorm, SquaredSpectralNorm

Map = Callable[[Any], Any]
MAPS: dict[str, Map] = {
    "NuclearNorm": lambda w: NuclearNorm(0.7).prox(w, 1.0),
    "NuclearNorm in blocks": lambda w: NuclearNorm(0.4, blocks=2).prox(w, 1.0),
    "SquaredSpectralNorm": lambda w: SquaredSpectralNorm(0.3).prox(w, 1.0),
    "SpectralNorm": SpectralNorm(1.1),
    "NuclearBall": NuclearBall(2.5),
    "LowRank": LowRank(2),
    "Orthogonal": Orthogonal(),
}
H = 1e-6


def matrix(rows: int, columns: int, values: list[float], seed: int = 0) -> np.ndarray:
    """With these singular values."""
    rng = np.random.default_rng(seed)
    u = np.linalg.qr(rng.normal(size=(rows, len(values))))[0]
    v = np.linalg.qr(rng.normal(size=(columns, len(values))))[0]
    return (u * values) @ v.T


def check(maps: dict[str, Map], places: dict[str, np.ndarray]) -> None:
    """All maps at all places, which are of one shape: one program in JAX."""
    rng = np.random.default_rng(2)
    points = np.stack(list(places.values()))
    d, v = rng.normal(size=(2, *points.shape[1:]))
    acts = list(maps.values())
    # (maps, places, rows, columns)
    want = np.stack([[(act(w + H * d) - act(w - H * d)) / (2 * H) for w in points] for act in acts])

    def both_ways(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        def every(x: jax.Array) -> jax.Array:
            return jnp.stack([act(x) for act in acts])

        z, forwards = jax.jvp(every, (x,), (d,))
        backwards = jnp.stack([jax.grad(lambda x, act=act: jnp.sum(act(x) * v))(x) for act in acts])
        return z, forwards, jnp.sum(backwards * d, axis=(1, 2))

    with jax.enable_x64(True):
        run = jax.jit(jax.vmap(both_ways, out_axes=1), compiler_options={"xla_backend_optimization_level": 0})
        z, forwards, backwards = (np.asarray(a) for a in run(jnp.asarray(points)))
    for k, name in enumerate(maps):
        for i, place in enumerate(places):
            says = f"{name} {place} {points.shape[1:]}"
            x = torch.tensor(points[i], requires_grad=True)
            (acts[k](x) * torch.tensor(v)).sum().backward()
            assert x.grad is not None
            along = (want[k, i] * v).sum()
            np.testing.assert_allclose(float((x.grad.numpy() * d).sum()), along, rtol=3e-6, atol=3e-6, err_msg=says)
            np.testing.assert_allclose(z[k, i], acts[k](points[i]), rtol=1e-10, atol=1e-12, err_msg=says)
            np.testing.assert_allclose(forwards[k, i], want[k, i], rtol=3e-6, atol=3e-6, err_msg=says)
            np.testing.assert_allclose(backwards[k, i], along, rtol=3e-6, atol=3e-6, err_msg=says)


@pytest.mark.parametrize("shape", [(6, 4), (3, 4)], ids=str)
def test_maps_of_singular_values(shape: tuple[int, int]) -> None:
    """None of the places is at a kink."""
    few = min(shape)
    check(
        MAPS,
        {
            "apart": matrix(*shape, [2.0, 1.5, 0.6, 0.3][:few]),
            "equal ones": matrix(*shape, [2.0, 2.0, 0.3, 0.3][:few]),
            "nearly equal": matrix(*shape, [2.0, 2.0 - 1e-9, 0.3, 0.3 - 1e-9][:few]),
            "plain": np.random.default_rng(1).normal(size=shape),
        },
    )


def test_maps_of_square_matrices() -> None:
    rng = np.random.default_rng(3)
    q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    equal, inside = (q * [2.0, 2.0, -0.5, -0.5]) @ q.T, (q * [2.0, 2.0, 1.5, 0.5]) @ q.T
    check(
        {"PSD": PSD(), "Symmetric": Symmetric(), "Skew": Skew()},
        {
            "plain": rng.normal(size=(4, 4)),
            "equal eigenvalues": (equal + equal.T) / 2,
            "inside": (inside + inside.T) / 2,
        },
    )
    check({"Symmetric": Symmetric(), "Skew": Skew()}, {"skew": q - q.T})  # where PSD has a kink


def test_points_of_the_set_move_along_it() -> None:
    """A point that is left as it is has the derivative of the projection, not of the identity."""
    flat = matrix(5, 4, [2.0, 1.5])
    check({"LowRank": LowRank(2)}, {"rank 2": flat})
    check({"Orthogonal": Orthogonal()}, {"orthonormal": matrix(5, 4, [1.0, 1.0, 1.0, 1.0])})
    np.testing.assert_array_equal(LowRank(2)(flat), flat)


def test_by_strength_and_step() -> None:
    w, v = np.random.default_rng(4).normal(size=(2, 5, 4))

    def value(strength: Any, step: Any, x: Any) -> Any:
        return (NuclearNorm(strength).prox(x, step) * v).sum() + (SpectralNorm(strength)(x) * v).sum()

    with jax.enable_x64(True):
        got = jax.grad(value, (0, 1))(jnp.asarray(0.7), jnp.asarray(0.9), jnp.asarray(w))
    by_strength = value(0.7 + H, 0.9, w) - value(0.7 - H, 0.9, w)
    by_step = value(0.7, 0.9 + H, w) - value(0.7, 0.9 - H, w)
    np.testing.assert_allclose(np.asarray(got), np.asarray([by_strength, by_step]) / (2 * H), rtol=1e-6, atol=1e-7)


def test_derivatives_are_finite_where_there_is_none() -> None:
    for act in MAPS.values():
        for w in (np.zeros((4, 4)), matrix(4, 4, [1.0]), matrix(4, 4, [1.0, 1.0, 1.0, 1.0])):
            x = torch.tensor(w, requires_grad=True)
            (act(x) ** 2 + act(x)).sum().backward()
            assert x.grad is not None and bool(torch.isfinite(x.grad).all())
