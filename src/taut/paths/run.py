"""``taut.path``: one network at many strengths, with seeds and folds, trained in one program."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from taut import errors, utils
from taut.model import Sequential
from taut.model.engine import Data
from taut.model.progress import Progress
from taut.model.training import Job
from taut.paths import folds as folding
from taut.paths import strengths as listing
from taut.paths._begin import Begin, Chosen
from taut.paths._epochs import train
from taut.paths._given import Given
from taut.paths._memory import parsed
from taut.paths._nets import Nets
from taut.paths._optimum import solvable, solve
from taut.paths._refit import Recipe
from taut.paths.largest import Trial, largest
from taut.paths.result import Path
from taut.paths.scoring import Score, collect
from taut.paths.varying import Varied, distinct, plan_at, plan_with, plan_without, resolve, terms_at
from taut.plans import Plan

__all__ = ["path", "trained"]


def path(
    model: Sequential,
    x: Any,
    y: Any,
    vary: Mapping[str, Any],
    strengths: Any = 64,
    folds: Any = "auto",
    seeds: Any = 3,
    epochs: int = 60,
    batch_size: Any = 32,
    validation_data: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | str | None = None,
    metric: str | None = None,
    patience: int | None = None,
    warm_up: int = 0,
    verbose: Any = "auto",
    seed: int | None = None,
    memory: Any = None,
) -> Path:
    """Train one network at many strengths, for every seed and fold, side by side in one program.

    The net of (strength, seed, fold) equals what ``fit`` gives on the training rows of the fold after
    ``taut.utils.set_random_seed(seed)`` and building the same layers, up to float32 rounding (with ``warm_up``: two
    fits, the first without the varied terms). Held-out rows are never trained on. In addition, one net per strength is
    trained on all rows; the coefficient path shows those.

    Args:
        model: the compiled architecture; it is not changed. Trainable layers get new initial weights for each seed; frozen
            layers and modules of other libraries keep their weights.
        x, y: rows and labels, as for ``fit``.
        vary: a dict from a parameter's path, a pattern ("*/kernel"), a role ("kernel") or a layer's output
            ("dense/activity") to a class of terms, or to any function from a number to a term. The term replaces the
            model's own term of that kind. Several entries make a grid.
        strengths: how many to compute (from the largest useful strength, at which everything is zero, down to a
            thousandth of it), or a list in ascending or descending order; for several entries also a dict.
        folds: how many (5 by default, none with validation_data; stratified by class, or made of whole ``groups``), a
            scikit-learn splitter, pairs of row numbers, or None for no held-out rows.
        seeds: how many (``seed``, ``seed`` + 1, ...), or a list.
        epochs: passes over the rows.
        batch_size: rows per step, or "full" for all rows. With "full", a net of one Dense layer with a convex objective
            is trained further after the epochs, by accelerated proximal gradient, until it reaches the optimum.
        validation_data: (x, y) or (x, y, sample_weight) that points are scored on, in place of folds.
        groups: one label per row; rows of one group are held out together.
        sample_weight: one weight ≥ 0 per row, used in training and in all scores, metrics included.
        class_weight: {class number: weight}, or "balanced" (rows / (classes × rows of the class)), in training.
        metric: the score that points are chosen by: one of the model's metrics or of taut's ("accuracy", "mse"),
            "log_loss" of a classifier, or "data_loss", the loss without penalties. By default it is the model's first
            metric, but where that is an accuracy the log loss: accuracies tie, and hardly differ where one class is rare.
        patience: stop if the best mean score over all points has not improved for this many epochs.
        warm_up: epochs without the varied terms before those of the path: one net per seed and fold, from which all its
            strengths continue. A network with a strong penalty from the first step can lose every input before it has
            learnt which are useful; after a warm-up it drops the others.
        verbose: 0 silent, 1 a progress bar, 2 one line per epoch, "auto" a bar on a terminal and lines elsewhere.
        seed: the first seed; random if None.
        memory: the most memory to use, in bytes or as "4 GiB"; by default half of what is free. If the nets do not fit
            together, they are trained in groups.

    Returns:
        A `Path`, which holds one copy of the rows (as float32), so that nothing done to them or to the model later
        changes it. If interrupted with Ctrl-C, it has the results up to the last complete epoch.

    Raises:
        ValueError: an entry of ``vary`` matches nothing (the message lists the nearest paths); strengths are empty, out of
            order, negative or not finite; there are more folds than rows in the smallest class, or a fold has a row on
            both sides; the memory does not hold one net; and everything that ``fit`` refuses.

    >>> import numpy as np
    >>> import taut
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 5)).astype("float32")
    >>> y = 2 * x[:, 0] - x[:, 1]
    >>> model = taut.Sequential([taut.layers.Dense(1, input_shape=(5,))])
    >>> model.compile(taut.optimizers.SGD(0.1), "mse")
    >>> vary = {"dense/kernel": taut.regularizers.L1}
    >>> path = taut.path(
    ...     model, x, y, vary, strengths=4, folds=3, seeds=1, epochs=50, batch_size="full", seed=0, verbose=0
    ... )
    >>> path.table()["inputs"].tolist()
    [0, 2, 2, 2]
    """
    if not isinstance(model, Sequential):
        raise TypeError(f"model={errors.shown(model)}, expected a taut.Sequential.")
    own = copy.deepcopy(model)  # so that nothing done to the model, now or later, meets the path's
    return trained(
        own,
        Given.of(own, x, y, sample_weight, class_weight),
        vary,
        strengths,
        folds=folds,
        seeds=seeds,
        epochs=epochs,
        batch_size=batch_size,
        validation_data=validation_data,
        groups=groups,
        metric=metric,
        patience=patience,
        warm_up=warm_up,
        verbose=verbose,
        seed=seed,
        memory=memory,
        feature_names=_columns_of(x),
    )


def trained(
    model: Sequential,
    rows: Given,
    vary: Mapping[str, Any],
    strengths: Any,
    *,
    folds: Any,
    seeds: Any,
    epochs: int,
    batch_size: Any,
    metric: str | None,
    verbose: Any,
    seed: int | None,
    memory: Any,
    groups: Any = None,
    validation_data: Any = None,
    patience: int | None = None,
    warm_up: int = 0,
    feature_names: tuple[str, ...] | None = None,
) -> Path:
    """`path` for a model and rows that are the caller's own: neither is copied."""
    epochs = errors.integer("epochs", epochs, 1)
    warm_up = errors.integer("warm_up", warm_up, 0)
    if patience is not None:
        patience = errors.integer("patience", patience, 1)
    size = None if batch_size == "full" else errors.integer("batch_size", batch_size, 1)
    drawn, limit = _seeds(seeds, seed), parsed(memory)
    if isinstance(folds, str):
        if folds != "auto":
            raise TypeError(f'folds={folds!r}, expected a number, a splitter, pairs of row numbers, None or "auto".')
        folds = None if validation_data is not None else 5
    if folds is not None and validation_data is not None:
        raise ValueError("folds and validation_data are both given; give one of them.")
    if groups is not None and folds is None:
        raise ValueError("groups are given, but no folds that they could be kept together in; give folds as well.")
    progress = Progress(verbose, epochs)
    score = Score.of(model, metric)
    job = model.prepare(rows.x, rows.y, size, rows.weight, rows.class_weight, validation_data)
    measured = Data(job.data.x, job.data.y, rows.weight)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    if folds is not None:
        classes = folding.classes_of(model._need_compiled(), rows.y)
        pairs = folding.split(folds, job.rows, classes, groups, drawn[0])
    varied = resolve(model, vary)

    every = np.arange(job.rows, dtype=np.int32)
    held = None if job.validation is None else np.arange(len(job.validation.x), dtype=np.int32)

    given = listing.given_for([v.name for v in varied], strengths)
    samples = [1.0 if isinstance(one, int) else float(one[0]) for one in given]
    begin = Begin(model, job, size, limit, measured, plan_without(model, varied, samples), warm_up)
    whole = Chosen(drawn[0], every, None)
    columns = _columns(model, job, varied, given, epochs, lambda plans: begin.nets(plans, [whole]))
    numbers = listing.grid(columns)
    distinct(varied, numbers[0].tolist())
    terms = [terms_at(varied, row) for row in numbers.tolist()]  # kept: made later, a user's function may give others
    plans: list[Plan] = []
    for one in terms:
        plans.append(plan_with(model, one, plans[-1] if plans else None))
        model._check_metric(plans[-1])
    # Cells: by seed, then by fold; last, where folds are made, all rows with the first seed.
    chosen = [Chosen(one, inside, out) for one in drawn for inside, out in (pairs or [(every, held)])]
    if pairs:
        chosen.append(whole)
    nets = begin.nets(plans, chosen)
    counted = len(drawn) * max(1, len(pairs))
    record, interrupted, stopped = train(nets, epochs, patience, score, counted, len(drawn), progress)
    arrived = None
    if size is None and not interrupted and all(solvable(model, plan) for plan in plans):
        try:
            arrived = solve(nets)
        except KeyboardInterrupt:
            interrupted = True
    return collect(
        nets,
        record,
        varied,
        numbers,
        terms,
        score,
        seeds=drawn,
        folds=tuple(pairs),
        arrived=arrived,
        interrupted=interrupted,
        stopped=stopped,
        feature_names=feature_names,
        recipe=Recipe(rows, size, warm_up),
    )


