"""The main terms under torch.compile(fullgraph=True): one graph, and eager PyTorch's own numbers.

Equations are solved by a loop that is part of the graph, so that nothing is cut off where eager mode would go on.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from taut.constraints import (
    Box,
    L1Ball,
    MaxNorm,
    Monotone,
    NonNeg,
    Simplex,
    TopK,
    UnitNorm,
)
from taut.regularizers import (
    L1,
    L1L2,
    MCP,
    GroupLasso,
    GroupLInf,
    Huber,
    LHalf,
    SparseGroupLasso,
)

SHAPE = (40, 3)
PENALTIES = [
    L1(0.3),
    L1L2(0.2, 0.4),
    Huber(0.7, 0.6),
    MCP(0.7, 1.7),
    LHalf(0.7),
    GroupLasso(0.7),
    SparseGroupLasso(0.3, 0.6, by=(2, 1)),
    GroupLInf(0.7),
]
SETS = [
    NonNeg(),
    Box(-0.5, 0.7),
    MaxNorm(1.1),
    UnitNorm(),
    Box(-0.4, 0.6) & MaxNorm(0.9),
    Simplex(),
    L1Ball(1.3),
    TopK(5),
    Monotone(axis=0),
]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """No graph of another test, and no warning to users: not of PyTorch's either."""
    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def given() -> tuple[torch.Tensor, torch.Tensor]:
    """Weights whose slices need many passes, with ties and zeros, and steps that differ a hundredfold."""
    rng = np.random.default_rng(3)
    w = rng.normal(size=SHAPE) * np.exp(rng.normal(size=SHAPE))
    w[:4] = np.round(w[:4])
    w[4, :] = 0.0
    return torch.asarray(w), torch.asarray(np.exp(rng.normal(size=SHAPE)))


def rarely(terms: list[Any], often: tuple[type, ...]) -> list[Any]:
    """Each with a loop of its own kind is compiled in `make test`, the others in `make test-all`: a second a graph."""
    return [term if isinstance(term, often) else pytest.param(term, marks=pytest.mark.slow) for term in terms]


@pytest.mark.parametrize("term", rarely(PENALTIES, (GroupLasso, MCP)), ids=lambda t: type(t).__name__)
def test_a_penalty_and_its_prox(term: Any) -> None:
    def both(w: torch.Tensor, step: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return term(w), term.prox(w, step)

    value, z = torch.compile(both, fullgraph=True, backend="eager")(*given())
    want_value, want = both(*given())
    assert torch.equal(z, want)
    assert torch.equal(value, want_value)


@pytest.mark.parametrize("term", rarely(SETS, (MaxNorm, L1Ball, Monotone)), ids=str)
def test_a_projection_in_a_metric(term: Any) -> None:
    def both(w: torch.Tensor, step: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return term(w, step=step), term.violation(w)

    z, off = torch.compile(both, fullgraph=True, backend="eager")(*given())
    want, want_off = both(*given())
    assert torch.equal(z, want)
    assert torch.equal(off, want_off)
    assert float(term.violation(z)) == 0.0


@pytest.mark.parametrize("term", rarely([GroupLasso(0.7), L1Ball(1.3)], (L1Ball,)), ids=lambda t: type(t).__name__)
def test_the_gradient_of_a_compiled_map(term: Any) -> None:
    """Through the graph that PyTorch differentiates ahead of time, a loop included."""

    def act(w: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        return term.prox(w, step) if hasattr(term, "prox") else term(w, step=step)

    slopes: list[Any] = []
    for f in (act, torch.compile(act, fullgraph=True, backend="aot_eager")):
        w, step = given()
        w.requires_grad_()
        (f(w, step) * torch.cos(torch.arange(w.numel(), dtype=w.dtype)).reshape(SHAPE)).sum().backward()
        slopes.append(w.grad)
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-12, atol=1e-12)


@pytest.mark.slow  # it calls the C++ compiler
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, of its own
def test_compiled_to_machine_code() -> None:
    w, step = given()
    term = MaxNorm(1.1)
    z = torch.compile(lambda w, s: term(w, step=s), fullgraph=True, backend="inductor")(w, step)
    torch.testing.assert_close(z, term(w, step=step), rtol=1e-13, atol=1e-13)
    assert float(term.violation(z)) == 0.0


def test_loops_go_on_for_as_long_as_they_need() -> None:
    """A chain of pools one pass long each: a fixed number of steps would stop short of its end."""
    from taut.functional._control import while_

    def count(x: torch.Tensor) -> torch.Tensor:
        import array_api_compat.torch as xp

        return while_(xp, 100, lambda s: s < 37, lambda s: s + 1, x)

    assert int(torch.compile(count, fullgraph=True, backend="eager")(torch.tensor(0))) == 37
    assert int(torch.compile(lambda x: count(x), fullgraph=True, backend="eager")(torch.tensor(-100))) == 0
