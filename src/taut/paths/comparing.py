"""``taut.compare``: every kind of term at its own best strength, on a user's data, side by side.

Each kind is chosen by its scores on held-out folds of one part of the rows, trained once more on all of that part, and
measured on the other part, which touched neither. One file because what is asked for, what is given and how each net
is chosen change together.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tqdm import tqdm

from taut import _reports, errors, utils
from taut.layers import Layer
from taut.model import Sequential
from taut.paths._fresh import fresh
from taut.paths._given import Given
from taut.paths._rows import Row, sentence
from taut.paths._sides import Sides, even_folds
from taut.paths.choice import Point, note_on
from taut.paths.kinds import Kind, chosen, with_dropout
from taut.paths.result import Path
from taut.paths.run import _columns_of, trained
from taut.paths.scoring import Score
from taut.paths.table import Table

__all__ = ["Comparison", "Row", "compare"]

DRAWS = 5  # of the noise on each test row


@dataclass(eq=False)
class Comparison:
    """The result of ``taut.compare``: one row per kind of term, with the nets and paths behind it.

    Attributes:
        rows: one per kind, in the order in which they were tried.
        metric: the name of the score.
        higher_is_better: whether a higher score is better.
        noise: the standard deviation of the noise for ``noisy``, as a share of each input's standard deviation.
        test_rows: the number of test rows.
        models: by kind, the net at its best strength, trained on all rows but the test rows.
        paths: by kind, the path that the strength was chosen from ("dropout": that of the best rate).
        feature_names: names of the inputs, or None.
        interrupted: whether Ctrl-C ended it before every kind was tried.
        seconds: the time that it took.
    """

    rows: list[Row]
    metric: str
    higher_is_better: bool
    noise: float
    test_rows: int
    models: dict[str, Sequential] = field(repr=False)
    paths: dict[str, Path] = field(repr=False)
    feature_names: tuple[str, ...] | None = None
    interrupted: bool = False
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, kind: str) -> Row:
        for row in self.rows:
            if row.kind == kind:
                return row
        raise KeyError(errors.unknown("kind of term", kind, [row.kind for row in self.rows]))

    def best(self) -> Row:
        """The kind with the best score on the folds. The test rows have no part in the choice."""
        sign = 1 if self.higher_is_better else -1
        scored = [row for row in self.rows if np.isfinite(row.score)]
        if not scored:
            raise ValueError("no kind of term has a finite score. A smaller learning rate usually helps.")
        return max(scored, key=lambda row: sign * row.score)

    def table(self) -> Table:
        """One row per kind: its term, its score on the folds with the standard error, and its scores on the test rows."""
        name = self.metric
        columns: dict[str, list[Any]] = {
            "kind": [r.kind for r in self.rows],
            "term": [r.term for r in self.rows],
            f"val_{name}": [r.score for r in self.rows],
            f"val_{name}_se": [r.error for r in self.rows],
            f"train_{name}": [r.train for r in self.rows],
            f"test_{name}": [r.test for r in self.rows],
            **{f"test_{other}": [r.others[other] for r in self.rows] for other in self._others()},
            "gap": [r.gap for r in self.rows],
            "noisy": [r.noisy for r in self.rows],
            "zeros": [r.zeros for r in self.rows],
        }
        if all(r.inputs is not None for r in self.rows):
            columns["inputs"] = [r.inputs for r in self.rows]
        return Table({key: np.asarray(values) for key, values in columns.items()})

    def _others(self) -> list[str]:
        return list(self.rows[0].others) if self.rows else []

    @property
    def note(self) -> str:
        """What to know about the choice among the kinds: scores that do not tell them apart; else ""."""
        mean, error = (np.array([getattr(row, name) for row in self.rows]) for name in ("score", "error"))
        if not np.isfinite(mean).any():
            return ""
        best = next(i for i, row in enumerate(self.rows) if row is self.best())
        return note_on(mean, error, best, self.metric, "max", "the first was taken", "kinds")

    def __str__(self) -> str:
        lines = [str(self.table()), *([self.note] if self.note else []), ""]
        lines += [f"{row.kind}: {row.sentence}" for row in self.rows]
        return "\n".join(lines)

    def to_html(self, file: Any, title: str | None = None) -> None:
        """Write the comparison to one self-contained HTML file.

        Raises:
            ModuleNotFoundError: plotly is not installed.
        """
        rows = [
            {
                "kind": r.kind,
                "strength": r.term,
                "score": r.score,
                "error": r.error if np.isfinite(r.error) else None,
                "gap": r.gap,
                "noise": r.noisy if np.isfinite(r.noisy) else None,
                "sparsity": r.zeros,
                "sentence": r.sentence,
            }
            for r in self.rows
        ]
        lead = (
            f"Each kind of term at its own best strength, chosen on held-out folds. Gap and noise are measured on "
            f"{self.test_rows} test rows, which were used neither for training nor for the choice. The noise is "
            f"{self.noise:g} of each input's standard deviation."
        )
        options = {} if title is None else {"title": title}
        _reports.writer("comparison")(
            rows, file, metric=self.metric, higher_is_better=self.higher_is_better, lead=lead, **options
        )


def compare(
    model: Sequential,
    x: Any,
    y: Any,
    *,
    kinds: Sequence[str] | None = None,
    strengths: int = 8,
    folds: Any = 3,
    seeds: Any = 1,
    epochs: int = 40,
    batch_size: Any = 32,
    rule: str = "max",
    test_fraction: float = 0.25,
    test_data: Any = None,
    groups: Any = None,
    class_weight: Mapping[int, float] | str | None = None,
    metric: str | None = None,
    noise: float = 0.5,
    verbose: Any = "auto",
    seed: int | None = None,
    memory: Any = None,
) -> Comparison:
    """Compare kinds of terms on your data, each at its own best strength, in one table.

    Args:
        model: the compiled architecture; it is not changed. Its own terms are left out.
        x, y: rows and labels, as for ``fit``.
        kinds: any of "l1", "l2", "l1l2", "groups", "bias", "activity", "max_norm", "box", "non_neg" and "dropout"; None
            for all. "none" (no term) is always included, as the baseline.
        strengths: how many of each kind, from the largest useful strength down.
        folds, seeds, epochs, batch_size, groups, class_weight, metric, seed, memory: see ``taut.path``.
        rule: "max" or "one_se": how each kind's strength is chosen; see ``Path.best``.
        test_fraction: the share of the rows that is used only to measure; stratified by class, groups are not split.
        test_data: (x, y) to measure on, in place of a part of the rows.
        noise: for the column ``noisy``: the standard deviation of the Gaussian noise on each input, as a share of the
            input's own.
        verbose: 0 silent, 1 a progress bar, "auto" a bar on a terminal.

    Returns:
        A `Comparison`. If interrupted with Ctrl-C, it has the kinds that were completed.

    Raises:
        ValueError: an unknown kind, a test part without rows, and everything that ``taut.path`` refuses.

    >>> import numpy as np
    >>> import taut
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((80, 5)).astype("float32")
    >>> y = 2 * x[:, 0] - x[:, 1]
    >>> model = taut.Sequential([taut.layers.Dense(1, input_shape=(5,))])
    >>> model.compile(taut.optimizers.SGD(0.1), "mse")
    >>> found = taut.compare(model, x, y, kinds=["l1"], strengths=3, epochs=30, batch_size="full", seed=0, verbose=0)
    >>> found.table()["kind"].tolist(), found["l1"].inputs < 5
    (['none', 'l1'], True)
    """
    began = time.perf_counter()
    if not isinstance(model, Sequential):
        raise TypeError(f"model={errors.shown(model)}, expected a taut.Sequential.")
    wanted, count = chosen(kinds), errors.integer("strengths", strengths, 1)
    if not noise >= 0 or not np.isfinite(noise):
        raise ValueError(f"noise={noise!r}, expected a finite number ≥ 0.")
    first = utils.draw_seed() if seed is None else errors.integer("seed", seed, 0)
    own, names = copy.deepcopy(model), _columns_of(x)
    score = Score.of(own, metric)
    rows = Sides.split(own, x, y, test_fraction, test_data, groups, first)
    if not own.built:
        own.build(rows.x.shape[1:])
    bare = _bare(own, first)
    places = _places(bare)
    options = {
        "folds": even_folds(folds, bare, rows, first),
        "seeds": seeds,
        "epochs": epochs,
        "batch_size": batch_size,
        "feature_names": names,
        "groups": rows.groups,
        "metric": score.name,
        # seeds that are listed leave none to draw; with a seed as well, a path says that both were given
        "seed": seed if isinstance(seeds, list | tuple | range | np.ndarray) else first,
        "memory": memory,
        "verbose": 0,
    }
    weights: Any = dict(class_weight) if isinstance(class_weight, Mapping) else class_weight
    given = Given(rows.x, rows.y, None, weights)
    meter = copy.deepcopy(bare)  # takes every net's weights in turn
    out = Comparison([], score.name, score.higher, float(noise), len(rows.test_x), {}, {}, names)
    tried = [(kind, vary) for kind in wanted if (vary := kind.vary(*places)) is not None]
    shown = verbose == 1 or (verbose == "auto" and sys.stderr.isatty())
    bar = tqdm(tried, disable=not shown, unit="kind", leave=False)
    try:
        for kind, vary in bar:
            bar.set_description(kind.name)
            paths = _paths(kind, vary, bare, given, count, options)
            _add(out, kind, paths, meter, rows, rule, score)
    except KeyboardInterrupt:
        if not out.rows:
            raise
        out.interrupted = True
    finally:
        bar.close()
    out.seconds = time.perf_counter() - began
    return out


# --- the nets -------------------------------------------------------------------------------------------------------------


def _bare(model: Sequential, seed: int) -> Sequential:
    """The architecture without any term."""
    bare, _ = fresh(model, seed, project=False)
    bare.attach({lambda target: True: None})
    return bare


def _places(bare: Sequential) -> tuple[list[str], list[str], list[str]]:
    """The paths of kernels, biases, and the outputs of hidden layers with a kernel."""
    entries = [e for e in bare.plan.entries if e.trainable]
    kernels = [e.path for e in entries if e.role == "kernel"]
    biases = [e.path for e in entries if e.role == "bias"]
    hidden = [f"{path.partition('/')[0]}/activity" for path in kernels[:-1]]
    return kernels, biases, list(dict.fromkeys(hidden))


def _paths(
    kind: Kind, vary: Mapping[str, Any], bare: Sequential, given: Given, count: int, options: dict[str, Any]
) -> list[tuple[Path, float | None]]:
    """The path of a kind; of dropout one for each rate, with the rate."""
    if kind.name == "dropout":
        assert kind.numbers is not None
        return [(trained(with_dropout(bare, rate), given, vary, [0.0], **options), rate) for rate in kind.numbers]
    strengths: Any = count if kind.numbers is None else list(kind.numbers)
    return [(trained(bare, given, vary, strengths, **options), None)]


def _add(
    out: Comparison,
    kind: Kind,
    paths: list[tuple[Path, float | None]],
    meter: Sequential,
    rows: Sides,
    rule: str,
    score: Score,
) -> None:
    """Choose, measure; one more row."""
    found: list[tuple[Path, Point, float]] = []
    for one, rate in paths:
        point = one.best() if len(one) == 1 else one.best(rule)
        found.append((one, point, next(iter(point.strengths.values())) if rate is None else rate))
    chosen_path, point, number = max(found, key=lambda item: score.sign * item[1].score)
    net = _net(chosen_path, point)
    # Scores need no terms: one compiled program measures the nets of all kinds.
    plain = net
    if all(isinstance(layer, Layer) for layer in net.layers):
        plain = meter
        meter.set_weights(net.get_weights())
    kernels = [np.asarray(net.params[e.path]) for e in net.plan.entries if e.role == "kernel"]
    first = next((e for e in net.plan.entries if e.role == "kernel"), None)
    values = _measured(plain, rows.test_x, rows.test_y)
    train, test = _measured(plain, rows.x, rows.y)[score.measured], values[score.measured]
    others = {m.name: values[m.name] for m in plain._metrics() if m.name != score.name}
    row = Row(
        kind.name,
        kind.shown(number),
        float("nan") if kind.name in ("none", "non_neg") else float(number),
        point.score,
        point.error,
        train,
        test,
        score.sign * (train - test),
        _noisy(plain, rows, out.noise, score),
        float(sum((w == 0).sum() for w in kernels) / max(1, sum(w.size for w in kernels))),
        None if first is None else point.inputs,
        "",
        others,
    )
    none = out.rows[0] if out.rows else row
    out.rows.append(dataclasses.replace(row, sentence=sentence(kind, row, none, score, rows.x.shape[1])))
    out.models[kind.name], out.paths[kind.name] = net, chosen_path


def _net(one: Path, point: Point) -> Sequential:
    """The net of a point that was trained on all rows; it is the one that ``path.refit`` would train again."""
    net, _ = fresh(one.model, one.seed, one._terms[point.index])
    if net._split()[2] and not all(isinstance(layer, Layer) for layer in net.layers):
        return one.refit(point)  # batch statistics are trained, too, and a path keeps parameters alone
    net.set_weights([one.weights[path][point.index] for path in net.params])
    return net


def _measured(net: Sequential, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    return net.evaluate(x, y, batch_size=1024, verbose=0, return_dict=True)


def _noisy(net: Sequential, rows: Sides, noise: float, score: Score) -> float:
    """The score under noise, on the same draws for every kind."""
    if rows.test_x.dtype.kind != "f":
        return float("nan")  # numbers of rows to look up: noise on them means nothing
    draw = np.random.default_rng(0)
    spread = noise * rows.x.std(axis=0)
    scores: list[float] = []
    for _ in range(DRAWS):
        x = (rows.test_x + spread * draw.standard_normal(rows.test_x.shape)).astype(np.float32)
        scores.append(_measured(net, x, rows.test_y)[score.measured])
    return float(np.mean(scores))
