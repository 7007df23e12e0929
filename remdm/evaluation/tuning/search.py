"""`python -m remdm tune DOMAIN`: a search for eta, t_on, t_off and alpha_on at a fixed number of steps (optuna).

Every trial is a row of OUT/tuning-DOMAIN.csv, so that the same command goes on where it stopped. All trials draw with
the same random numbers; who wins so is a little lucky, and its figure is measured again with fresh ones (`confirmed`).
Trials that lose variety against MDLM are refused (`Measurement.objective`).
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

import remdm
from remdm.evaluation.measurement import Bench, Measurement, Objective
from remdm.evaluation.sweeps import results, sweep
from remdm.evaluation.sweeps.samples import Cell, Samples, batches, machine
from remdm.evaluation.tuning.tuning_analysis import (
    SPACES,
    best_of,
    chosen,
    knobs_of,
    known_trials,
    merit,
    optuna,
    space,
    summary,
)
from remdm.sampling.methods import largest_eta
from remdm.views.interval import Interval

PLAIN, TRIAL, CONFIRMED, PAPER = "plain", "trial", "confirmed", "paper"
"""What a row is for: MDLM, which sets the floors; the search; its best again, and the paper's values, both with fresh
random numbers, so that the two can be compared."""
FRESH = 1
"""How far the seed of the confirming samples lies from that of the trials."""
COLUMNS = (
    *results.KEY, "phase", "goal", "goal_low", "goal_high", "kept", "variety", "samples", "forwards", "settings",
    "version", "machine",
)  # fmt: skip


def file_of(domain: str) -> str:
    return f"tuning-{domain}.csv"


@dataclass(frozen=True)
class Study:
    """Trials of one domain's embedded model at one T, all measured alike, kept in one file, by what counts."""

    kind: Measurement
    bench: Bench
    steps: int
    seed: int
    samples: int
    path: Path
    objective: Objective

    def cell(self, sampler: str, changes: Mapping[str, Any] | None = None) -> Cell:
        """A cell at this T with the random numbers of this study."""
        return self.kind.cell(sampler, self.steps, self.seed, changes)

    def key(self, cell: Cell) -> dict[str, str]:
        return {
            "domain": self.kind.domain, "model": self.bench.name, "model_hash": self.bench.digest,
            "sampler": cell.sampler, "overrides": cell.changes, "steps": str(cell.steps), "seed": str(cell.seed),
        }  # fmt: skip

    def rows(self) -> list[dict[str, str]]:
        """What the file has of this model, T, number of samples and kind of seed."""
        mine = (self.bench.name, self.bench.digest, str(self.steps), str(self.samples), str(self.seed))
        about = ("model", "model_hash", "steps", "samples", "seed")
        return [row for row in results.read(self.path) if tuple(row[each] for each in about) == mine]

    def measure(self, cell: Cell, phase: str, plain: Mapping[str, float]) -> dict[str, str]:
        """The row of a cell: read, or else drawn, scored and appended."""
        key = self.key(cell)
        for row in self.rows():
            if all(row[name] == value for name, value in key.items()):
                return row
        draws = self.bench.draws(cell)
        groups: list[Samples | None] = [None] * len(draws)
        for first, stop in batches(0, max(1, self.samples // len(draws)), 2 * self.kind.batch):
            groups = [draw(first, stop).after(old) for draw, old in zip(draws, groups, strict=True)]
        drawn = [group for group in groups if group is not None]
        if self.bench.judged is not None:
            drawn = [self.bench.judged(group) for group in drawn]
        found = self.bench.score(cell, drawn)
        variety = {name: round(Interval.around(found[name]).value, 4) for name in self.objective.floors}
        row = results.flat({
            **key, "phase": phase, "goal": Interval.around(found[self.objective.column]),
            "kept": "yes" if self.objective.varied(variety, plain) else "no",
            "variety": json.dumps(variety, sort_keys=True),
            "samples": self.samples, "forwards": float(np.mean([group.forwards.mean() for group in drawn])),
            "settings": json.dumps(cell.settings.flat(), sort_keys=True),
            "version": remdm.__version__, "machine": machine(),
        })  # fmt: skip
        results.append(self.path, row, COLUMNS)
        return row

    def plain(self) -> dict[str, float]:
        row = self.measure(self.cell("mdlm"), PLAIN, {})
        return json.loads(row["variety"])


def search(study: Study, sampler: str, trials: int, tick: Any = lambda count: None) -> list[dict[str, str]]:
    """The rows of so many trials of a sampler; those that the file has are taken from there.

    Raises:
        ValueError: if optuna is not installed.
    """
    package, plain = optuna(), study.plain()
    knobs = space(sampler, study.cell(sampler).settings.flat())
    made = [row for row in study.rows() if row["sampler"] == sampler and row["phase"] == TRIAL][:trials]
    # another seed where trials are there: else the first random ones would come again
    tree = package.samplers.TPESampler(seed=study.seed + len(made))
    searched = package.create_study(direction="maximize", sampler=tree)
    searched.add_trials(known_trials(study.objective, made, knobs))
    tick(len(made))
    while len(made) < trials:
        asked = searched.ask(knobs)
        values = {name: round(value, 4) for name, value in asked.params.items()}
        bound = largest_eta(study.cell(sampler, values).settings)
        if bound is not None:  # beyond it a loop stays the same
            values["eta"] = min(values["eta"], round(bound, 4))
        cell = study.cell(sampler, values)
        made.append(study.measure(cell, TRIAL, plain))
        searched.tell(asked, merit(study.objective, made[-1]))
        tick(1)
    return made


def add_arguments(parser: argparse.ArgumentParser, domains: Sequence[str]) -> None:
    parser.add_argument("domain", choices=domains)
    parser.add_argument("--samplers", nargs="+", default=tuple(SPACES), choices=tuple(SPACES), metavar="NAME",
                        help=f"any of {', '.join(SPACES)}")  # fmt: skip
    parser.add_argument("--steps", type=int, default=64, metavar="T", help="the same for all trials (default 64)")
    parser.add_argument("--trials", type=int, default=20, help="for each sampler (default 20)")
    parser.add_argument("--samples", type=int, default=32, help="of each trial (default 32)")
    parser.add_argument("--confirm", type=int, default=64, help="samples that measure the best again (default 64)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results"))


def run(args: argparse.Namespace, kind: Measurement) -> None:
    """Search the settings of a domain's embedded model, confirm the best, and say how far each knob may go.

    Raises:
        ValueError: for counts below 1, or if optuna is not installed.
    """
    for count in ("steps", "trials", "samples", "confirm"):
        if getattr(args, count) < 1:
            raise ValueError(f"{count} must be at least 1, got {getattr(args, count)}")
    optuna()
    torch.set_num_threads(1)
    path = args.out / file_of(kind.domain)
    study = Study(kind, sweep.bench(kind, *kind.tuning), args.steps, args.seed, args.samples, path, kind.objective)
    again = replace(study, seed=args.seed + FRESH, samples=args.confirm)
    for sampler in args.samplers:
        with tqdm(total=args.trials, desc=sampler, unit="trial") as bar:
            rows = search(study, sampler, args.trials, bar.update)
        best, plain = best_of(study.objective, rows), again.plain()
        papers = again.measure(again.cell(sampler), PAPER, plain)
        confirmed = None
        if best is not None:
            confirmed = again.measure(again.cell(sampler, chosen(best, knobs_of(best))), CONFIRMED, plain)
        print(summary(study.objective, rows, sampler, confirmed, papers))
