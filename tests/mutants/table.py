"""The bugs: a file, a piece of its text that is there once, what it becomes, and the tests that should notice.

One file because it is one table. A bug is one that somebody could make: a dropped factor, a wrong sign, a forgotten
step, a branch the wrong way round. The tests of a row are as few as notice it, on numpy where that will do.
"""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """``old``, which occurs once in src/taut/``file``, becomes ``new``; ``tests`` of ``where`` should fail."""

    file: str
    old: str
    new: str
    where: str
    tests: str


SETS = "tests/laws/test_sets.py"
PENALTIES = "tests/laws/test_penalties.py"
ONE_STEP = "tests/laws/test_catalogue.py"
JOINT = "tests/laws/test_joint.py"
SLOPES = "tests/laws/test_gradients.py"
EDGES = "tests/laws/test_edges.py"
REGULARIZERS = "tests/oracles/test_catalogue_regularizers.py"
DEFECTS = "tests/workflows/test_defects.py"
FIT = "tests/workflows/test_fit.py"
AVERAGES = "tests/laws/test_averages.py"

CLOSER = "nothing_feasible and numpy and "
BITS = "bit_for_bit and numpy and "
VALUE = "test_value and numpy and float64 and "
PROX = "test_prox and numpy and float64 and "

MATHEMATICS = [
    # --- values
    Mutant(
        "functional/penalties.py",
        "xp.abs(x) * number(xp, strength, x)",
        "x * number(xp, strength, x)",
        PENALTIES,
        VALUE + "L1",
    ),
    Mutant(
        "functional/penalties.py",
        "x * (x * number(xp, strength, x))",
        "x * (x * number(xp, strength, x)) / 2",
        PENALTIES,
        VALUE + "L2",
    ),
    Mutant(
        "functional/penalties.py",
        "xp.sum(norms * number(xp, strength, x))",
        "xp.sum(norms)",
        PENALTIES,
        VALUE + "GroupLasso",
    ),
    Mutant("functional/penalties.py", "(n * (n - 1.0))", "(n * n)", PENALTIES, VALUE + "Orthogonal"),
    Mutant("functional/penalties.py", "(1 - xp.eye(n", "(1 + 0 * xp.eye(n", PENALTIES, VALUE + "Orthogonal"),
    Mutant("functional/groups.py", "lam * sums * sums", "lam * sums", PENALTIES, VALUE + "ExclusiveLasso"),
    Mutant(
        "functional/groups.py",
        "largest(xp, size(xp, x), axes))",
        "largest(xp, x, axes))",
        PENALTIES,
        VALUE + "GroupLInf",
    ),
    Mutant("functional/nonconvex.py", "lam * a - a * a / (2 * g)", "lam * a - a * a / g", PENALTIES, VALUE + "MCP"),
    Mutant("functional/nonconvex.py", "lam * lam * (g + 1) / 2", "lam * lam * g / 2", PENALTIES, VALUE + "SCAD"),
    Mutant(
        "functional/nonconvex.py", "xp.log1p(size(xp, x) / d)", "xp.log1p(size(xp, x))", PENALTIES, VALUE + "LogSum"
    ),
    Mutant(
        "functional/nonconvex.py", "xp.where(a < c, a, c)", "xp.where(a < c, a, 0 * a)", PENALTIES, VALUE + "CappedL1"
    ),
    Mutant("functional/activity.py", "d * (a - d / 2)", "d * a", PENALTIES, VALUE + "Huber"),
    Mutant("functional/activity.py", "* ratio * ratio", "* ratio", PENALTIES, VALUE + "Hoyer"),
    Mutant("functional/activity.py", "(1 - rho) * xp.log(", "rho * xp.log(", REGULARIZERS, "divergences"),
    Mutant(
        "functional/activity.py",
        "return -number(xp, strength, x)",
        "return number(xp, strength, x)",
        REGULARIZERS,
        "divergences",
    ),
    Mutant(
        "functional/activity.py",
        "x[1:, ...] - x[:-1, ...]",
        "x[1:, ...] + x[:-1, ...]",
        PENALTIES,
        VALUE + "SquaredDifferences",
    ),
    Mutant(
        "functional/variation.py",
        "x[..., 1:] - x[..., :-1]))",
        "x[..., 1:] + x[..., :-1]))",
        PENALTIES,
        VALUE + "TotalVariation",
    ),
    Mutant(
        "functional/matrices.py",
        "lam * xp.sum(xp.where(sigma > 0",
        "lam * xp.max(xp.where(sigma > 0",
        ONE_STEP,
        VALUE + "NuclearNorm",
    ),
    Mutant(
        "functional/matrices.py",
        "off = gram - xp.eye(",
        "off = gram - 0 * xp.eye(",
        PENALTIES,
        VALUE + "SquaredOrthogonal",
    ),
    Mutant("functional/ordered.py", "return xp.flip(given)", "return given", ONE_STEP, VALUE + "OrderedL1"),
    Mutant(
        "functional/ordered.py", "least + (1 - least) * place", "1 - (1 - least) * place", ONE_STEP, VALUE + "OrderedL1"
    ),
    # --- proximal maps
    Mutant("functional/proximal.py", "xp.maximum(x, -t), t)", "xp.maximum(x, -t), 2 * t)", PENALTIES, PROX + "L1"),
    Mutant("functional/proximal.py", "step * number(xp, l1, x))", "number(xp, l1, x))", PENALTIES, PROX + "L1"),
    Mutant("functional/proximal.py", "shrink = 1 + 2 * step", "shrink = 1 + step", PENALTIES, PROX + "L2"),
    Mutant(
        "functional/proximal.py",
        "return u / shrink, step / shrink",
        "return u / shrink, step",
        PENALTIES,
        PROX + "L1L2 and GroupLasso",
    ),
    Mutant(
        "functional/proximal.py", "x * (1 - t / xp.where", "x * (1 - t / 2 / xp.where", PENALTIES, PROX + "GroupLasso"
    ),
    Mutant("functional/activity.py", "soft(xp, x, t * d)", "soft(xp, x, t)", PENALTIES, PROX + "Huber"),
    Mutant(
        "functional/nonconvex.py",
        "edge = xp.where(concave, lam * xp.sqrt(s * g), g * lam)",
        "edge = xp.where(concave, s * lam, g * lam)",
        PENALTIES,
        PROX + "MCP",
    ),
    Mutant(
        "functional/nonconvex.py",
        "soft(xp, x, s * lam) * (g / positive(xp, g - s))",
        "soft(xp, x, s * lam) * (1 / positive(xp, g - s))",
        PENALTIES,
        PROX + "MCP",
    ),
    Mutant(
        "functional/nonconvex.py",
        "xp.where(s > g + 1, xp.sqrt(s * (g + 1)), (g + 1 + s) / 2)",
        "((g + 1 + s) / 2)",
        PENALTIES,
        PROX + "SCAD",
    ),
    Mutant(
        "functional/nonconvex.py",
        "(gain < 0), z, xp.zeros_like(z))",
        "(gain < 9e9), z, xp.zeros_like(z))",
        PENALTIES,
        PROX + "LogSum",
    ),
    Mutant(
        "functional/nonconvex.py",
        "size(xp, x) > 1.5 * t ** (2 / 3)",
        "size(xp, x) > 1.5 * t",
        PENALTIES,
        PROX + "LHalf",
    ),
    Mutant("functional/nonconvex.py", "xp.sqrt(2 * s * lam)", "xp.sqrt(s * lam)", PENALTIES, PROX + "L0"),
    Mutant(
        "functional/nonconvex.py",
        "xp.sqrt(2 * t * c), c + t / 2)",
        "xp.sqrt(2 * t * c), c + t)",
        PENALTIES,
        PROX + "CappedL1",
    ),
    Mutant(
        "functional/groups.py",
        "2 * s * lam + xp.zeros_like(x)",
        "s * lam + xp.zeros_like(x)",
        PENALTIES,
        PROX + "ExclusiveLasso",
    ),
    Mutant(
        "functional/groups.py",
        "xp.where(active, over / s, xp.zeros_like(over))",
        "xp.where(active, over, xp.zeros_like(over))",
        PENALTIES,
        PROX + "GroupLInf",
    ),
    Mutant(
        "functional/groups.py",
        "else -largest(xp, -step, axes)",
        "else largest(xp, step, axes)",
        ONE_STEP,
        "one_step and numpy and GroupMCP",
    ),
    Mutant(
        "functional/groups.py",
        "smallest_step(xp, s, axes), lam, g)",
        "smallest_step(xp, s, axes), lam / 2, g)",
        ONE_STEP,
        "one_step and numpy and GroupMCP",
    ),
    Mutant("functional/matrices.py", "t = 2 * t + 0", "t = t + 0", ONE_STEP, "one_step and numpy and SquaredSpectral"),
    Mutant(
        "functional/matrices.py",
        "act(xp, sigma, s * lam)",
        "act(xp, sigma, s * lam / 2)",
        ONE_STEP,
        "one_step and numpy and NuclearNorm",
    ),
    Mutant("functional/variation.py", "(soonest < goal)", "(soonest < 2 * goal)", PENALTIES, PROX + "TotalVariation"),
    Mutant(
        "functional/variation.py",
        "moment / total), force / total",
        "moment / total), force",
        PENALTIES,
        PROX + "TotalVariation",
    ),
    Mutant(
        "functional/ordered.py",
        "z = xp.take_along_axis(fit, xp.argsort(order, axis=-1), axis=-1)",
        "z = xp.take_along_axis(fit, order, axis=-1)",
        ONE_STEP,
        "one_step and numpy and OrderedL1",
    ),
    Mutant(
        "_regularizers/made.py",
        "narrow(xp, reference + self",
        "narrow(xp, 0 * reference + self",
        PENALTIES,
        PROX + "Towards",
    ),
    Mutant(
        "_regularizers/made.py",
        "xp.where(on, factor, xp.ones_like(factor))",
        "xp.ones_like(factor)",
        PENALTIES,
        PROX + "Scaled and MCP",
    ),
    Mutant(
        "_regularizers/groups.py",
        "(math.sqrt(sizes) if isinstance(sizes, int) else np.sqrt(sizes))",
        "sizes",
        PENALTIES,
        VALUE + "SparseGroupLasso and True",
    ),
    # --- projections
    Mutant(
        "functional/projections.py",
        "scale = top * (1 - kappa(w.dtype)) /",
        "scale = top * (1 + kappa(w.dtype)) /",
        SETS,
        BITS + "MaxNorm",
    ),
    Mutant(
        "functional/projections.py",
        "xp.where(inside, w, narrow_inward(xp, xp.astype(w, norm.dtype) * scale, w.dtype))",
        "narrow_inward(xp, xp.astype(w, norm.dtype) * scale, w.dtype)",
        SETS,
        BITS + "MaxNorm",
    ),
    Mutant("functional/projections.py", "if s.ndim > 0:", "if s.ndim > 9:", SETS, CLOSER + "MaxNorm"),
    Mutant(
        "functional/projections.py",
        "narrow_bound(xp, b, w.dtype, upwards=True)",
        "narrow_bound(xp, b, w.dtype, upwards=False)",
        SETS,
        BITS + "Box",
    ),
    Mutant(
        "functional/projections.py",
        "aim = way * xp.where(norm < accept_low, aim_low, aim_high) + (1 - way) * norm",
        "aim = xp.where(norm < accept_low, aim_low, aim_high)",
        SETS,
        "part_of_the_way",
    ),
    Mutant(
        "functional/projections.py",
        "norm < accept_low, aim_low, aim_high)",
        "norm < accept_low, aim_high, aim_low)",
        SETS,
        CLOSER + "MinMaxNorm",
    ),
    Mutant(
        "functional/projections.py",
        "inner_low, inner_high = low * (1 + k), high * (1 - k)",
        "inner_low, inner_high = low * (1 - k), high * (1 + k)",
        SETS,
        BITS + "MinMaxNorm",
    ),
    Mutant(
        "functional/projections.py",
        "xp.where(zero, xp.astype(direction, norm.dtype) * aim, scaled)",
        "scaled",
        SETS,
        BITS + "UnitNorm",
    ),
    Mutant(
        "functional/_norms.py",
        "return eps(dtype)\n    return 2.0**-20 if",
        "return 0.0\n    return 2.0**-20 if",
        SETS,
        BITS + "MaxNorm and float16",
    ),
    Mutant(
        "functional/_norms.py",
        "return xp.sum(x, axis=axes, keepdims=True) if axes else x",
        "return xp.sum(x, axis=axes or None, keepdims=True)",
        PENALTIES,
        VALUE + "GroupLasso and input",
    ),
    Mutant(
        "functional/sums.py",
        "xp.where(_on_simplex(xp, w, amount, axes), w, narrow(xp, z, w.dtype))",
        "narrow(xp, z, w.dtype)",
        SETS,
        BITS + "Simplex",
    ),
    Mutant(
        "functional/sums.py",
        "share = s / total(xp, s, axes)",
        "share = 1 / total(xp, xp.ones_like(s), axes)",
        SETS,
        CLOSER + "UnitSum",
    ),
    Mutant(
        "functional/sums.py",
        "(add_up(xp, z, axes, w.dtype) - t)",
        "add_up(xp, z, axes, w.dtype)",
        SETS,
        BITS + "UnitSum",
    ),
    Mutant(
        "functional/sums.py", "pull = normal if s is None else normal * s", "pull = normal", SETS, CLOSER + "HalfSpace"
    ),
    Mutant("functional/sums.py", "z = xp.where(x < 0, -z, z)", "z = z + 0 * x", SETS, CLOSER + "L1Ball"),
    Mutant(
        "functional/sums.py",
        "aim = number(xp, radius, got) * (1 - kappa(w.dtype))",
        "aim = number(xp, radius, got) * 0.99",
        SETS,
        CLOSER + "L1Ball",
    ),
    Mutant(
        "functional/sums.py",
        "worst = xp.maximum(xp.where(accepted, xp.zeros_like(off), off), below)",
        "worst = xp.where(accepted, xp.zeros_like(off), off)",
        EDGES,
        "outside_is_seen and Simplex",
    ),
    Mutant(
        "functional/_threshold.py",
        "slope = total(xp, xp.where(wet, weight, xp.zeros_like(rest)), axes)",
        "slope = total(xp, xp.where(wet, xp.ones_like(weight), xp.zeros_like(rest)), axes)",
        SETS,
        CLOSER + "Simplex",
    ),
    Mutant(
        "functional/_threshold.py",
        "rest = y - theta * weight\n    left",
        "rest = y - theta\n    left",
        SETS,
        CLOSER + "Simplex",
    ),
    Mutant(
        "functional/_threshold.py",
        "axes) <= 0, share, left)",
        "axes) < 0, share, left)",
        EDGES,
        "projections_at_the_ends and numpy and Simplex",
    ),
    Mutant(
        "functional/order.py",
        "mass, moment, done = weight, weight * x, start",
        "mass, moment, done = weight, x, start",
        SETS,
        CLOSER + "Monotone",
    ),
    Mutant("functional/order.py", "(z[..., 1:] < z[..., :-1])", "(z[..., 1:] > z[..., :-1])", SETS, BITS + "Monotone"),
    Mutant(
        "functional/masks.py",
        'return j > i if kind == "lower"',
        'return j >= i if kind == "lower"',
        SETS,
        CLOSER + "Triangular",
    ),
    Mutant(
        "functional/rings.py",
        "total(xp, weight * at * (x - start), axes) /",
        "total(xp, at * (x - start), axes) /",
        SETS,
        CLOSER + "Radial",
    ),
    Mutant(
        "functional/sparsity.py", "axis=axis + 1) < n, w.shape)", "axis=axis + 1) <= n, w.shape)", SETS, BITS + "NM"
    ),
    Mutant(
        "functional/matrix_sets.py",
        "xp.where(s > aim, aim, s),",
        "xp.where(s > aim, aim / 2, s),",
        SETS,
        CLOSER + "SpectralNorm",
    ),
    Mutant(
        "functional/matrix_sets.py",
        "above_waterline(xp, s, None, aim, (1,))",
        "s * aim / xp.sum(s)",
        SETS,
        CLOSER + "NuclearBall",
    ),
    Mutant("functional/matrix_sets.py", "< k, s.dtype)", "<= k, s.dtype)", SETS, BITS + "LowRank"),
    Mutant(
        "functional/matrix_sets.py",
        "z = first * (t / (s + t)) + second * (s / (s + t))",
        "z = first * (s / (s + t)) + second * (t / (s + t))",
        SETS,
        CLOSER + "Symmetric",
    ),
    Mutant(
        "functional/matrix_sets.py",
        "kept = xp.astype(values > 0, values.dtype)",
        "kept = xp.astype(values == values, values.dtype)",
        SETS,
        BITS + "PSD",
    ),
    Mutant(
        "functional/_spectral.py",
        "xp.where(ki == kj, ki + 0 * kj, ratio)",
        "ratio",
        "tests/laws/test_spectral_derivatives.py",
        "singular_values",
    ),
    Mutant(
        "functional/_spectral.py",
        "inner = u * values[..., None, :] + xp.matmul(u, core) + left",
        "inner = u * values[..., None, :] + xp.matmul(u, core)",
        "tests/laws/test_spectral_derivatives.py",
        "singular_values",
    ),
    Mutant(
        "functional/_norms.py",
        "8 * eps(dtype) if dtype.itemsize == 8 else 2.0**-21",
        "0.0",
        "tests/laws/test_processors.py",
        "every_library",
    ),
    Mutant(
        "functional/splitting.py",
        "xp.any(z != before)",
        "xp.any(z != z)",
        "tests/laws/test_processors.py",
        "what_jax_keeps",
    ),
    Mutant(
        "functional/_dtype.py",
        "further = 0.6 *",
        "further = 1.0 *",
        "tests/laws/test_half_bounds.py",
        "nearest_number and numpy",
    ),
    Mutant(
        "_meeting.py",
        "wrong = np.any((size > top) & known)",
        "wrong = np.any((size > top) & ~known)",
        "tests/laws/test_numbers.py",
        "beyond_the_dtype",
    ),
    Mutant(
        "functional/group_balls.py", "aim = top * (1 - kappa(w.dtype))", "aim = top * 0.9", SETS, CLOSER + "GroupL1Ball"
    ),
    Mutant(
        "functional/doubly.py",
        "theta = waterline(xp, fx - fs * phi, fs, one, rows)",
        "theta = waterline(xp, fx, fs, one, rows)",
        SETS,
        CLOSER + "Doubly",
    ),
    Mutant(
        "_sets/entries.py",
        "return projections.project_box(w, None, 0.0)",
        "return projections.project_box(w, 0.0, None)",
        SETS,
        BITS + "NonPositive",
    ),
    Mutant(
        "_sets/patterns.py",
        "xp.where(held, self.constraint(part",
        "xp.where(held, self.constraint(w",
        SETS,
        CLOSER + "Masked and MaxNorm",
    ),
    # --- together, and slopes
    Mutant(
        "functional/combined.py",
        "u = xp.where(u < 0, xp.zeros_like(u), u) if region.nonneg else u",
        "u = u + 0 * x",
        JOINT,
        "joint_step and GroupLasso and NonNeg",
    ),
    Mutant(
        "functional/combined.py",
        "paid = group_shrink(xp, u, s, number(xp, strength, x), axes)",
        "paid = group_shrink(xp, x, s, number(xp, strength, x), axes)",
        JOINT,
        "joint_step and GroupLasso and NonNeg",
    ),
    Mutant(
        "functional/_norms.py",
        "xp.sqrt(xp.where(zero, xp.ones_like(square), square))",
        "xp.sqrt(square)",
        SLOPES,
        "penalty and GroupLasso",
    ),
    Mutant("functional/_entry.py", "return xp.maximum(x, -x)", "return xp.abs(x)", SLOPES, "gradients_in_jax and MCP"),
    Mutant(
        "functional/_newton.py",
        "(missing <= 4 * eps(x.dtype))",
        "(missing <= 0.1)",
        "tests/oracles/test_groups_in_a_metric.py",
        "bisection",
    ),
    Mutant(
        "functional/_newton.py",
        "left * norm / positive(xp, norm - below)",
        "left * 0",
        PENALTIES,
        PROX + "GroupLasso",
    ),
    Mutant("functional/_norms.py", "none + 1 / shift, none", "none + shift, none", EDGES, "penalties and GroupLasso"),
    Mutant(
        "functional/_threshold.py",
        "newton(constant(low), y, weight, amount)[1]",
        "constant(low)",
        SLOPES,
        "derivative and Simplex",
    ),
    Mutant(
        "_meeting.py",
        "    if found is not None:\n",
        "    if found is None and w is None:\n",
        EDGES,
        "nan_is_refused and MaxNorm",
    ),
]

