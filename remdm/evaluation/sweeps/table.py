"""Tables as Markdown."""

from collections.abc import Sequence

WORLD = "world"
"""A sampler's name in a results file that stands for the data themselves."""


def markdown(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left, the others to the right."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