# --- what is asked for --------------------------------------------------------------------------------------------------


def _seeds(seeds: Any, seed: int | None) -> tuple[int, ...]:
    top = 2**32
    if isinstance(seeds, int | np.integer) and not isinstance(seeds, bool):
        first = utils.draw_seed() if seed is None else errors.integer("seed", seed, 0)
        out = tuple(first + i for i in range(errors.integer("seeds", seeds, 1)))
    elif isinstance(seeds, list | tuple | range | np.ndarray):
        if seed is not None:
            raise ValueError(
                f"seeds={errors.shown(seeds)} and seed={seed} are both given; list the seeds, or count them."
            )
        out = tuple(errors.integer("seeds", one, 0) for one in seeds)
    else:
        raise TypeError(f"seeds={errors.shown(seeds)}, expected how many, or a list of integers.")
    if not out or len(set(out)) != len(out) or max(out) >= top:
        raise ValueError(f"seeds={list(out)}, expected at least one, each once, from 0 to 2**32 - 1.")
    return out


def _columns_of(x: Any) -> tuple[str, ...] | None:
    names = getattr(x, "columns", None)
    return None if names is None or callable(names) else tuple(str(name) for name in names)


def _columns(
    model: Sequential,
    job: Job,
    varied: Sequence[Varied],
    given: Sequence[Any],
    epochs: int,
    nets: Callable[[Sequence[Plan]], Nets],
) -> list[np.ndarray]:
    """The strengths of each entry; the largest is computed if only a count is given."""
    out: list[np.ndarray] = []
    for one, count in zip(varied, given, strict=True):
        if not isinstance(count, int):
            out.append(count)
            continue

        def attempt(numbers: np.ndarray, one: Varied = one) -> Trial:
            plans = [plan_at(model, [one], [numbers[0]])]
            plans += [plan_at(model, [one], [n], plans[0]) for n in numbers[1:]]
            trial = nets(plans)
            for epoch in range(epochs):
                trial.epoch(epoch, lambda steps: None)
            zero = np.zeros(len(numbers), bool)
            for _, i, params in trial.each():
                zero[i] = all(not params[p].any() for p in one.parameters)
            return Trial(zero, np.where(trial.finite(), trial.measure(False)["data_loss"], np.nan)[0])

        def free() -> dict[str, np.ndarray]:
            trial = nets([model.plan])
            for epoch in range(epochs):
                trial.epoch(epoch, lambda steps: None)
            return next(params for _, _, params in trial.each())

        out.append(listing.geometric(largest(model, job, one, count, attempt, free), count))
    return out
