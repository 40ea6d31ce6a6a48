"""Maps on jitted JAX: taut, optax, jaxopt, and a copy of the same array."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax.projections as op
from jaxopt import projection as jp
from jaxopt import prox as jr

import taut
from benchmarks.line import serve
from benchmarks.peers import terms_works as works
from taut import constraints as c
from taut import regularizers as r

# Handing a small program to another thread and back costs 40 µs here, three times what copying 1e4 entries does,
# and is the same for every side.
jax.config.update("jax_cpu_enable_async_dispatch", False)


def by_unit(function: Callable[..., Any]) -> Callable[..., Any]:
    """A peer's map of one vector for every column."""
    return jax.vmap(function, in_axes=(1, None), out_axes=1)


def kept(w: Any, k: int) -> Any:
    """What a JAX user writes for top-k."""
    at = jax.lax.top_k(jnp.abs(w), k)[1]
    return jnp.zeros_like(w).at[at].set(w[at])


class JaxMaps(works.Maps):
    def versions(self) -> dict[str, str]:
        return {"taut": taut.__version__, **{name: version(name) for name in ("jax", "optax", "jaxopt")}}

    def wait(self, out: Any) -> None:
        jax.block_until_ready(out)

    def build(self, size: int) -> dict[str, dict[str, Callable[[], Any]]]:
        w = jnp.asarray(works.weights(size))
        flat, many = jnp.asarray(works.weights(size).ravel()), jnp.asarray(works.side_by_side(size))
        metric, metrics = jnp.asarray(works.steps(w.shape)), jnp.asarray(works.steps(many.shape))
        step, lam, k = jnp.float32(works.STEP), works.STRENGTH, size // 10
        found: dict[str, dict[str, Callable[[], Any]]] = {}

        def add(name: str, x: Any, own: Callable[..., Any], *more: Any, **peers: Callable[..., Any]) -> None:
            jitted = {works.COPY: (jax.jit(jnp.copy), (x,)), works.TAUT: (jax.jit(own), (x, *more))}
            jitted |= {peer: (jax.jit(function), (x, *more)) for peer, function in peers.items()}
            found[name] = {side: (lambda f=f, given=given: f(*given)) for side, (f, given) in jitted.items()}

        # The step is traced in every side, as a learning rate is.
        add("L1", w, r.L1(lam).prox, step, jaxopt=lambda x, s: jr.prox_lasso(x, lam, s))
        add("L2", w, r.L2(lam).prox, step, jaxopt=lambda x, s: jr.prox_ridge(x, 2 * lam, s))
        add("L1L2", w, r.L1L2(lam, lam).prox, step, jaxopt=lambda x, s: jr.prox_elastic_net(x, (lam, 2.0), s))
        for term in (r.Huber(lam), r.MCP(lam), r.SCAD(lam), r.LogSum(lam), r.LHalf(lam), r.L0(lam), r.CappedL1(lam)):
            add(type(term).__name__, w, term.prox, step)
        add("NonNeg", w, c.NonNeg(), optax=op.projection_non_negative, jaxopt=jp.projection_non_negative)
        box = c.Box(-0.5, 0.5)
        add(
            "Box",
            w,
            box,
            optax=lambda x: op.projection_box(x, -0.5, 0.5),
            jaxopt=lambda x: jp.projection_box(x, (-0.5, 0.5)),
        )
        add(
            "MaxNorm",
            w,
            c.MaxNorm(2.0),
            optax=lambda x: by_unit(op.projection_l2_ball)(x, 2.0),
            jaxopt=lambda x: by_unit(jp.projection_l2_ball)(x, 2.0),
        )
        add("UnitNorm", w, c.UnitNorm())
        add("MinMaxNorm", w, c.MinMaxNorm(0.5, 2.0))
        groups = r.GroupLasso(lam)
        add(
            "GroupLasso",
            w,
            groups.prox,
            step,
            jaxopt=lambda x, s: by_unit(lambda v, t: jr.prox_group_lasso(v, lam, t))(x, s),
        )
        add("GroupLasso by input", w, r.GroupLasso(lam, by="input").prox, step)
        add("Simplex", flat, c.Simplex(), optax=op.projection_simplex, jaxopt=jp.projection_simplex)
        add(
            "L1Ball",
            flat,
            c.L1Ball(10.0),
            optax=lambda x: op.projection_l1_ball(x, 10.0),
            jaxopt=lambda x: jp.projection_l1_ball(x, 10.0),
        )
        add("TopK", flat, c.TopK(k), **{"jax.lax.top_k": lambda x: kept(x, k)})
        add("GroupLasso in a metric", w, groups.prox, metric)
        add("GroupLasso, 64 at once", many, jax.vmap(groups.prox, in_axes=(0, None)), step)
        add("GroupLasso in a metric, 64 at once", many, jax.vmap(groups.prox), metrics)
        return found

    def finish(self, out: Any) -> np.ndarray:
        return np.asarray(jax.block_until_ready(out))


if __name__ == "__main__":
    serve(JaxMaps())
