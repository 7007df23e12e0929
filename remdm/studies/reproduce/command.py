"""The command: plan a table, or fetch, draw, score and print it. What is in OUT already is not done again."""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tqdm import tqdm

from remdm.evaluation.measurement import Bench, Job
from remdm.evaluation.metrics.statistics import mean_interval, pooled
from remdm.evaluation.sweeps import results
from remdm.evaluation.sweeps.results import Row
from remdm.evaluation.sweeps.samples import Cell, fill
from remdm.evaluation.sweeps.sweep import Sweep, stoppable
from remdm.evaluation.sweeps.table import markdown
from remdm.hub.store import LOCAL
from remdm.studies.reproduce import stand_in
from remdm.studies.reproduce.experiment import Experiment, Figure, Fitting, Line
from remdm.studies.reproduce.plan import plan
from remdm.studies.reproduce.tables import TABLES, Panel, Table
from remdm.views.interval import Interval, figure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    parser.add_argument("table", choices=tuple(TABLES))
    parser.add_argument("--dry-run", action="store_true", help="only say what is fetched, how large, NFE and GPU hours")
    help_stand_in = (
        "the whole way on tiny files in the published formats, with few steps and samples; no network needed"
    )
    parser.add_argument("--stand-in", action="store_true", help=help_stand_in)
    parser.add_argument("--samplers", nargs="+", metavar="NAME", help="only these samplers' rows")
    parser.add_argument("--columns", nargs="+", type=int, metavar="N", help="only these columns, such as T of 128 256")
    parser.add_argument("--samples", type=int, metavar="N", help="of each cell and seed (default: the paper's)")
    parser.add_argument("--seeds", nargs="+", type=int, metavar="N", help="default: the paper's")
    help_batch = "sequences tried at a time; halved until they fit into the GPU's memory"
    parser.add_argument("--batch", type=int, metavar="N", help=help_batch)
    parser.add_argument("--data", type=Path, help="countdown-table3: the task's own file of problems")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--compile", action="store_true", help="compile the network first, where the model allows it")
    help_tflops = "what the GPU reaches, for --dry-run (default 200: a fifth of an H100's most in bfloat16)"
    parser.add_argument("--tflops", type=float, default=200.0, help=help_tflops)
    parser.add_argument("--out", type=Path, help="default: reproduced/TABLE")


@dataclass(frozen=True)
class Entry:
    """A cell of the printed table: the panel and row it stands in, its column, and its cell without a seed."""

    panel: Panel
    line: Line
    column: int
    condition: str
    cell: Cell


