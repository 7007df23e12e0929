"""`python -m remdm evaluate DOMAIN`: samples of each sampler at each number of steps, what they come to, and tables.

Samples are kept in OUT/samples, figures are appended to the domain's file in OUT. The same command goes on where it
stopped, more samples begin with those that are there, and two commands with different samplers may share one OUT.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

import remdm
from remdm.evaluation.measurement import Bench, Job, Measurement
from remdm.evaluation.sweeps import cluster, results
from remdm.evaluation.sweeps.samples import DATA, Cell, Part, Samples, fill, variants
from remdm.models.checkpoints import total_parameters
from remdm.models.network import DEVICES
from remdm.sampling.methods import build
from remdm.sampling.presets import METHODS


def add_arguments(parser: argparse.ArgumentParser, kind: Measurement) -> None:
    names = (*METHODS, *((DATA,) if kind.data else ()))
    parser.add_argument("--samplers", nargs="+", default=kind.samplers, choices=names, metavar="NAME",
                        help=f"any of {', '.join(names)}")  # fmt: skip
    steps = " ".join(f"{t:g}L" if isinstance(t, float) else str(t) for t in kind.steps)
    parser.add_argument("--steps", nargs="+", type=int, metavar="T", help=f"default: {steps}")
    help_set = "other settings for a sampler (or `all`); once more for a further variant of it"
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="NAME:KEY=VALUE", help=help_set)
    help_count = f"of each cell and seed (default {kind.samples})"
    parser.add_argument(f"--{kind.unit}", dest="samples", type=int, default=kind.samples, metavar="N", help=help_count)
    help_seeds = f"default: {' '.join(map(str, kind.seeds))}; from three on tables have intervals over them"
    parser.add_argument("--seeds", "--seed", nargs="+", type=int, default=kind.seeds, metavar="N", help=help_seeds)
    help_batch = f"sequences drawn at a time (default {kind.at_once})"
    parser.add_argument("--batch", type=int, default=kind.at_once, help=help_batch)
    help_threads = "of torch (default 1: on few cores two commands with half the samplers each are faster than 2)"
    parser.add_argument("--threads", type=int, default=1, help=help_threads)
    parser.add_argument("--device", default="auto", choices=DEVICES)
    help_compile = "compile the network first (a minute, needs a C++ compiler): a fifth to a third faster"
    parser.add_argument("--compile", action="store_true", help=help_compile)
    help_ray = "draw batches in parallel through Ray, on this machine's cores or on the cluster at ADDRESS"
    parser.add_argument("--ray", nargs="?", const="local", metavar="ADDRESS", help=help_ray)
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--table", action="store_true", help="only print the tables of what is in OUT")
    kind.add_arguments(parser)


@cache
def bench(kind: Measurement, *flags: str) -> Bench:
    """A domain's model, loaded once, under the condition of these flags: for single cells without files."""
    parser = argparse.ArgumentParser()
    add_arguments(parser, kind)
    return kind.open(parser.parse_args(flags))[0]


