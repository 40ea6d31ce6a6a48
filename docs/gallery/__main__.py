"""Draw the gallery: ``python -m docs.gallery``, or ``python -m docs.gallery L1 MaxNorm`` for some of its pictures."""

from __future__ import annotations

import sys

from docs.gallery import cards, page, style, textbook
from taut.catalogue import ENTRIES


def main() -> None:
    chosen = sys.argv[1:]
    if unknown := set(chosen) - {entry.name for entry in ENTRIES}:
        raise SystemExit(f"not in the catalogue: {', '.join(sorted(unknown))}")
    for entry in ENTRIES:
        if not chosen or entry.name in chosen:
            style.save(cards.draw(entry), page.FOLDER / page.file_of(entry))
            print(page.file_of(entry))
    if not chosen:
        style.save(textbook.draw(), page.FOLDER / page.TEXTBOOK)
        kept = {page.TEXTBOOK, *(page.file_of(entry) for entry in ENTRIES)}
        for old in page.FOLDER.glob("*.png"):
            if old.name not in kept:
                old.unlink()
    (page.FOLDER / "README.md").write_text(page.text(), encoding="utf-8")


if __name__ == "__main__":
    main()