@dataclass(frozen=True)
class Reproduction:
    """A run of the command."""

    args: argparse.Namespace
    table: Table

    @property
    def experiment(self) -> Experiment:
        """Of the table."""
        return self.table.experiment

    @cached_property
    def entries(self) -> list[Entry]:
        """Everything that is drawn.

        Raises:
            ValueError: if the flags leave nothing.
        """
        args, made = self.args, []
        shorter = self.experiment.shrunk[0] if args.stand_in else 1
        for panel in self.table.panels:
            for line in panel.lines:
                for column in panel.published.steps:
                    if not line.sampler or line.sampler not in (args.samplers or [line.sampler]):
                        continue
                    if column in (args.columns or [column]):
                        t, condition = panel.place(column)
                        steps = max(1, t * line.passes // shorter)
                        cell = self.experiment.cell(line.sampler, steps, 0, line.changes)
                        made.append(Entry(panel, line, column, condition, cell))
        if not made:
            raise ValueError(f"{self.table.name} has no such row or column; leave --samplers and --columns out")
        return made

    def plan(self) -> str:
        """See `plan.plan`."""
        cells = [(each.line.name, f"{each.panel.column} = {each.column}", each.cell) for each in self.entries]
        return plan(self.experiment, cells, len(self.args.seeds), self.args.samples, self.args.tflops)

    def draw(self) -> Mapping[str, Bench]:
        """Draw and score what is missing, one cell after the other."""
        args, kind = self.args, self.experiment
        kind.fetch(args.device)
        benches = kind.conditions(args)
        sweep = Sweep(args, kind, list(benches.values()))
        jobs = {
            (job.parts[0].path, job.bench.asked): job
            for entry in self.entries
            for seed in args.seeds
            if (job := sweep.job(benches[entry.condition], _seeded(entry.cell, seed)))
        }
        done = {_key(row) for row in results.read(kind.results(args)) if self._complete(row)}
        left = [job for job in jobs.values() if _key_of(job) not in done]
        with stoppable(args):
            total = sum(part.missing for job in left for part in job.parts)
            with tqdm(total=total, unit="step", unit_scale=True, smoothing=0.02, disable=None) as bar:
                for job in left:
                    bar.set_description(job.title)
                    for part in job.parts:
                        fill(Fitting(part.draw, args.batch), part.count, part.path, batch=kind.batch, tick=bar.update)
                    kind.finish(args, [job], sweep.write)
        return benches

    def _complete(self, row: Row) -> bool:
        """Whether a row has all figures that can be had, of as many samples as are wanted."""
        wanted = [
            each.column for each in self.experiment.figures.values() if not (each.package and each.package.missing)
        ]
        return row["samples"] == str(self.args.samples) and all(row[name] for name in wanted)

    def render(self, benches: Mapping[str, Bench]) -> str:
        """The paper's figures and ours, one under the other; what is not drawn, and why."""
        rows, kind = results.read(self.experiment.results(self.args)), self.experiment
        made, inside, compared = [], 0, 0
        for panel in self.table.panels:
            made.append(f"{panel.published.source}: {panel.published.setting}.")
            for title in panel.published.figures:
                lines, found = self._lines(panel, title, rows, benches)
                made.append(_markdown(panel, title, lines))
                inside, compared = inside + sum(found), compared + len(found)
            made.append(_markdown(panel, "NFE a sample", self._nfe(panel, rows, benches)))
        reasons = {
            f"Not drawn: {line.name}: {line.why}." for panel in self.table.panels for line in panel.lines if line.why
        }
        counts = (
            f"Ours: {self.args.samples:,} samples a cell, seeds {', '.join(map(str, self.args.seeds))}; 95% intervals."
        )
        verdict = f"The paper's figure lies inside our interval in {inside} of {compared} cells." if compared else ""
        if self.args.stand_in:
            verdict = stand_in.about(kind)
        notes = [" ".join(filter(None, (counts, verdict))), *sorted(reasons), kind.note, self.table.about]
        return "\n\n".join(filter(None, (*made, *notes, *(f"Left out: {each}." for each in kind.lacking()))))

    def _rows(self, entry: Entry, rows: Sequence[Row], benches: Mapping[str, Bench]) -> list[Row]:
        changes = ",".join(filter(None, (entry.cell.changes, benches[entry.condition].asked)))
        wanted = (entry.cell.sampler, changes, str(entry.cell.steps))
        seeds = set(map(str, self.args.seeds))
        return [
            row for row in rows if (row["sampler"], row["overrides"], row["steps"]) == wanted and row["seed"] in seeds
        ]

    def _lines(
        self, panel: Panel, title: str, rows: Sequence[Row], benches: Mapping[str, Bench]
    ) -> tuple[dict[str, dict[int, str]], list[bool]]:
        """The rows of one figure, and whether the paper's value lies in our interval, where both are there."""
        spec, own = f".{panel.published.digits(title)}f", self.experiment.figures[title]
        lines: dict[str, dict[int, str]] = {}
        found = []
        for line in panel.lines:
            theirs = panel.published.at(line.name, title) if line.name in panel.published.rows else {}
            if theirs:
                lines[f"{line.name}, paper"] = {column: f"{value:{spec}}" for column, value in theirs.items()}
            ours = lines.setdefault(f"{line.name}, here", {}) if line.sampler else {}
            for entry in self.entries:
                cell = self._rows(entry, rows, benches) if (entry.panel, entry.line) == (panel, line) else []
                if cell and all(row[own.column] for row in cell):
                    value = _scaled(cell, own)
                    ours[entry.column] = format(value, spec)
                    if entry.column in theirs:
                        found.append(value.low <= theirs[entry.column] <= value.high)
        return lines, found

    def _nfe(self, panel: Panel, rows: Sequence[Row], benches: Mapping[str, Bench]) -> dict[str, dict[int, str]]:
        lines: dict[str, dict[int, str]] = {}
        for entry in self.entries:
            cell = self._rows(entry, rows, benches) if entry.panel is panel else []
            if cell:
                nfe = figure(mean_interval(cell, "forwards").value, ",.0f")
                lines.setdefault(entry.line.name, {})[entry.column] = nfe
        return lines


def _seeded(cell: Cell, seed: int) -> Cell:
    return Cell(cell.sampler, cell.steps, seed, cell.overrides)


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in ("model_hash", "sampler", "overrides", "steps", "seed"))


def _key_of(job: Job) -> tuple[str, ...]:
    assert job.cell is not None
    return (job.bench.digest, job.cell.sampler, job.changes, str(job.cell.steps), str(job.cell.seed))


def _scaled(rows: Sequence[Row], own: Figure) -> Interval:
    value = pooled(rows, own.column)
    return Interval(*(own.factor * end for end in (value.value, value.low, value.high)))


def _markdown(panel: Panel, title: str, lines: Mapping[str, Mapping[int, str]]) -> str:
    wide = panel.published.steps
    body = [[name, *(line.get(column, "") for column in wide)] for name, line in lines.items()]
    return markdown([title, *(f"{panel.column} = {column}" for column in wide)], body)


@contextmanager
def _local(folder: Path) -> Iterator[None]:
    """A folder in place of the hub."""
    before = os.environ.get(LOCAL)
    os.environ[LOCAL] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[LOCAL]
        else:
            os.environ[LOCAL] = before


def run(args: argparse.Namespace) -> None:
    """Plan a table, or repeat it and print it.

    Raises:
        ValueError: for what the flags got wrong, and for a missing package, before anything is fetched.
        CheckpointError: if a model cannot be fetched or loaded.
    """
    table = TABLES[args.table]
    if args.stand_in:
        table = replace(table, experiment=stand_in.of(table.experiment))
    kind = table.experiment
    args.samples = args.samples or (kind.shrunk[1] if args.stand_in else kind.samples)
    args.seeds = args.seeds or list(kind.seeds[:2] if args.stand_in else kind.seeds)
    args.batch = args.batch or kind.at_once
    args.out = args.out or Path("reproduced") / f"{table.name}{'-stand-in' if args.stand_in else ''}"
    args.ray = None
    if min(args.samples, args.batch) < 1 or args.tflops <= 0:
        raise ValueError("samples, batch and tflops must be positive")
    made = Reproduction(args, table)
    if args.dry_run:
        print(made.plan())
    elif args.stand_in:
        stand_in.write(args.out / "files", kind)
        with _local(args.out / "files"):
            print(made.render(made.draw()))
    elif lacking := kind.lacking():
        raise ValueError(f"{'; '.join(lacking)} (or see --dry-run and --stand-in)")
    else:
        print(made.render(made.draw()))
