"""The gallery's page: an index, the picture of L1 against L2, and one card per term, from the catalogue and the tests' table."""

from __future__ import annotations

from pathlib import Path

from docs.gallery import cards, textbook
from taut.catalogue import ENTRIES, Entry
from taut.identifiers import snake_case

FOLDER = Path(__file__).parent
TEXTBOOK = "l1-against-l2.png"
KINDS = {
    "regularizer": (
        "Regularizers",
        "They add a penalty to the loss. Give them as `kernel_regularizer=`, or use them on your own arrays.",
    ),
    "constraint": (
        "Constraints",
        "They keep weights inside a set, after every step. Give them as `kernel_constraint=`.",
    ),
}

INTRODUCTION = """# Gallery: every term, and when to use it

`make gallery` draws these pictures from the table of terms that the tests use. A grey entry of a matrix is exactly 0.0.
An arrow leads from a point to the nearest feasible point, or to the result of one proximal step with step size 1. A ring
marks a point that does not move; an orange end marks a point with a weight that is exactly 0.0. The same sentences are
printed by `taut terms` and `taut terms l1` in the shell.

Projections and proximal maps can be differentiated in JAX and PyTorch. The derivatives are exact, except for maps that
are computed by iteration: DoublyStochastic, and sums and intersections that have no closed form.

![L1 against L2: contours, paths and thresholds]({picture})

Left: the minimum of loss plus penalty, computed for L1 and for the L2 with the same loss. The contour of the loss touches
the diamond at w = ({sparse}, 0.0) and the disc at ({small}). Middle: a weight that does not change the loss. L2 removes a
fraction of it at every step and leaves {left:.4f} after sixty steps. L1 removes the same amount at every step, and its
proximal step makes it exactly 0.0 in step {reached}. Right: a weight that the loss pulls away from zero. With L1 it stays
non-zero only where the gradient of the loss is larger than λ.
"""


def file_of(entry: Entry) -> str:
    return f"{entry.kind}-{snake_case(entry.name).replace('_', '-')}.png"


def _anchor(entry: Entry) -> str:
    return f"{entry.name.lower()}-{entry.kind}"


def text() -> str:
    """The whole page."""
    sparse, small = textbook.both()
    path = textbook.path("L1")
    parts = [
        INTRODUCTION.format(
            picture=TEXTBOOK,
            sparse=f"{sparse.w[0]:.2f}",
            small=f"{small.w[0]:.2f}, {small.w[1]:.2f}",
            left=textbook.path("L2")[-1],
            reached=int((path == 0).argmax()),
        ).rstrip()
    ]
    for kind, (title, _) in KINDS.items():
        families: dict[str, list[Entry]] = {}
        for entry in ENTRIES:
            if entry.kind == kind:
                families.setdefault(entry.family, []).append(entry)
        rows = [
            f"| {family} | {' · '.join(f'[{e.name}](#{_anchor(e)})' for e in entries)} |"
            for family, entries in families.items()
        ]
        parts.append(f"**{title}**\n\n| | |\n|---|---|\n" + "\n".join(rows))
    for kind, (title, words) in KINDS.items():
        parts.append(f"## {title}\n\n{words}")
        family = ""
        for entry in (entry for entry in ENTRIES if entry.kind == kind):
            if entry.family != family:
                family = entry.family
                parts.append(f"### {title}: {family}")
            parts.append(card(entry))
    return "\n\n".join(parts) + "\n"


def card(entry: Entry) -> str:
    """One term: its formula, when to use it, its picture, its example."""
    lines = "\n".join(entry.example)
    elsewhere = f"\n\nElsewhere: {entry.peers}." if entry.peers else ""
    return (
        f'<a id="{_anchor(entry)}"></a>\n\n'
        f"#### {entry.name}\n\n"
        f"`{entry.formula}`\n\n"
        f"{entry.use}\n\n"
        f"![{entry.name}: {cards.named(cards.term_of(entry))}]({file_of(entry)})\n\n"
        f"```python\n{lines}\n```{elsewhere}"
    )
