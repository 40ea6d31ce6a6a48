"""What ``taut.path`` gives: every net's scores, the weights along the path, and the ways to choose and go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taut import _reports, errors
from taut.model import Sequential
from taut.paths._refit import Recipe, refit
from taut.paths.choice import Point, mean_and_error, note_on, pick
from taut.paths.stability import Stability
from taut.paths.table import Table
from taut.paths.varying import Varied

__all__ = ["Path"]

BY = ("strength", "inputs", "zeros")


@dataclass(eq=False)
class Path:
    """Many strengths, seeds and folds of one network, trained side by side.

    Attributes:
        varied: the entries of ``vary``.
        strengths: (points, entries of ``vary``); one row of numbers is one point.
        scores: by name ("loss", "data_loss", "penalty", the metrics, "log_loss" of a classifier; with the prefix "val_" on
            held-out rows), arrays of shape (points, seeds, folds): scores of the final weights in inference mode. Without
            folds the last axis has length 1.
        curves: by name, (points, seeds, folds, epochs): means over each training epoch; with the prefix "val_" the score
            on held-out rows after it.
        weights: by path, (points, *shape): the nets trained on all rows with the first seed.
        kept_inputs: (points, inputs), whether any weight that leaves the input in the first kernel is not zero.
        zeros: by path, (points,), the share of exact zeros in those nets.
        penalties: (points,), their penalty.
        metric: the score that points are chosen by; on held-out rows it is ``scores["val_" + metric]``.
        higher_is_better: whether a higher score is better.
        finite: (points, seeds, folds), whether all weights of a net are finite. If not, its scores are NaN.
        converged: (points, seeds, folds), whether a net reached the optimum of its objective; None for nets that are only
            trained for the epochs (all but full batches of one layer with a convex objective).
        seed: the first seed; the initial weights and the order of the rows are those of ``fit`` after
            ``set_random_seed(seed)``.
        seeds: all of them.
        folds: (training rows, held-out rows) of each fold; empty without folds.
        epochs: how many were trained.
        interrupted: whether the training was interrupted with Ctrl-C.
        stopped: whether ``patience`` ended the training.
        feature_names: of the inputs, from a data frame's columns; or None.
        model: a copy of the architecture that was given, with its weights at that time.
    """

    varied: tuple[str, ...]
    strengths: np.ndarray
    scores: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]
    kept_inputs: np.ndarray
    zeros: dict[str, np.ndarray]
    penalties: np.ndarray
    metric: str
    higher_is_better: bool
    finite: np.ndarray
    converged: np.ndarray | None
    seed: int
    seeds: tuple[int, ...]
    folds: tuple[tuple[np.ndarray, np.ndarray], ...]
    epochs: int
    interrupted: bool
    stopped: bool
    feature_names: tuple[str, ...] | None
    model: Sequential = field(repr=False)
    _entries: tuple[Varied, ...] = field(default=(), repr=False)
    _terms: Sequence[Sequence[Mapping[str, Any]]] = field(default=(), repr=False)  # of each point, by path
    _kept: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray], repr=False)
    _shares: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), repr=False)
    _recipe: Recipe | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.strengths)

    def __repr__(self) -> str:
        return (
            f"<Path: {len(self)} points of {' × '.join(self.varied)}, {len(self.seeds)} seeds, {len(self.folds)} folds, "
            f"{self.epochs} epochs{', interrupted' if self.interrupted else ''}>"
        )

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def validated(self) -> bool:
        """Whether any rows were held out."""
        return not np.isnan(self.scores[f"val_{self.metric}"]).all()

    def score(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard error of the score on held-out rows, (points,) each."""
        return mean_and_error(self.scores[f"val_{self.metric}"])

    def varied_paths(self) -> tuple[str, ...]:
        """The parameters whose terms are varied."""
        return tuple(dict.fromkeys(p for entry in self._entries for p in entry.parameters))

    def zero_share(self) -> np.ndarray:
        """The share of exact zeros among the varied weights, (points,)."""
        paths = self.varied_paths() or tuple(self.weights)
        sizes = np.array([self.weights[p][0].size for p in paths], np.float64)
        return (
            sum((self.zeros[p] * n for p, n in zip(paths, sizes, strict=True)), start=np.zeros(len(self))) / sizes.sum()
        )

    def table(self) -> Table:
        """One row per point: strengths, scores with their standard errors, gap, zeros, inputs kept, penalty and norm.

        ``gap`` is how much better the score is on the training rows than on the held-out rows; ``norm`` is the L2 norm of
        the varied weights. Zeros, inputs, penalty and norm are those of the nets trained on all rows.
        """
        columns: dict[str, np.ndarray] = {n: self.strengths[:, i] for i, n in enumerate(self.varied)}
        names = list(dict.fromkeys([self.metric, *self._others(), self._loss]))
        for name in names:
            columns[name], columns[f"{name}_se"] = mean_and_error(self.scores[name])
            if self.validated:
                columns[f"val_{name}"], columns[f"val_{name}_se"] = mean_and_error(self.scores[f"val_{name}"])
            if self.validated and name == self.metric:
                sign = 1 if self.higher_is_better else -1
                columns["gap"] = sign * (columns[name] - columns[f"val_{name}"])
        columns["zeros"] = self.zero_share()
        if self.kept_inputs.shape[1]:
            columns["inputs"] = self.kept_inputs.sum(axis=1)
        columns["penalty"] = self.penalties
        paths = self.varied_paths() or tuple(self.weights)
        squares = [np.square(self.weights[p].astype(np.float64)).reshape(len(self), -1).sum(axis=1) for p in paths]
        columns["norm"] = np.sqrt(np.sum(squares, axis=0))
        return Table(columns)

    def stability(self) -> Stability:
        """The share of the (seed, fold) nets in which each input and each varied weight is kept, at every point."""
        nets = len(self.seeds) * max(1, len(self.folds))
        return Stability(self.strengths, self._shares, dict(self._kept), self.feature_names, nets)

    # --- choosing -----------------------------------------------------------------------------------------------------

    @property
    def _loss(self) -> str:
        """The loss without penalties, by the name that a classifier's has everywhere."""
        return "log_loss" if "log_loss" in self.scores else "data_loss"

    def _others(self) -> list[str]:
        """The model's metrics."""
        apart = ("loss", "data_loss", "penalty", self._loss)
        return [name for name in self.scores if not name.startswith("val_") and name not in apart]

    def point(self, index: int, rule: str = "", note: str = "") -> Point:
        """The point in row ``index`` of the table."""
        if isinstance(index, bool) or not hasattr(index, "__index__") or not -len(self) <= index < len(self):
            raise ValueError(f"point {index!r}, expected a row of the table: 0 … {len(self) - 1}.")
        index = index.__index__() % len(self)
        mean, error = self.score()
        numbers = {name: float(self.strengths[index, i]) for i, name in enumerate(self.varied)}
        inputs = int(self.kept_inputs[index].sum()) if self.kept_inputs.shape[1] else None
        zeros = float(self.zero_share()[index])
        return Point(index, numbers, self.metric, float(mean[index]), float(error[index]), inputs, zeros, rule, note)

    def best(self, rule: str = "max", by: str | None = None) -> Point:
        """The point to use, by the scores on held-out rows.

        Args:
            rule: "max": the best mean score; among equal ones the lowest loss without penalties. "one_se": the simplest point whose mean is within one standard error of the
                best one's (Breiman, Friedman, Olshen & Stone, Classification and regression trees, 1984).
            by: what simpler means: "inputs" (fewer of them kept), "zeros" (more of them among the varied weights) or
                "strength" (larger; for constraints, smaller). None means "inputs" if the points keep different numbers of
                them, else "zeros" if their shares differ, else "strength".

        Raises:
            ValueError: no rows were held out, an unknown rule, "one_se" with a single fold and seed, or a ``by`` that does
                not apply to this path.
        """
        mean, error = self.score()
        decides = None if self.metric in (self._loss, "data_loss", "loss") else self._loss
        loss = None if decides is None else mean_and_error(self.scores[f"val_{decides}"])[0]
        index = pick(mean, error, self.higher_is_better, rule, self._simplicity(by), loss)
        how = {} if decides is None else {"decided": f"the lowest {decides} decided"}
        return self.point(index, rule, note_on(mean, error, index, self.metric, rule, **how))

    def _simplicity(self, by: str | None) -> np.ndarray:
        if by is not None and by not in BY:
            raise ValueError(errors.unknown("meaning of simpler (by)", str(by), BY))
        inputs, zeros = self.kept_inputs.sum(axis=1), self.zero_share()
        if by is None:
            by = "inputs" if np.ptp(inputs) else "zeros" if np.ptp(zeros) else "strength"
        if by == "inputs":
            if not self.kept_inputs.shape[1]:
                raise ValueError('by="inputs": this model has no kernel whose inputs could be counted; use by="zeros".')
            return inputs - zeros
        if by == "zeros":
            return -zeros
        if len(self.varied) > 1:
            raise ValueError(
                'by="strength": several terms are varied, so the points have no single strength; use by="zeros".'
            )
        tighter = self._entries and "constraint" in self._entries[0].kinds(float(self.strengths[0, 0]))
        return self.strengths[:, 0] if tighter else -self.strengths[:, 0]

    # --- going on -----------------------------------------------------------------------------------------------------

    def refit(self, point: Point | int, debias: bool = False, x: Any = None, y: Any = None) -> Sequential:
        """A model trained on all rows with the terms of ``point``, by ``fit`` with the path's first seed.

        Args:
            point: of this path, or a row of its table.
            debias: train once more without the varied terms, starting from these weights, with exact zeros held at zero
                by the constraint `taut.constraints.Zeros`, which stays on the model. The same weights are zero; the
                others are no longer shrunk. The model's own constraints stay.
            x, y: other rows to train on than those of the path.

        Reference: Meinshausen, Relaxed lasso (2007), with φ = 0.
        """
        index = point.index if isinstance(point, Point) else self.point(point).index
        if isinstance(point, Point) and self.point(index).strengths != point.strengths:
            raise ValueError(f"{point} is not a point of this path; expected path.best() or path.point(row).")
        assert self._recipe is not None
        numbers, terms = self.strengths[index].tolist(), self._terms[index]
        return refit(self.model, self._entries, numbers, terms, self._recipe, self.epochs, self.seed, debias, x, y)

    def plot(self, file: Any = None) -> Any:
        """The coefficient path, and the scores against strength and sparsity: a matplotlib figure.

        Args:
            file: where to save it as well; the format is the suffix's (PNG, SVG, PDF), and PNG without one.
        """
        from taut.paths._figure import draw, save

        figure = draw(self)
        if file is not None:
            save(figure, file)
        return figure

    def to_html(
        self,
        file: Any,
        *,
        x: Any = None,
        feature_names: Sequence[str] | None = None,
        image: tuple[int, int] | None = None,
        title: str | None = None,
    ) -> None:
        """Write the path to one self-contained HTML file, with a slider over the strengths.

        Scores, what each input contributes, weights, kernels as images, training curves, active constraints, terms.

        Args:
            file: such as "path.html".
            x: rows of data; contributions of the inputs are then measured by what they add to the first layer's outputs.
            feature_names: one name per input, in place of the path's own.
            image: (height, width), if the inputs are the pixels of an image.
            title: the heading.

        Raises:
            ModuleNotFoundError: plotly is not installed.
            ValueError: names, rows or an image that do not fit the inputs; no point with finite weights.
        """
        _reports.writer("path")(self, file, x=x, feature_names=feature_names, image=image, title=title)
