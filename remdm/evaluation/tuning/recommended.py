"""The best settings that were measured near a number of steps, and the paper's: computed from the files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remdm.evaluation import curves
from remdm.evaluation.measurement import Measure, Measurement, Objective
from remdm.evaluation.metrics.statistics import pooled
from remdm.evaluation.sweeps import results
from remdm.evaluation.sweeps.results import Row, newest
from remdm.evaluation.tuning.search import CONFIRMED, PAPER, file_of
from remdm.sampling.methods import Settings, settings
from remdm.sampling.presets import METHODS
from remdm.views.interval import Interval

NEAR = 2.0
"""A T further off than this factor says nothing."""


@dataclass(frozen=True)
class Measured:
    """A sampler with settings and what it came to.

    Attributes:
        sampler: its name. flat: all settings. changes: what differs from the domain's own, in words.
        steps: T. forwards: measured NFE. value: the figure that counts. n: samples.
        variety: figures that must not fall too low.
    """

    sampler: str
    flat: Mapping[str, Any]
    changes: str
    steps: int
    forwards: float
    value: Interval
    n: int
    variety: Mapping[str, float]

    def settings(self, steps: int) -> Settings:
        """The settings at another T."""
        return settings(self.sampler, steps, **self.flat)


@dataclass(frozen=True)
class Known:
    """What is known near a T: the best, and at its T each sampler with the values that the page sets by itself."""

    measure: Measure
    best: Measured
    presets: Mapping[str, Measured]


def _settable(row: Row) -> bool:
    """Whether the settings say all of it: not guided, no restarts."""
    names = {pair.partition("=")[0] for pair in row["overrides"].split(",") if pair}
    return row["sampler"] in METHODS and bool(row["settings"]) and names <= set(json.loads(row["settings"]))


def _from_results(kind: Measurement, goal: Objective, rows: Sequence[Row], condition: str) -> list[Measured]:
    has = [row for row in newest(rows) if kind.condition(row) == condition and _settable(row)]
    cells = results.grouped([row for row in has if row.get(goal.column)],
                            lambda row: (row["sampler"], row["overrides"], row["steps"]))  # fmt: skip
    count = kind.measure(goal.column).count
    return [
        Measured(
            own[-1]["sampler"], json.loads(own[-1]["settings"]), curves.changes(kind, own[-1]), int(own[-1]["steps"]),
            sum(float(row["forwards"]) for row in own) / len(own), pooled(own, goal.column),
            sum(int(row[count]) for row in own), {name: float(own[-1][name]) for name in goal.floors if own[-1][name]},
        )
        for own in cells.values()
    ]  # fmt: skip


def _from_study(kind: Measurement, rows: Sequence[Row], model: str, digest: str) -> list[Measured]:
    """Only what was measured with fresh random numbers: the best of a search is lucky in its own.

    Whether it kept its variety was decided in the study, against as many samples of MDLM: entropies grow with these.
    """
    return [
        Measured(
            row["sampler"], json.loads(row["settings"]), curves.changes(kind, row), int(row["steps"]),
            float(row["forwards"]), Interval.of(row, "goal"),
            int(row["samples"]), {},
        )
        for row in rows
        if row["phase"] in (CONFIRMED, PAPER) and row["kept"] == "yes" and (row["model"], row["model_hash"]) ==
        (model, digest)
    ]  # fmt: skip


def known(kind: Measurement, steps: int, condition: str, folder: Path) -> Known | None:
    """What the files of a folder know near T under a condition (see `Measurement`); None where nothing was measured.

    Compared are what was measured at the nearest T and, within a factor of two, with fewer steps: what is good there
    is no worse with more. A T counts if two samplers were measured at it. The worse end of the interval decides, for
    few samples do not recommend anything.
    """
    goal = kind.objective
    rows = results.read(folder / kind.file)
    found = _from_results(kind, goal, rows, condition)
    mine = [row for row in newest(rows) if kind.condition(row) == condition]
    if mine and condition == kind.own:
        study = results.read(folder / file_of(kind.domain))
        found += _from_study(kind, study, mine[-1]["model"], mine[-1]["model_hash"])
    at: dict[int, list[Measured]] = {}
    for each in found:
        at.setdefault(each.steps, []).append(each)
    offered = [t for t, some in at.items() if len({each.sampler for each in some}) > 1 and _near(t, steps)]
    if not offered:
        return None
    nearest = min(offered, key=lambda t: max(t / steps, steps / t))
    kept = {t: _varied(goal, at[t]) for t in offered if t == nearest or t < steps}
    some = [each for own in kept.values() for each in own]
    best = max(some, key=lambda each: goal.merit(each.value.high if goal.lower else each.value.low))
    unchanged = sorted((each for each in kept[best.steps] if not each.changes), key=lambda each: each.n)
    presets = {each.sampler: each for each in unchanged}  # of two measurements the larger
    return Known(kind.measure(goal.column), best, presets)


def _varied(goal: Objective, found: Sequence[Measured]) -> list[Measured]:
    """Those that kept the variety of MDLM at the same T."""
    plain = next((each.variety for each in found if each.sampler == "mdlm" and not each.changes), {})
    return [each for each in found if goal.varied(each.variety, plain)]


def _near(one: int, other: int) -> bool:
    return max(one / other, other / one) <= NEAR
