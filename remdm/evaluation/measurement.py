"""What a domain measures of its samples: its results file, the figures in it, and what settings are chosen by.

A domain's `measure.py` holds its `MEASUREMENT`; sweeps, charts, tables and the search for settings all read that one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from remdm.evaluation.sweeps.results import Row
from remdm.evaluation.sweeps.sweep import Bench


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
        count: the column of its n. beside: another one that is always shown with it, by its column.
    """

    column: str
    title: str
    share: bool = False
    lower: bool = False
    count: str = "samples"
    beside: str = ""


@dataclass(frozen=True)
class Measurement:
    """What of a domain is measured, and how.

    Attributes:
        domain: its name. file: its results file. measures: what can be shown of it; the first one at first.
        missing: what is not measured here, and why, in one sentence; empty if nothing is.
        base: sampler -> the settings that this domain gives it, which need no mention.
        condition: a row -> what was asked for, in words; only rows of one condition are compared.
        own: the condition under which `bench` draws. samplers: those that it is made for.
        bench: the loaded model. batch: samples of each draw that are made between two looks at the page.
        objective: what the search for settings makes as good as possible.
        tuning_bench: the model on data to choose settings by, where those differ from what is reported.
    """

    domain: str
    file: str
    measures: tuple[Measure, ...]
    missing: str
    base: Callable[[str], Mapping[str, Any]]
    condition: Callable[[Row], str]
    own: str
    samplers: Sequence[str]
    bench: Callable[[], Bench]
    batch: int
    objective: Objective
    tuning_bench: Callable[[], Bench] | None = None

    def measure(self, column: str) -> Measure:
        """A measure by its column, the first for one that this domain does not have."""
        return next((each for each in self.measures if each.column == column), self.measures[0])
