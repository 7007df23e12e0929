"""What many short chains did, as small pictures side by side: step by position, in the looks of the state alphabet."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

import numpy as np

STATES = ("masked", "decoded", "kept", "remasked")
CELL, APART = 8, 4
"""Units of a cell, and between two chains."""


def _runs(row: np.ndarray, chain: int) -> list[tuple[int, int, int]]:
    """Equal neighbours of a row within a chain as (value, first, count)."""
    found, place = [], 0
    for (_, value), cells in groupby(enumerate(row.tolist()), lambda cell: (cell[0] // chain, cell[1])):
        count = len(list(cells))
        found.append((value, place, count))
        place += count
    return found


def _paths(cells: np.ndarray, chain: int, names: Sequence[str]) -> str:
    """One path for each value above -1, its cells as boxes."""
    drawn: dict[int, list[str]] = {value: [] for value in range(len(names))}
    for y, row in enumerate(cells):
        for value, first, count in _runs(row, chain):
            if value >= 0:
                x = first * CELL + first // chain * APART
                drawn[value].append(f"M{x} {y * CELL}h{count * CELL - 1}v{CELL - 1}h{1 - count * CELL}z")
    return "".join(f'<path class="{names[value]}" d="{"".join(boxes)}"/>' for value, boxes in drawn.items() if boxes)


def _struck(states: np.ndarray, chain: int) -> str:
    """A stroke through each remasked cell: it is told apart without colour."""
    strokes = "".join(
        f"M{x * CELL + x // chain * APART} {(y + 1) * CELL - 1}l{CELL - 1} {1 - CELL}"
        for y, x in np.argwhere(states == STATES.index("remasked")).tolist()
    )
    return f'<path class="stroke" d="{strokes}"/>'


def panel(title: str, states: np.ndarray, differs: np.ndarray, words: Sequence[str]) -> str:
    """A picture with its words below.

    Args:
        title: above it.
        states: indices into `STATES`, `[steps, positions]`, the chains side by side.
        differs: where it differs from the first picture, bool.
        words: what the chains ended in; they say how long a chain is.
    """
    steps, positions = states.shape
    chain = positions // len(words)
    wide, tall = positions * CELL + (len(words) - 1) * APART, steps * CELL
    apart = int(differs.sum())
    same = f"{apart:,} of {differs.size:,} cells differ from the first" if apart else "no cell differs from the first"
    description = (
        f"{len(words)} chains over {steps} steps: {int((states == 1).sum())} decoded, {int((states == 3).sum())} "
        f"remasked; {same}. They end in {', '.join(words)}."
    )
    drawn = _paths(states, chain, STATES) + _struck(states, chain) + _paths(differs.astype(int) - 1, chain, ("apart",))
    return (
        f'<figure class="twin"><figcaption><b>{escape(title)}</b> {same}</figcaption>'
        f'<svg viewBox="0 0 {wide} {tall}" role="img" aria-label="{escape(description)}">{drawn}</svg>'
        f"<p>{escape(' '.join(words))}</p></figure>"
    )


def legend() -> str:
    keys = (("masked", "masked"), ("decoded", "decoded now"), ("kept", "kept"), ("remasked", "remasked now"),
            ("apart", "differs"))  # fmt: skip
    boxes = {"remasked": '<path class="remasked" d="M0 0h9v9h-9z"/><path class="stroke" d="M0 9l9 -9"/>'}
    return "".join(
        f'<span><svg viewBox="0 0 9 9" aria-hidden="true">'
        f'{boxes.get(look, f"""<path class="{look}" d="M0 0h9v9h-9z"/>""")}</svg>{words}</span>'
        for look, words in keys
    )


def side_by_side(panels: Sequence[str], sentence: str) -> str:
    """Panels in a row under a sentence, with the legend below."""
    status = f'<p role="status">{escape(sentence)}</p>'
    return f'{status}<div class="twins">{"".join(panels)}</div><p class="twin-legend">step ↓ chains → {legend()}</p>'
