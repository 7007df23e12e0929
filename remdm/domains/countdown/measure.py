"""`python -m remdm evaluate countdown`: pass@1 of each sampler on held-out problems, seed by seed.

Answers are kept in OUT/samples, figures are appended to OUT/countdown.csv; the same command goes on where it stopped.
Every sampler gets the same problems and, seed by seed, the same random numbers. T is the number of steps asked for;
the network calls that were really made stand beside it, for a sampler that never revises cannot make more of them than
there are tokens. `--restarts` gives such samplers the calls all the same: n answers, the likeliest of which is kept.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import remdm
from remdm.domains.countdown.domain import COUNTDOWN
from remdm.domains.countdown.problems import Problem, test_problems, tuning_problems
from remdm.domains.countdown.scores import answer, gain, over_problems, render, score
from remdm.evaluation.measurement import Measure, Measurement, Objective
from remdm.evaluation.sweeps import results, sweep
from remdm.evaluation.sweeps.compiled import number_type
from remdm.evaluation.sweeps.samples import Cell, Samples, Tick, load, silent, timed, variants
from remdm.evaluation.sweeps.sweep import Bench, Job, Part
from remdm.models.checkpoints import ROOT, total_parameters, weights_hash
from remdm.models.network import compute
from remdm.runs.record import run_seed
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.methods import build

SAMPLERS = (
    "mdlm", "llada", "remdm-llada", "llada-dfm", "fb", "dfm", "remdm-cap", "remdm-rescale", "remdm-conf", "remdm-loop",
)  # fmt: skip
STEPS = (11, 32, 64)
"""One step a token, the paper's 32, and the 64 that its loop really takes (arXiv 2503.00307, Appendix D.4)."""
SPLITS = {"test": test_problems, "tuning": tuning_problems}
COLUMNS = (
    *results.KEY, "split", "dtype", "version", "parameters", "problems", "forwards", "seconds",
    "solved", "solved_low", "solved_high", "reference", "gain", "gain_low", "gain_high",
    "fair", "equations", "copied", "equation", "count", "unused", "stranger", "target", "settings",
    "machine",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    sweep.add_arguments(parser, SAMPLERS, STEPS, 256)
    parser.add_argument("--problems", type=int, default=1000, help="held-out problems (default 1000)")
    help_split = "test: held out by numbers and target; tuning: held out by numbers, to choose settings by"
    parser.add_argument("--split", default="test", choices=tuple(SPLITS), help=help_split)
    parser.add_argument("--seeds", nargs="+", type=int, default=(0, 1, 2), metavar="N", help="default: 0 1 2")
    help_restarts = "answers to a problem, the likeliest of which counts (default 1)"
    parser.add_argument("--restarts", type=int, default=1, help=help_restarts)


@dataclass(frozen=True)
class Trial:
    """A cell and how many answers a problem gets."""

    cell: Cell
    restarts: int = 1

    @property
    def changes(self) -> str:
        """What distinguishes it from the sampler's default."""
        more = f"restarts={self.restarts}" if self.restarts > 1 else ""
        return ",".join(part for part in (self.cell.changes, more) if part)

    @property
    def file(self) -> str:
        """Where its answers are kept."""
        return f"{self.restarts}x_{self.cell.file}" if self.restarts > 1 else self.cell.file


def reference(trial: Trial) -> Trial | None:
    """The plain sampler of the same kind at the same steps and seed: MDLM, or LLaDA for what goes by confidence."""
    kind = "mdlm" if trial.cell.settings.parts["transition"] == "ancestral" else "llada"
    plain = Trial(Cell(kind, trial.cell.steps, trial.cell.seed))
    return None if plain == trial else plain


def compared(trial: Trial, samples: Samples, problems: Sequence[Problem], folder: Path) -> dict[str, Any]:
    """The gain on the reference, where that has answered the same problems."""
    plain = reference(trial)
    other = load(folder / plain.file) if plain else None
    if plain is None or other is None or len(other) != len(samples):
        return {"reference": "", "gain": None, "gain_low": None, "gain_high": None}
    found = gain(score(samples.tokens).correct, score(other.tokens).correct, problems)
    return {"reference": plain.cell.sampler, "gain": found}


@dataclass(frozen=True)
class Asked:
    """Draws answers to problems; problem k has run k's seed, at each restart anew."""

    denoiser: Denoiser
    trial: Trial
    problems: Sequence[Problem]
    dtype: str

    def __call__(self, first: int, stop: int, tick: Tick = silent) -> Samples:
        """Answers to problems `first` to `stop - 1`, in one batch."""
        if stop > len(self.problems):
            raise ValueError(f"there are {len(self.problems):,} problems, and no more can be asked")
        begun, cell = time.perf_counter(), self.trial.cell
        seeds = [
            [run_seed(cell.seed, place + turn * len(self.problems)) for turn in range(self.trial.restarts)]
            for place in range(first, stop)
        ]
        made = answer(self.denoiser, cell.settings, self.problems[first:stop], seeds, tick)
        return timed(made.tokens, made.forwards, begun, self.dtype)


def describe(trial: Trial, samples: Samples, problems: Sequence[Problem], split: str, digest: str) -> dict[str, str]:
    """The row of a trial."""
    found = score(samples.tokens)
    about: dict[str, Any] = {
        "domain": "countdown", "split": split, "model": COUNTDOWN.name, "model_hash": digest, "dtype": samples.dtype,
        "version": getattr(remdm, "__version__", ""), "machine": samples.machine,
        "parameters": total_parameters(COUNTDOWN.load(compute()).denoiser.network),
        "sampler": trial.cell.sampler, "overrides": trial.changes, "steps": trial.cell.steps, "seed": trial.cell.seed,
        "settings": json.dumps(trial.cell.settings.flat(), sort_keys=True), "problems": len(samples),
        "forwards": float(samples.forwards.mean()), "seconds": float(samples.seconds.mean()),
        "solved": over_problems(found.correct, problems), "fair": float(found.fair.mean()),
        "equations": float(found.equations.mean()), "copied": float(found.copied.mean()), **found.broken,
    }  # fmt: skip
    return results.flat(about)


def trials(args: argparse.Namespace) -> list[Trial]:
    """What is asked for, all of it checked before anything is drawn; references first, for the gains on them."""
    made = [
        Trial(Cell(sampler, steps, seed, overrides), args.restarts)
        for seed in args.seeds
        for steps in dict.fromkeys(args.steps)
        for sampler in dict.fromkeys(args.samplers)
        for overrides in variants(args.changes, sampler)
    ]
    for trial in made:
        build(trial.cell.settings)
        run_seed(trial.cell.seed, 0)
    return sorted(made, key=lambda trial: reference(trial) is not None)


@dataclass(frozen=True)
class Sweep:
    """A run of the command."""

    args: argparse.Namespace
    denoiser: Denoiser
    hash: str
    problems: Sequence[Problem]
    dtype: str

    def job(self, trial: Trial) -> Job:
        """What makes the row of a trial."""
        count = len(self.problems)
        folder = self.args.out / "samples" / f"{COUNTDOWN.name}-{self.hash}-{self.args.split}{count}"
        draw = Asked(self.denoiser, trial, self.problems, self.dtype)
        part = Part(folder / trial.file, count, draw, len(build(trial.cell.settings)[1]) * trial.restarts)

        def row(samples: Sequence[Samples]) -> dict[str, str]:
            made = describe(trial, samples[0], self.problems, self.args.split, self.hash)
            return made | results.flat(compared(trial, samples[0], self.problems, folder))

        title = f"{trial.cell.sampler} T={trial.cell.steps} seed {trial.cell.seed} {trial.changes}".strip()
        return Job(title, (part,), row)


def bench(device: str = "auto", split: str = "test") -> Bench:
    """The Countdown model on the problems of a split, ready for single cells."""
    loaded, problems = COUNTDOWN.load(compute(device)), SPLITS[split]()
    dtype = number_type(loaded)
    return Bench(
        lambda sampler, steps, seed, changes: Cell(sampler, steps, seed, tuple(sorted(changes.items()))),
        lambda cell: [Asked(loaded.denoiser, Trial(cell), problems, dtype)],
        lambda samples: {"solved": over_problems(score(samples[0].tokens).correct, problems[: len(samples[0])])},
    )


def run(args: argparse.Namespace) -> None:
    """Answer what is missing, score it and print the table; or only print it (`--table`).

    Raises:
        ValueError: for what the flags got wrong, before anything is drawn.
        CheckpointError: if the model cannot be loaded.
    """
    path = args.out / ("countdown.csv" if args.split == "test" else f"countdown-{args.split}.csv")
    if not args.table:
        _run(args, path)
    print(render(sweep.rows(args, path, "countdown")))


def _run(args: argparse.Namespace, path: Path) -> None:
    sweep.counted(args, "problems", "restarts")
    problems = SPLITS[args.split]()[: args.problems]
    if len(problems) < args.problems:
        raise ValueError(f"problems must be at most {len(problems)}, the held-out ones there are; got {args.problems}")
    made, device = trials(args), compute(args.device)
    digest, dtype = weights_hash(ROOT / COUNTDOWN.name), str(device.dtype).removeprefix("torch.")
    running = Sweep(args, COUNTDOWN.load(device).denoiser, digest, problems, dtype)
    sweep.perform(args, [running.job(trial) for trial in made], path, COLUMNS)


_HELD_OUT = "held-out problems"
MEASUREMENT = Measurement(
    "countdown", "countdown.csv", (Measure("solved", "pass@1", share=True, count="problems"),),
    "The problems are our own, three numbers below 100; the paper's are not published.",
    lambda sampler: {}, lambda row: _HELD_OUT, _HELD_OUT, SAMPLERS, cache(bench), 25, Objective("solved"),
    cache(partial(bench, split="tuning")),
)  # fmt: skip
