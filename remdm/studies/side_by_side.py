"""Tables of the paper and of ours, one under the other: the pieces that `paper_tables.py` puts together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from remdm.evaluation import curves
from remdm.evaluation.measurement import Measurement
from remdm.evaluation.sweeps.results import Row
from remdm.evaluation.sweeps.table import by_steps, markdown
from remdm.studies.published import Published
from remdm.views.curves import Point
from remdm.views.interval import Interval

MISSING = "not measured"


@dataclass(frozen=True)
class Line:
    """A row of a table of ours: how it is called, the sampler, and what was changed in it (as `curves` words it)."""

    name: str
    sampler: str
    changes: str = ""


@dataclass(frozen=True)
class Ours:
    """The rows of a domain under one condition."""

    kind: Measurement
    rows: Sequence[Row]
    condition: str

    def by_steps(self, line: Line, column: str) -> dict[int, Point]:
        """A line's points of a measure by T."""
        measure = self.kind.measure(column)
        found = curves.points(self.kind, self.rows, measure, self.condition)
        return {each.steps: each for each in found if (each.sampler, each.changes) == (line.sampler, line.changes)}

    def values(self, line: Line, column: str, steps: Callable[[int], bool] = bool) -> dict[int, Interval]:
        """The same as figures, of the T that are wanted."""
        return {t: each.value for t, each in self.by_steps(line, column).items() if steps(t)}

    def tables(self, lines: Sequence[Line], columns: Sequence[str]) -> list[str]:
        """A table for each measure, every cell with its interval and n; the NFE; what is not measured."""
        made = []
        for column in columns:
            measure = self.kind.measure(column)
            found = {line: self.by_steps(line, column) for line in lines}
            made += _by_steps(measure.title, found, partial(_cell, measure.spec))
        found = {line: self.by_steps(line, columns[0]) for line in lines}
        made += _by_steps("NFE a sample", found, lambda point: f"{point.forwards:.1f}")
        lacking = [line.name for line in lines if not any(self.by_steps(line, column) for column in columns)]
        return [*made, f"Not measured: {'; '.join(lacking)}."] if lacking else made

    @property
    def parameters(self) -> str:
        """Of the model, as the newest row has it."""
        rows = [row for row in self.rows if self.kind.condition(row) == self.condition]
        return f"{int(rows[-1]['parameters']) / 1e6:.1f}M parameters" if rows else "no rows yet"


def _by_steps(title: str, found: Mapping[Line, Mapping[int, Point]], cell: Callable[[Point], str]) -> list[str]:
    """A sampler a row, T a column; nothing where nothing was measured."""
    lines = {line.name: {t: cell(point) for t, point in own.items()} for line, own in found.items() if own}
    return [by_steps(f"ours: {title}", lines, MISSING)] if lines else []


def _cell(spec: str, point: Point) -> str:
    return f"{point.value:{spec}}, n = {point.n:,}"


def table(theirs: Published) -> str:
    """A table of the paper as Markdown, with its source."""
    head = ["paper", *(f"{figure}, {t}" for figure in theirs.figures for t in theirs.steps)]
    digits = [theirs.digits(figure) for figure in theirs.figures]
    body = [
        [name, *(f"{value:.{count}f}" for figure, count in zip(row, digits, strict=True) for value in figure)]
        for name, row in theirs.rows.items()
    ]
    return f"{theirs.source}: {theirs.setting}.\n\n{markdown(head, body)}"
