"""`python -m remdm tune DOMAIN --recommend`: the settings that a page opens with, the best of those that are calm.

A grid of samplers and strengths is drawn from one seed. *Calm* is a setting that sends at most a twentieth of the open
positions back in a step: beyond that the page flickers, and nobody can follow what remasking does. Of the calm ones
that keep MDLM's variety the best figure wins, and where two are level the calmer one. The winner is measured once more,
with MDLM, from a fresh seed. No seed is one of those that tables, pairs or tests report.

All rows go to OUT/recommended.csv, so that the same command goes on where it stopped; the winner goes to
checkpoints/MODEL/recommended.json, which the page and `remdm sample` read.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from tqdm import tqdm

from remdm.evaluation.measurement import Measurement, Objective
from remdm.evaluation.metrics.statistics import Interval
from remdm.evaluation.sweeps import sweep
from remdm.evaluation.sweeps.samples import Cell
from remdm.evaluation.tuning.search import CONFIRMED, FRESH, PLAIN, TRIAL, Study
from remdm.evaluation.tuning.tuning_analysis import merit
from remdm.paths import CHECKPOINTS
from remdm.runs.domain import Domain, Model
from remdm.runs.record import together
from remdm.runs.request import RunRequest
from remdm.sampling.methods import Settings

CALM = 1 / 20
"""Of the positions that are not given, at most so many are sent back in a step, on average over a run."""
SEED = 1000
"""Of the grid; the fresh one is next to it."""
GRID: dict[str, tuple[float, ...]] = {
    "remdm-cap": (0.02, 0.05, 0.1, 0.2), "remdm-rescale": (0.05, 0.1, 0.2, 0.3), "remdm-loop": (), "remdm-conf": (),
}  # fmt: skip
"""Sampler -> the strengths eta that are tried; without any, the domain's own."""
WATCHED = 16
"""Runs over which remasks are counted."""
FILE = "recommended.csv"


@dataclass(frozen=True)
class Candidate:
    """A cell of the grid: its row, and the share of open positions that it sends back in a step."""

    cell: Cell
    row: Mapping[str, str]
    share: float

    @property
    def named(self) -> str:
        """In a few words."""
        return f"{self.cell.sampler} {self.cell.changes}".strip()


def share_sent_back(domain: Domain, model: Model, chosen: Settings, seed: int) -> float:
    """The share of the positions that are not given which a step sends back, averaged over steps and runs."""
    batch = together([RunRequest(domain, model, "", model.length, chosen, seed, each) for each in range(WATCHED)])
    mask_id = batch.runs[0].checkpoint.mask_id
    given = sum(token != mask_id for each in batch.runs for token in each.start)
    steps = [sum(len(each.frame.remasked) for each in step if each) for step in batch.steps()]
    return sum(steps) / len(steps) / (WATCHED * model.length - given)


def cells(study: Study) -> list[Cell]:
    """All of the grid."""
    return [
        study.cell(sampler, {"eta": eta} if eta else {}) for sampler, etas in GRID.items() for eta in etas or (None,)
    ]


def best_calm(goal: Objective, found: Sequence[Candidate]) -> Candidate | None:
    """The winner: the best figure among calm ones that kept their variety, then the calmer one; None without any."""
    fit = [each for each in found if each.row["kept"] == "yes" and each.share <= CALM]
    return max(fit, key=lambda each: (merit(goal, each.row), -each.share)) if fit else None


def table(goal: Objective, found: Sequence[Candidate], winner: Candidate | None) -> str:
    """What was measured, as lines."""
    lines = [f"{'':2}{'settings':44} {goal.column:>28}  sent back a step"]
    for each in found:
        mark = "* " if each is winner else "  "
        lost = "" if each.row["kept"] == "yes" else ", lost variety"
        lines.append(f"{mark}{each.named:44} {Interval.of(each.row, 'goal')!s:>28}  {each.share:.1%}{lost}")
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    help_recommend = "measure a grid at --steps with --samples, and write the settings that the page opens with"
    parser.add_argument("--recommend", action="store_true", help=help_recommend)
    parser.add_argument("--model", help="with --recommend: one of the domain's embedded models (default: its first)")


def run(args: argparse.Namespace, kind: Measurement, domain: Domain) -> None:
    """Measure the grid, confirm the winner and write it.

    Raises:
        ValueError: for too few samples, or where no calm setting keeps its variety or wins again.
    """
    if args.samples < 64:
        raise ValueError(f"samples must be at least 64 for a recommendation, got {args.samples}")
    torch.set_num_threads(1)
    model = domain.model(args.model)
    flags, goal = kind.opening(model.name)
    bench = sweep.bench(kind, *flags)
    study = Study(kind, bench, args.steps, SEED, args.samples, args.out / FILE, goal)
    again = replace(study, seed=SEED + FRESH)
    floor = study.plain()
    found = [
        Candidate(cell, study.measure(cell, TRIAL, floor), share_sent_back(domain, model, cell.settings, SEED))
        for cell in tqdm(cells(study), desc=bench.name, unit="setting")
    ]
    winner = best_calm(goal, found)
    print(table(goal, found, winner))
    if winner is None:
        raise ValueError(f"no setting of the grid is calm and keeps its variety at T = {args.steps}")
    fresh, plain = again.cell(winner.cell.sampler, dict(winner.cell.overrides)), again.cell("mdlm")
    floor = again.plain()
    rows = {"MDLM": again.measure(plain, PLAIN, floor), winner.named: again.measure(fresh, CONFIRMED, floor)}
    for name, row in rows.items():
        print(f"from a fresh seed, n = {row['samples']}: {name} {goal.column} {Interval.of(row, 'goal')}")
    if merit(goal, rows[winner.named]) <= merit(goal, rows["MDLM"]):
        raise ValueError(f"{winner.named} is not better than MDLM from a fresh seed: nothing is recommended")
    path = CHECKPOINTS / model.name / "recommended.json"
    settings = {"sampler": winner.cell.sampler, "steps": args.steps, **dict(winner.cell.overrides)}
    path.write_text(json.dumps(settings) + "\n", encoding="utf-8")
    print(path)
