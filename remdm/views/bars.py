"""Shares with their intervals as a table with bars, while they are measured and afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from remdm.views.interval import Interval


@dataclass(frozen=True)
class Entry:
    """A line: its name, what else is told of it, the share with its interval, and how much of it is done."""

    name: str
    facts: tuple[str, ...]
    share: Interval | None
    done: float = 1.0


def _shown(share: Interval) -> tuple[str, str]:
    """The figures as text, and a bar from 0 to 100% with the interval as a line upon it."""
    low, high = max(0.0, share.low), min(1.0, share.high)
    return (
        f"{share.value:.1%} <small>{share.low:.1%} to {share.high:.1%}</small>",
        f'<i style="width:{100 * share.value:.2f}%"></i>'
        f'<b style="left:{100 * low:.2f}%;width:{100 * (high - low):.2f}%"></b>',
    )


def board(entries: Sequence[Entry], columns: Sequence[str], share: str, caption: str = "") -> str:
    """A table: name, the share with its bar, then the columns. Empty without entries."""
    if not entries:
        return ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("sampler", share, "", *columns))
    rows = []
    for entry in entries:
        facts = "".join(f"<td>{escape(fact)}</td>" for fact in entry.facts)
        figures, bar = _shown(entry.share) if entry.share else ("–", "")
        open_ = ' data-open=""' if entry.done < 1 else ""
        rows.append(
            f'<tr{open_}><th scope="row">{escape(entry.name)}</th>'
            f'<td>{figures}</td><td class="board-drawn"><span class="board-bar">{bar}</span></td>{facts}</tr>'
        )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="board"><table>{title}<thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )
