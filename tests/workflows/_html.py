"""What the tests of pages share: a browser, hostile names, and a path whose numbers cost no training."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import taut
from taut.paths import Path as TautPath
from taut.paths.varying import resolve, terms_at

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

HOSTILE = (
    "<script>window.ran=1</script>",
    "</script><script>window.ran=2</script>",
    "<img src=x onerror=window.ran=3>",
    '"><svg onload=window.ran=4>',
    "'--><!--<b>bold</b>",
    "two\u2028lines\u2029of\nit",
    "<a href='javascript:window.ran=5'>link</a>",
    "%{x} $\\alpha$ &lt;i&gt;",
    "@accent",
    "\ud800 half a pair",
    "\u202egnorw ti si",
    "a name that is " + "very " * 30 + "long",
    "x" * 300,
    "<b>bold</b><br>",
)


def launch(driver: Any) -> Any:
    """The system's Chromium; without one the test is skipped, or fails where TAUT_BROWSER=required."""
    found = next((place for place in map(shutil.which, NAMES) if place), None)
    if found is None:
        missing(f"none of {', '.join(NAMES)} is installed")
    return driver.chromium.launch(executable_path=found, args=ARGUMENTS)


def missing(why: str) -> None:
    if os.environ.get("TAUT_BROWSER") == "required":
        pytest.fail(f"TAUT_BROWSER=required, but {why}")
    pytest.skip(f"{why}, so no page can be looked at")


def hostile_path(
    names: tuple[str, ...] | None = HOSTILE,
    *,
    inputs: int = len(HOSTILE),
    units: int = 6,
    outputs: int = 3,
    steps: int = 8,
    constrained: bool = True,
) -> TautPath:
    """A path as `taut.path` gives it, its weights shrunk by hand: input after input is lost as the strength grows."""
    draw = np.random.default_rng(0)
    taut.utils.set_random_seed(0)
    dense, seeds, folds, epochs = taut.layers.Dense, 2, 3, 5
    bounds = {"kernel_constraint": taut.constraints.MaxNorm(1.0)} if constrained else {}
    end = dense(outputs, bias_constraint=lambda w: w)  # shown as "<lambda>", which is no tag
    model = taut.Sequential([dense(units, activation="relu", input_shape=(inputs,), **bounds), end], name=HOSTILE[0])
    varied = resolve(model, {"dense/kernel": taut.regularizers.L1})
    strengths = np.geomspace(1.0, 1e-3, steps)[:, None]  # descending: the page turns it round
    time = np.linspace(1, 0, steps)
    weights = {path: np.repeat(np.asarray(w)[None], steps, axis=0) for path, w in model.params.items()}
    last = draw.uniform(0.2, 1.1, inputs)
    left = np.clip(last - time[:, None], 0, None).astype(np.float32)
    grown = 2 * weights["dense/kernel"] * left[:, :, None]
    weights["dense/kernel"] = np.stack([taut.constraints.MaxNorm(1.0)(w) for w in grown]) if constrained else grown
    weights["dense_1/kernel"] *= (1.1 - time)[:, None, None].astype(np.float32)
    weights["dense/bias"] += time[:, None].astype(np.float32)
    base = 0.9 - np.square(time - 0.4)[:, None, None] + draw.normal(0, 0.02, (steps, seeds, folds))
    scores = dict.fromkeys(("accuracy", "data_loss", "loss"), base)
    scores |= {f"val_{name}": score - 0.1 for name, score in scores.items()}
    curve = base[..., None] * (1 - np.exp(-np.arange(1, epochs + 1)))
    rows = tuple((np.arange(4), np.arange(4, 6)) for _ in range(folds))
    return TautPath(
        varied=("dense/kernel",),
        strengths=strengths,
        scores=scores,
        curves=dict.fromkeys(("loss", "val_loss", "accuracy", "val_accuracy"), curve),
        weights=weights,
        kept_inputs=(weights["dense/kernel"] != 0).any(axis=2),
        zeros={path: (w == 0).reshape(steps, -1).mean(axis=1) for path, w in weights.items()},
        penalties=np.zeros(steps),
        metric="accuracy",
        higher_is_better=True,
        finite=np.ones((steps, seeds, folds), bool),
        converged=None,
        seed=0,
        seeds=tuple(range(seeds)),
        folds=rows,
        epochs=epochs,
        interrupted=True,
        stopped=False,
        feature_names=names,
        model=model,
        _entries=varied,
        _terms=[terms_at(varied, row) for row in strengths.tolist()],
    )


def page_of(path: TautPath, folder: Path, **options: Any) -> str:
    """The page of ``path``, as text."""
    path.to_html(folder / "path.html", **options)
    return (folder / "path.html").read_text(encoding="utf-8")
