"""Quality against measured forwards: the points that a results file has, and cells measured while one waits.

A domain's entry in KINDS says where its results are, what is measured, and how a cell of it is made.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from remdm.domains.molecule import PRESETS
from remdm.evaluation import countdown, image, molecule, text
from remdm.evaluation.cells import Cell, Samples, Stopped
from remdm.evaluation.diversity import Interval
from remdm.evaluation.judge import NAME as JUDGE
from remdm.evaluation.results import Row
from remdm.evaluation.seeds import pooled
from remdm.evaluation.sweep import Bench
from remdm.evaluation.table import WORLD
from remdm.methods import METHODS, build


@dataclass(frozen=True)
class Measure:
    """A figure of a results file.

    Attributes:
        column: its name there. title: as on the page, with what is better.
        share: whether it is a share, shown in percent. lower: whether less is better.
        count: the column of its n. beside: another one that is always shown with it, by its column.
    """

    column: str
    title: str
    share: bool = False
    lower: bool = False
    count: str = "samples"
    beside: str = ""


@dataclass(frozen=True)
class Kind:
    """What of a domain is measured, and how.

    Attributes:
        file: its results file. measures: what can be shown of it; the first one at first.
        missing: what is not measured here, and why, in one sentence; empty if nothing is.
        base: sampler -> the settings that this domain gives it, which need no mention.
        condition: a row -> what was asked for, in words; only rows of one condition are compared.
        own: the condition under which `bench` draws. samplers: those that it is made for.
        bench: the loaded model. batch: samples of each draw that are made between two looks at the page.
    """

    file: str
    measures: tuple[Measure, ...]
    missing: str
    base: Callable[[str], Mapping[str, Any]]
    condition: Callable[[Row], str]
    own: str
    samplers: Sequence[str]
    bench: Callable[[], Bench]
    batch: int

    def measure(self, column: str) -> Measure:
        """A measure by its column, the first for one that this domain does not have."""
        return next((each for each in self.measures if each.column == column), self.measures[0])


def _guided(row: Row) -> str:
    if row["property"] == "none":
        return "no property"
    return f"{row['property']}, {row['guidance']}, γ = {float(row['guidance_scale']):g}"


HELD_OUT = "held-out problems"
KINDS: dict[str, Kind] = {
    "text": Kind(
        "results.csv",
        (
            Measure("correct", "Correct sentences", share=True),
            Measure("perfect", "Perfect stories", share=True),
            Measure("judge_perplexity", "Judge's perplexity, with entropy", lower=True, count="judge_samples",
                    beside="token_entropy"),
            Measure("distinct", "Distinct samples", share=True),
            Measure("token_entropy", "Entropy of a sample's tokens, nats"),
            Measure("mauve", "MAUVE by the judge's features", count="mauve_samples"),
        ),
        "MAUVE needs a package of its own (evaluate text --mauve), so a cell of yours has none, and wants thousands of "
        "texts where these are 256; it has no interval. The judge is "
        f"{JUDGE}, the paper's gpt2-large, so that neither can be compared with the paper's.",
        lambda sampler: {}, lambda row: row["model"], "stories", text.SAMPLERS, cache(text.bench), 8,
    ),
    "image": Kind(
        "images.csv",
        (
            Measure("frechet", "Fréchet distance, lower is better", lower=True),
            Measure("accuracy", "In the asked category", share=True),
            Measure("score", "Classifier score, 1 to 8"),
        ),
        "Fréchet distance and score are by our own small classifier, nobody's FID or IS; they grow with fewer pictures "
        "and have an interval only over three seeds or more.",
        lambda sampler: image.PAPER[sampler], lambda row: f"guidance {float(row['guidance_scale']):g}", "guidance 1",
        image.SAMPLERS, cache(image.bench), 1,
    ),
    "molecule": Kind(
        "molecule.csv",
        (
            Measure("valid", "Valid molecules", share=True), Measure("novel", "Novel molecules", share=True),
            Measure("unique", "Unique molecules", share=True), Measure("rings", "Rings of the novel ones, mean"),
            Measure("qed", "QED of the novel ones, mean"),
            Measure("fcd", "ChemNet distance (FCD), lower is better", lower=True, count="fcd_samples"),
        ),
        "The ChemNet distance to held-out molecules needs a package of its own (evaluate molecule --fcd), so a cell of "
        "yours has none; it grows with fewer molecules, and has no interval.",
        lambda sampler: {"nucleus_p": 1.0, **PRESETS.get(sampler, {})}, _guided, "no property",
        molecule.SAMPLERS, cache(molecule.bench), 32,
    ),
    "countdown": Kind(
        "countdown.csv", (Measure("solved", "pass@1", share=True, count="problems"),),
        "The problems are our own, three numbers below 100; the paper's are not published.",
        lambda sampler: {}, lambda row: HELD_OUT, HELD_OUT, countdown.SAMPLERS, cache(countdown.bench), 25,
    ),
}  # fmt: skip
"""Every domain that is measured, by name."""


@dataclass(frozen=True)
class Point:
    """One sampler with its changes at one number of steps; the interval is the value alone where there is none."""

    sampler: str
    changes: str
    steps: int
    forwards: float
    value: Interval
    n: int
    seeds: int = 1

    @property
    def label(self) -> str:
        """The sampler's title, and what was changed in it."""
        return f"{METHODS[self.sampler].title} ({self.changes})" if self.changes else METHODS[self.sampler].title


