"""Quality against measured NFE: the points that a results file has, and cells measured while one waits."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from remdm.evaluation.measurement import Measure, Measurement
from remdm.evaluation.metrics.statistics import pooled
from remdm.evaluation.sweeps import results, sweep
from remdm.evaluation.sweeps.results import Row, newest
from remdm.evaluation.sweeps.samples import DATA, Cell, Samples, Stopped, until
from remdm.models.checkpoints import total_parameters
from remdm.sampling.methods import build
from remdm.sampling.presets import METHODS
from remdm.views.curves import Point
from remdm.views.interval import Interval


def changes(kind: Measurement, row: Row) -> str:
    """What was changed in a row's sampler beyond what the domain gives it, as its overrides say."""
    base = {name: str(value) for name, value in kind.base(row["sampler"]).items()}
    asked = {"property", "guidance", "γ", "guidance_scale"}
    pairs = (pair.partition("=") for pair in row["overrides"].split(",") if pair)
    return ", ".join(f"{name}={value}" for name, _, value in pairs if name not in asked and base.get(name) != value)


def changed(kind: Measurement, row: Row) -> bool:
    """Whether a row's sampler is set otherwise than the domain sets it; rows of the data themselves are not."""
    return row["sampler"] in METHODS and bool(changes(kind, row))


def conditions(kind: Measurement, rows: Sequence[Row]) -> list[str]:
    """What was asked for in the rows, the domain's own first."""
    found = list(dict.fromkeys(kind.condition(row) for row in rows))
    return sorted(found, key=lambda each: each != kind.own)


def points(kind: Measurement, rows: Sequence[Row], measure: Measure, condition: str) -> list[Point]:
    """The points of a measure, few steps first; seeds of the same cell are taken together."""
    has = [row for row in newest(rows) if row["sampler"] in METHODS and kind.condition(row) == condition]
    has = [row for row in has if row.get(measure.column)]
    cells = results.grouped(has, lambda row: (row["sampler"], changes(kind, row), int(row["steps"])))
    made = [
        Point(
            sampler, METHODS[sampler].title, changed, steps, float(np.mean([float(row["forwards"]) for row in own])),
            pooled(own, measure.column), sum(int(row[measure.count]) for row in own),
        )
        for (sampler, changed, steps), own in cells.items()
    ]  # fmt: skip
    order = list(METHODS)
    return sorted(made, key=lambda point: (order.index(point.sampler), point.changes, point.steps))


def data(kind: Measurement, rows: Sequence[Row], measure: Measure, condition: str) -> float | None:
    """What the data themselves come to, where that was measured."""
    own = [row for row in rows if row["sampler"] == DATA and kind.condition(row) == condition]
    return float(own[-1][measure.column]) if own and own[-1].get(measure.column) else None


# Measured while one waits


@dataclass(frozen=True)
class Drawn:
    """A cell as far as it has been drawn: equally many samples of each of its draws, and what they come to."""

    cell: Cell
    groups: tuple[Samples, ...] = ()
    figures: Mapping[str, Any] | None = None

    def __len__(self) -> int:
        return sum(map(len, self.groups))

    def point(self, measure: Measure) -> Point | None:
        """Its place on the chart; None before the first round, and for a measure that it does not have."""
        value = (self.figures or {}).get(measure.column)
        if value is None:
            return None
        forwards = float(np.mean([group.forwards.mean() for group in self.groups]))
        sampler, steps = self.cell.sampler, self.cell.steps
        return Point(sampler, METHODS[sampler].title, "", steps, forwards, Interval.around(value), len(self))


def begin(kind: Measurement, sampler: str, steps: int, seed: int = 0) -> Drawn:
    """A cell of which nothing is drawn yet.

    Raises:
        ValueError: for settings that are invalid.
    """
    cell = kind.cell(sampler, steps, seed)
    build(cell.settings)
    return Drawn(cell)


def work(kind: Measurement, drawn: Drawn, count: int) -> tuple[float, bool]:
    """What `count` more samples ask for, weights x positions x steps x samples, and whether a GPU does it.

    With guidance a step takes two evaluations: counted for all.
    """
    made = sweep.bench(kind)
    loaded, steps = made.checkpoint, len(build(drawn.cell.settings)[1])
    weights = total_parameters(loaded.denoiser.network)
    return 2 * weights * loaded.length * steps * count * made.runs, loaded.compute.device.type == "cuda"


def more(kind: Measurement, drawn: Drawn, count: int, halt: threading.Event) -> Iterator[Drawn]:
    """Draw until there are `count` more samples at least, a round at a time; `halt` ends it within one step."""
    made, tick = sweep.bench(kind), until(halt)
    draws = made.draws(drawn.cell)
    goal = len(drawn) + count
    while len(drawn) < goal:
        done = len(drawn) // len(draws)
        stop = done + min(kind.batch, -(-(goal - len(drawn)) // len(draws)))
        before = drawn.groups or (None,) * len(draws)
        try:
            groups = tuple(draw(done, stop, tick).after(old) for draw, old in zip(draws, before, strict=True))
        except Stopped:
            return
        drawn = replace(drawn, groups=groups, figures=made.score(drawn.cell, groups))
        yield drawn