@dataclass(frozen=True)
class Sweep:
    """A run of the command."""

    args: argparse.Namespace
    kind: Measurement
    benches: Sequence[Bench]

    def jobs(self) -> list[Job]:
        """What is asked for, few steps first, all of it checked before anything is drawn.

        Raises:
            ValueError: for settings, seeds or steps that are invalid.
        """
        args, kind = self.args, self.kind
        length = self.benches[0].checkpoint.length
        steps = args.steps or [max(1, int(t * length)) if isinstance(t, float) else int(t) for t in kind.steps]
        made = [
            self.job(bench, kind.cell(sampler, t, seed, dict(changed)))
            for seed in dict.fromkeys(args.seeds)
            for t in dict.fromkeys(steps)
            for bench in self.benches
            for sampler in dict.fromkeys(args.samplers)
            if sampler != DATA
            for changed in variants(args.changes, sampler)
        ]
        data = [self.job(bench, None) for bench in self.benches if DATA in args.samplers]
        return data + sorted(made, key=lambda job: job.cell is not None and kind.waits(job.cell))

    def job(self, bench: Bench, cell: Cell | None) -> Job:
        """The row of a cell under a condition, with the files that it needs."""
        steps = len(build(cell.settings)[1]) if cell else 0
        draws = bench.draws(cell) if cell else [bench.data] if bench.data else []
        count = self.args.samples // len(draws)
        if cell:
            cell.seeds(0, count)
        paths = zip(bench.paths(self.args.out, cell), draws, strict=True)
        return Job(bench, cell, tuple(Part(path, count, draw, steps * bench.runs) for path, draw in paths))

    def write(self, job: Job, samples: Sequence[Samples], more: Mapping[str, Any] | None = None) -> None:
        """Append the row of a job; what was costly is not lost where the file has it already."""
        file = self.kind.results(self.args)
        groups = [group.first(part.count) for group, part in zip(samples, job.parts, strict=True)]
        row = results.flat({**self._about(job, groups), **job.bench.score(job.cell, groups), **(more or {})})
        results.append(file, results.carried(file, row, self.kind.costly) | row, self.kind.columns)

    def _about(self, job: Job, groups: Sequence[Samples]) -> dict[str, Any]:
        """What was run, by column."""
        bench, cell = job.bench, job.cell
        return {
            "domain": self.kind.domain, "model": bench.name, "model_hash": bench.digest, "dtype": groups[0].dtype,
            "version": remdm.__version__, "machine": groups[0].machine,
            "parameters": total_parameters(bench.checkpoint.denoiser.network), "length": groups[0].tokens.shape[1],
            "sampler": cell.sampler if cell else DATA, "overrides": job.changes, "steps": cell.steps if cell else 0,
            "seed": cell.seed if cell else 0, self.kind.unit: sum(map(len, groups)),
            "settings": json.dumps(cell.settings.flat(), sort_keys=True) if cell else "",
            "forwards": float(np.mean([group.forwards.mean() for group in groups])),
            "seconds": float(np.mean([group.seconds.mean() for group in groups])), **bench.about,
        }  # fmt: skip


@contextmanager
def stoppable(args: argparse.Namespace) -> Iterator[None]:
    """Says on an interruption that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"\nStopped. What was drawn is in {args.out}; the same command goes on from there.")
        raise


def _filled(args: argparse.Namespace, jobs: Sequence[Job], bar: tqdm) -> Iterator[tuple[Job, list[Samples]]]:
    if args.ray:
        parts = [part for job in jobs for part in job.parts]
        filled = cluster.fill(parts, args.batch, None if args.ray == "local" else args.ray, bar.update)
    else:
        filled = (
            fill(part.draw, part.count, part.path, batch=args.batch, tick=bar.update)
            for job in jobs for part in job.parts
        )  # fmt: skip
    for job in jobs:
        bar.set_description(job.title)
        yield job, [next(filled) for _ in job.parts]


def _draw(args: argparse.Namespace, kind: Measurement) -> None:
    """Draw what is missing and append each job's row as soon as it is complete."""
    for name, value in vars(args).items():
        if isinstance(value, int) and not isinstance(value, bool) and value < 1:
            flag = kind.unit if name == "samples" else name.replace("_", "-")
            raise ValueError(f"{flag} must be at least 1, got {value}")
    sweep = Sweep(args, kind, kind.open(args))
    jobs = sweep.jobs()
    torch.set_num_threads(args.threads)
    missing = sum(part.missing for job in jobs for part in job.parts)
    with stoppable(args):
        with tqdm(total=missing, unit="step", unit_scale=True, smoothing=0.02) as bar:
            for job, samples in _filled(args, jobs, bar):
                sweep.write(job, samples)
        kind.finish(args, jobs, sweep.write)


def run(args: argparse.Namespace, kind: Measurement) -> None:
    """Draw what is missing, score it and print the tables; or only print them (`--table`).

    Raises:
        ValueError: for what the flags got wrong, before anything is drawn, or if there are no rows to print.
        CheckpointError: if the model cannot be loaded.
    """
    if not args.table:
        _draw(args, kind)
    model = Path(getattr(args, "model", "")).name
    rows = [row for row in results.newest(results.read(kind.results(args))) if model in ("", row["model"])]
    if not rows:
        raise ValueError(f"{args.out} holds no results{f' of {model}' if model else ''} yet; run the command without "
                         "--table first")  # fmt: skip
    named = "".join(f" --{flag} {getattr(args, flag)}" for flag in kind.named)
    print(
        f"{kind.render(rows)}\n\nPrinted by `python -m remdm evaluate {kind.domain}{named} --table --out {args.out}`."
    )
