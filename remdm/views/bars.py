"""Shares with their intervals as a table with bars, while they are measured and afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Entry:
    """A line: its name, what else is told of it, the share with its interval, and how much of it is done."""

    name: str
    facts: tuple[str, ...]
    share: float | None
    low: float = 0.0
    high: float = 0.0
    done: float = 1.0


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _bar(entry: Entry) -> str:
    """The share as a bar from 0 to 100% with its interval as a line upon it; the figures stand next to it as text."""
    if entry.share is None:
        return '<span class="board-bar"></span>'
    return (
        f'<span class="board-bar"><i style="width:{100 * entry.share:.2f}%"></i>'
        f'<b style="left:{100 * max(0.0, entry.low):.2f}%;'
        f'width:{100 * (min(1.0, entry.high) - max(0.0, entry.low)):.2f}%"></b></span>'
    )


def board(entries: Sequence[Entry], columns: Sequence[str], share: str, caption: str = "") -> str:
    """A table: name, the share with its bar, then the columns. Empty without entries."""
    if not entries:
        return ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("sampler", share, "", *columns))
    rows = []
    for entry in entries:
        facts = "".join(f"<td>{escape(fact)}</td>" for fact in entry.facts)
        figure = "–" if entry.share is None else f"{_percent(entry.share)}"
        between = "" if entry.share is None else f" <small>{_percent(entry.low)} to {_percent(entry.high)}</small>"
        open_ = ' data-open=""' if entry.done < 1 else ""
        rows.append(
            f'<tr{open_}><th scope="row">{escape(entry.name)}</th>'
            f'<td>{figure}{between}</td><td class="board-drawn">{_bar(entry)}</td>{facts}</tr>'
        )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="board"><table>{title}<thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )
