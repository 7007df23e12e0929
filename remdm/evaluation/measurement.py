"""What a domain measures of its samples: the one contract that sweeps, charts, tables and the search for settings read.

A domain's `measure.py` holds its `MEASUREMENT`.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remdm.evaluation.sweeps.results import Row
from remdm.evaluation.sweeps.samples import DATA, Cell, Draw, Part, Samples
from remdm.models.checkpoints import Checkpoint


@dataclass(frozen=True)
class Objective:
    """The figure that counts, by its column in the results file.

    Attributes:
        column: its name. lower: whether less is better.
        floors: figures of variety -> the share of MDLM's at the same T that must be left, since a sampler that says
            the same few things over and over can be right very often (arXiv 2503.00307, Table 5).
    """

    column: str
    lower: bool = False
    floors: Mapping[str, float] = field(default_factory=dict)

    def merit(self, value: float) -> float:
        """More is better."""
        return -value if self.lower else value

    def varied(self, own: Mapping[str, float], plain: Mapping[str, float]) -> bool:
        """Whether a cell's figures keep every floor that MDLM's figures set; a figure that is missing sets none."""
        return all(
            own[name] >= share * plain[name] for name, share in self.floors.items() if name in own and name in plain
        )


@dataclass(frozen=True)
class Measure:
    """A figure of a results file.

    Attributes:
        column: its name there. title: as on the page, with what is better.
        share: whether it is a share, shown in percent. lower: whether less is better.
        count: the column of its n. alongside: another one that is always shown with it, by its column.
    """

    column: str
    title: str
    share: bool = False
    lower: bool = False
    count: str = "samples"
    alongside: str = ""

    @property
    def spec(self) -> str:
        """The format of its numbers (see `metrics.statistics.figure`)."""
        return ".1%" if self.share else ""


@dataclass(frozen=True)
class Bench:
    """A loaded model under one condition, ready to draw cells and to score them.

    Attributes:
        name: the model's. digest: of its weights. checkpoint: the model itself.
        draws: how a cell's samples are drawn, evenly by each of these.
        score: (cell, samples of each draw) -> columns of the results file, an `Interval` where a figure has one; the
            cell is None for the data themselves.
        places: where the samples of each draw are kept, behind the model's name and digest.
        asked: the condition as it stands among the overrides. about: the condition's own columns.
        data: draws the data themselves as if a sampler had made them; None where they cannot be.
        runs: how often the sampler runs for one sample.
        judged: the same samples with a judge's scores, where only these say how good they are.
    """

    name: str
    digest: str
    checkpoint: Checkpoint
    draws: Callable[[Cell], Sequence[Draw]]
    score: Callable[[Cell | None, Sequence[Samples]], Mapping[str, Any]]
    places: Sequence[str] = ("/",)
    asked: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    data: Draw | None = None
    runs: int = 1
    judged: Callable[[Samples], Samples] | None = None

    def paths(self, out: Path, cell: Cell | None) -> list[Path]:
        """Where a cell's samples are kept, a file for each draw."""
        file = cell.file if cell else f"{DATA}.npz"
        return [out / "samples" / f"{self.name}-{self.digest}{place}{file}" for place in self.places]


@dataclass(frozen=True)
class Job:
    """A row of the results file: a cell under a condition, None for the data themselves, and the files it needs."""

    bench: Bench
    cell: Cell | None
    parts: tuple[Part, ...]

    @property
    def title(self) -> str:
        """As the progress bar has it."""
        if self.cell is None:
            return DATA
        return f"{self.cell.sampler} T={self.cell.steps} seed {self.cell.seed} {self.changes}".strip()

    @property
    def changes(self) -> str:
        """What was changed in the sampler, and what was asked for."""
        return ",".join(filter(None, (self.cell.changes if self.cell else "", self.bench.asked)))


Write = Callable[..., None]
"""(job, its samples, more columns): appends the row of a job once more."""


class Measurement:
    """What of a domain is measured, and how; a domain derives its own from it.

    Attributes:
        domain: its name. file: its results file. columns: those of that file.
        measures: what can be shown of it; the first one at first.
        missing: what is not measured here, and why, in one sentence; empty if nothing is.
        own: the condition under which a bench without flags draws. objective: what settings are chosen by.
        samplers, steps, samples, seeds: what `evaluate` draws by default; steps that are not whole numbers are
            multiples of the model's length.
        unit: what is counted, which names the flag. at_once: sequences drawn at a time.
        batch: samples of each draw that are made between two looks at the page.
        data: whether the data themselves can stand in a row. costly: columns that a row without them takes over from
            the one before. named: flags that say which rows are meant.
        tuning: flags of the bench to choose settings by, where it differs from the one that is reported.
    """

    domain: str
    file: str
    columns: Sequence[str]
    measures: tuple[Measure, ...]
    missing: str
    own: str
    objective: Objective
    samplers: Sequence[str]
    steps: Sequence[float]
    samples: int
    at_once: int
    batch: int
    seeds: Sequence[int] = (0,)
    unit = "samples"
    data = False
    costly: Sequence[str] = ()
    named: Sequence[str] = ()
    tuning: Sequence[str] = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Flags beyond those of every sweep."""

    def open(self, args: argparse.Namespace) -> Sequence[Bench]:
        """The model under each condition that the flags ask for.

        Raises:
            ValueError: for what the domain's own flags got wrong.
            CheckpointError: if the model cannot be loaded.
        """
        raise NotImplementedError

    def base(self, sampler: str) -> Mapping[str, Any]:
        """The settings that the domain gives a sampler, which need no mention."""
        return {}

    def condition(self, row: Row) -> str:
        """What was asked for in a row, in words; only rows of one condition are compared."""
        return self.own

    def opening(self, model: str) -> tuple[Sequence[str], Objective]:
        """Flags of the bench as the page opens with a model, and what is to be best then."""
        return self.tuning, self.objective

    def results(self, args: argparse.Namespace) -> Path:
        return args.out / self.file

    def waits(self, cell: Cell) -> bool:
        """Whether a cell is compared with another of the same sweep, which must be drawn first."""
        return False

    def finish(self, args: argparse.Namespace, jobs: Sequence[Job], write: Write) -> None:
        """What is left to do once everything is drawn; `write` appends a job's row anew."""

    def render(self, rows: Sequence[Row]) -> str:
        """The rows as tables in Markdown."""
        raise NotImplementedError

    def measure(self, column: str) -> Measure:
        """A measure by its column, the first for one that this domain does not have."""
        return next((each for each in self.measures if each.column == column), self.measures[0])

    def cell(self, sampler: str, steps: int, seed: int = 0, changes: Mapping[str, Any] | None = None) -> Cell:
        """A sampler as the domain sets it, with some changes."""
        return Cell(sampler, steps, seed, tuple(sorted({**self.base(sampler), **(changes or {})}.items())))
