"""`taut demo`: one network on real data with each kind of term, as a table, in words and as a picture."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from taut._extras import require
from taut.cli._command import Command, heading
from taut.cli._options import epochs_option
from taut.cli._studies import STUDIES, Outcome, Study
from taut.report import accuracy_under_noise, ignored_inputs, text_table, weight_row
from taut.tables import Target, hold_out

__all__ = ["demo"]

NOISE = 0.3  # standard deviation added to every pixel, whose values lie between 0 and 1
TEST = 0.5  # few enough rows to train on that a bare network learns them by heart

EXAMPLES = """
\b
Examples:
  taut demo
  taut demo --epochs 100 --seed 1 --out pictures
"""


@click.command(
    cls=Command,
    short_help="Train one network on real data with each kind of term and compare them.",
    epilog=EXAMPLES,
)
@click.option(
    "--out",
    "-o",
    default=".",
    show_default=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory for the picture, demo.png.",
)
@epochs_option(60)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    default=0,
    show_default=True,
    help="Random seed for the split, initial weights, shuffling and noise.",
)
def demo(out: Path, epochs: int, seed: int) -> None:
    """Train one network on scikit-learn's digits with each kind of term, and show the effect of each.

    The data are 1797 images of 8 × 8 pixels; half of them are held out for the test. Nothing is downloaded.
    """
    started = time.perf_counter()
    x, y = _digits()
    train, test = hold_out(Target("digit", "classification", tuple(range(10))), y, TEST, seed)
    click.secho("Digits", bold=True, nl=False)
    click.echo(f": {len(train)} images to train on, {len(test)} to test; Dense(64, relu) → Dense(10, softmax),")
    click.echo(
        f"Adam, {epochs} epochs, seed {seed}. All start from the same weights and see the rows in the same order."
    )

    outcomes: list[Outcome] = []
    with click.progressbar(STUDIES, label="training", item_show_func=lambda s: s.name if s else "") as studies:
        for study in studies:
            outcomes.append(_run(study, x, y, train, test, epochs, seed))
    click.echo()
    click.echo(_table(outcomes))
    click.echo(f"gap: train − test. under noise: test accuracy with noise of {NOISE} on every pixel, mean of 5 draws.")
    chance = 1.4 * float(np.sqrt(outcomes[0].test * (1 - outcomes[0].test) / len(test)))  # of a difference
    click.echo(f"One split and one seed: differences in test accuracy below {chance:.1%} may be due to chance.")

    heading("The effect of each term")
    wide = max(len(study.name) for study in STUDIES)
    for study, outcome in zip(STUDIES, outcomes, strict=True):
        text = study.says(outcome, outcomes[0])
        name = click.style(study.name.ljust(wide), bold=True)
        lines = textwrap.wrap(text, 100 - wide - 2)
        click.echo(f"{name}  " + ("\n" + " " * (wide + 2)).join(lines))

    out.mkdir(parents=True, exist_ok=True)
    picture = out / "demo.png"
    _draw(outcomes, epochs, picture)
    click.echo()
    click.echo(f"Picture of the weights: {click.style(str(picture), bold=True)}")
    click.echo(f"{time.perf_counter() - started:.0f} s in all")


def _digits() -> tuple[np.ndarray, np.ndarray]:
    data: Any = require("sklearn.datasets", "The demo's data").load_digits()
    return (data.data / 16).astype(np.float32), data.target.astype(np.int32)


def _run(
    study: Study, x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray, epochs: int, seed: int
) -> Outcome:
    import taut

    taut.utils.set_random_seed(seed)
    terms = (taut.regularizers, taut.constraints)
    model: Any = taut.Sequential(
        [
            taut.Input((x.shape[1],)),
            taut.layers.Dense(64, activation="relu", **study.hidden(*terms)),
            taut.layers.Dense(10, activation="softmax", **study.output(*terms)),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[train], y[train], batch_size=32, epochs=epochs, verbose=0)
    return _measure(model, x, y, train, test, seed)


def _measure(model: Any, x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int) -> Outcome:
    def predict(rows: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict(rows, verbose=0))

    def accuracy(rows: np.ndarray) -> float:
        return float(np.mean(np.argmax(predict(x[rows]), axis=1) == y[rows]))

    params = {path: np.asarray(w) for path, w in model.params.items()}
    kernels = [weight_row(e.path, params[e.path], e.fan_in) for e in model.plan.entries if e.role == "kernel"]
    biases = [weight_row(e.path, params[e.path], e.fan_in) for e in model.plan.entries if e.role == "bias"]
    first, bias = params[model.plan.entries[0].path], params[model.plan.entries[1].path]
    hidden = np.maximum(x[test] @ first + bias, 0)
    return Outcome(
        train=accuracy(train),
        test=accuracy(test),
        noisy=accuracy_under_noise(predict, x[test], y[test], NOISE, seed=seed),
        zeros=sum(row.zeros for row in kernels),
        weights=sum(row.size for row in kernels),
        dark_zeros=int(np.sum(first[~x[train].any(axis=0)] == 0)),
        ignored=len(ignored_inputs(first)),
        inputs=x.shape[1],
        largest_norm=max(row.largest_norm for row in kernels),
        smallest=min(row.smallest for row in kernels),
        largest=max(row.largest for row in kernels),
        typical=float(np.mean(np.concatenate([np.abs(params[row.path]).ravel() for row in kernels]))),
        bias_zeros=sum(row.zeros for row in biases),
        biases=sum(row.size for row in biases),
        quiet=float(np.mean(hidden == 0)),
        activity=float(np.mean(hidden)),
        kernel=first,
    )


def _table(outcomes: list[Outcome]) -> str:
    head = [
        "term",
        "train\naccuracy",
        "test\naccuracy",
        "\ngap",
        "exact\nzeros",
        "",
        "inputs\nignored",
        "largest\nunit norm",
        "smallest\nweight",
        "under\nnoise",
    ]
    rows = [
        [
            study.name,
            f"{o.train:.1%}",
            f"{o.test:.1%}",
            f"{o.gap * 100:.1f}",
            f"{o.zeros}",
            f"{o.zeros / o.weights:.0%}",
            f"{o.ignored} of {o.inputs}",
            f"{o.largest_norm:.3f}",
            "0" if o.smallest == 0 else f"{o.smallest:.3f}",
            f"{o.noisy:.1%}",
        ]
        for study, o in zip(STUDIES, outcomes, strict=True)
    ]
    return text_table(head, rows)


def _draw(outcomes: list[Outcome], epochs: int, path: Path) -> None:
    from taut.report.figures import Panel, draw_kernels, save_figure

    panels = [
        Panel(
            study.name,
            f"test {o.test:.1%}, under noise {o.noisy:.1%}\n"
            + (f"{o.inputs - o.ignored} of {o.inputs} pixels in use" if o.ignored else f"all {o.inputs} pixels in use"),
            o.kernel,
        )
        for study, o in zip(STUDIES, outcomes, strict=True)
    ]
    title = "One network, ten times: what each term does to the weights"
    subtitle = (
        f"The first kernel of Dense(64, relu) → Dense(10, softmax), trained {epochs} epochs on "
        "scikit-learn's digits, 8 × 8 pixels, always from the same start"
    )
    save_figure(draw_kernels(panels, (8, 8), title=title, subtitle=subtitle), path)
