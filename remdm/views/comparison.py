"""The numbers of several runs in one table."""

from collections.abc import Sequence
from html import escape

from remdm.runs.trace import Trace
from remdm.views.numbers import summary


def table(titles: Sequence[str], traces: Sequence[Trace], errors: Sequence[int | None]) -> str:
    """Rows are runs, columns numbers; what differs from the first run is set bold.

    Args:
        titles: of the runs.
        traces: the runs.
        errors: those left at the end, None where nothing can be checked.
    """
    rows = [[(name, value) for name, value, _ in summary(trace)] for trace in traces]
    for row, left in zip(rows, errors, strict=True):
        if left is not None:
            row.append(("errors left", str(left)))
    if not rows:
        return ""
    head = ("", *(name for name, _ in rows[0]))
    there = dict(rows[0])
    body = [
        (f"{'ABCDEFGH'[place]} {title}", *(_Bold(value) if there.get(name) != value else value for name, value in row))
        for place, (title, row) in enumerate(zip(titles, rows, strict=True))
    ]
    return grid("The numbers; bold where they differ from A", head, body)


class _Bold(str):
    """A value to set bold."""


def grid(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain values as HTML; the first column names the rows."""
    top = "".join(f'<th scope="col">{escape(name)}</th>' if name else "<td></td>" for name in head)
    body = "".join(f'<tr><th scope="row">{escape(row[0])}</th>{"".join(map(_cell, row[1:]))}</tr>' for row in rows)
    return (
        f'<div class="compared"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(value: str) -> str:
    return f"<td><b>{escape(value)}</b></td>" if isinstance(value, _Bold) else f"<td>{escape(value)}</td>"
