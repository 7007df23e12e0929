"""Tables as Markdown."""

from collections.abc import Mapping, Sequence


def markdown(header: Sequence[str], body: Sequence[Sequence[str]], first: str = "---", others: str = "---:") -> str:
    """A Markdown table, the first column to the left, the others to the right, if nothing else is said."""
    lines = [header, [first] + [others] * (len(header) - 1), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def by_steps(corner: str, lines: Mapping[str, Mapping[int, str]], missing: str = "") -> str:
    """A table of a row for each name and a column for each T that any of them has, few steps first."""
    wide = sorted({t for line in lines.values() for t in line})
    body = [[name, *(line.get(t, missing) for t in wide)] for name, line in lines.items()]
    return markdown([corner, *(f"T = {t}" for t in wide)], body)