def changes(kind: Kind, row: Row) -> str:
    """What was changed in a row's sampler beyond what the domain gives it, told by its overrides."""
    base = {name: str(value) for name, value in kind.base(row["sampler"]).items()}
    wished = {"property", "guidance", "γ", "guidance_scale"}
    pairs = (pair.partition("=") for pair in row["overrides"].split(",") if pair)
    return ", ".join(f"{name}={value}" for name, _, value in pairs if name not in wished and base.get(name) != value)


def changed(kind: Kind, row: Row) -> bool:
    """Whether a row's sampler is set otherwise than the domain sets it; rows of the data themselves are not."""
    return row["sampler"] in METHODS and bool(changes(kind, row))


def newest(rows: Sequence[Row]) -> list[Row]:
    """Rows of each model's latest weights alone."""
    last = {row["model"]: row["model_hash"] for row in rows}
    return [row for row in rows if row["model_hash"] == last[row["model"]]]


def conditions(kind: Kind, rows: Sequence[Row]) -> list[str]:
    """What was asked for in the rows, the domain's own first."""
    found = list(dict.fromkeys(kind.condition(row) for row in rows))
    return sorted(found, key=lambda each: each != kind.own)


def points(kind: Kind, rows: Sequence[Row], measure: Measure, condition: str) -> list[Point]:
    """The points of a measure, few steps first; seeds of the same cell are taken together."""
    cells: dict[tuple[str, str, int], list[Row]] = {}
    for row in newest(rows):
        if row["sampler"] in METHODS and kind.condition(row) == condition and row.get(measure.column):
            cells.setdefault((row["sampler"], changes(kind, row), int(row["steps"])), []).append(row)
    made = [
        Point(
            sampler, changed, steps, float(np.mean([float(row["forwards"]) for row in own])),
            pooled(own, measure.column), sum(int(row[measure.count]) for row in own), len(own),
        )
        for (sampler, changed, steps), own in cells.items()
    ]  # fmt: skip
    order = list(METHODS)
    return sorted(made, key=lambda point: (order.index(point.sampler), point.changes, point.steps))


def world(kind: Kind, rows: Sequence[Row], measure: Measure, condition: str) -> float | None:
    """What the data themselves come to, where that was measured."""
    own = [row for row in rows if row["sampler"] == WORLD and kind.condition(row) == condition]
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
        between = value if isinstance(value, Interval) else Interval(value, value, value)
        return Point(self.cell.sampler, "", self.cell.steps, forwards, between, len(self))


def begin(kind: Kind, sampler: str, steps: int, seed: int = 0) -> Drawn:
    """A cell of which nothing is drawn yet.

    Raises:
        ValueError: for settings that will not do.
    """
    cell = kind.bench().cell(sampler, steps, seed, {})
    build(cell.settings)
    return Drawn(cell)


def more(kind: Kind, drawn: Drawn, count: int, halt: threading.Event) -> Iterator[Drawn]:
    """Draw until there are `count` more samples at least, a round at a time; `halt` ends it within one step."""
    made = kind.bench()
    draws = made.draws(drawn.cell)

    def tick(size: int) -> None:
        if halt.is_set():
            raise Stopped

    goal = len(drawn) + count
    while len(drawn) < goal:
        done = len(drawn) // len(draws)
        stop = done + min(kind.batch, -(-(goal - len(drawn)) // len(draws)))
        before = drawn.groups or (None,) * len(draws)
        try:
            groups = tuple(draw(done, stop, tick).after(old) for draw, old in zip(draws, before, strict=True))
        except Stopped:
            return
        drawn = replace(drawn, groups=groups, figures=made.score(groups))
        yield drawn
