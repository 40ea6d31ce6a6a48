"""The gallery's page: an index, the textbook's picture, and a card a term, from the catalogue and the tests' table."""

from __future__ import annotations

from pathlib import Path

from docs.gallery import cards, textbook
from taut.catalogue import ENTRIES, Entry
from taut.identifiers import snake_case

FOLDER = Path(__file__).parent
TEXTBOOK = "l1-against-l2.png"
KINDS = {
    "regularizer": ("Regularizers", "They add a penalty to the loss: `kernel_regularizer=`, or on your own arrays."),
    "constraint": ("Constraints", "They keep weights inside a set, after every step: `kernel_constraint=`."),
}

INTRODUCTION = """# Gallery: every term, and when to use it

Drawn by `make gallery` from the rows that the tests hold to the laws: what is shown is what is tested. A grey entry
of a matrix is exactly 0.0. An arrow leads from a point to its nearest point, or to where one proximal step of length
1 takes it; a ring stays where it is; an orange end has a weight that is exactly 0.0. The same sentences are in the
shell: `taut terms`, `taut terms l1`.

Projections and proximal maps can be differentiated, in JAX and PyTorch, and their derivatives are exact but for those
found by turns: DoublyStochastic, and sums and intersections that have no closed form.

![L1 against L2: contours, paths and thresholds]({picture})

Left, where loss and penalty together are least, solved for under L1 and under the L2 with the same loss: the contour of
the loss touches the diamond at w = ({sparse}, 0.0) and the disc at ({small}). Then a weight that no data hold: L2 takes
a share of it at every step and leaves {left:.4f} after sixty; L1 takes the same amount at every step, and its proximal
step ends at 0.0, in step {reached}. Right, a weight that data pull: it survives L1 only where they pull harder than λ.
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
    """One term: what it is, when to use it, its picture, its example."""
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