TRAINING = [
    Mutant(
        "transforms.py",
        "keep * a + (1 - keep) * new[p]",
        "keep * a + (1 - keep) * (decayed[p] + updates[p])",
        AVERAGES,
        "projected_weights",
    ),
    Mutant(
        "transforms.py",
        "return plan.project({p: jnp.where(latest[p]",
        "return dict({p: jnp.where(latest[p]",
        AVERAGES,
        "brought_back",
    ),
    Mutant(
        "transforms.py",
        "return params, state._replace(gradients=summed",
        "return plan.project(params), state._replace(gradients=summed",
        DEFECTS,
        "stand_still or once_an_optimizer",
    ),
    Mutant("transforms.py", "mean = {p: g / every", "mean = {p: g", FIT, "accumulated"),
    Mutant(
        "model/sequential.py",
        "projected = plan.project(given)",
        "projected = dict(given)",
        DEFECTS,
        "first_moment",
    ),
    Mutant(
        "model/engine.py",
        "return jnp.mean(rows if batch.weight is None else rows * batch.weight)",
        "return jnp.mean(rows) if batch.weight is None else jnp.sum(rows * batch.weight) / jnp.sum(batch.weight)",
        FIT,
        "sample_weight or class_weight",
    ),
    Mutant(
        "optimizers.py",
        "{p: g * _shrink(jnp.sum(g * g), self.clipnorm) for p, g in gradients.items()}",
        "{p: g * _shrink(sum(jnp.sum(h * h) for h in gradients.values()), self.clipnorm) for p, g in gradients.items()}",
        "tests/oracles/test_optimizers.py",
        "clip",
    ),
    Mutant(
        "plans/step_sizes.py",
        "return rate if momentum is None else rate / (1 - momentum)",
        "return rate",
        "tests/oracles/test_optimizers.py",
        "size or step or constant",
    ),
    Mutant(
        "model/settling.py",
        "return plan.step({p: w[p] - s * g[p] for p in w}, dict.fromkeys(plan.scaled_paths, s))",
        "return {p: w[p] - s * g[p] for p in w}",
        FIT,
        "settle",
    ),
]

MUTANTS = [*MATHEMATICS, *TRAINING]
