"""`python -m remdm evaluate countdown`: pass@1 of each sampler on held-out problems, seed by seed.

Answers are kept in OUT/samples, figures are appended to OUT/countdown.csv; the same command goes on where it stopped.
Every sampler gets the same problems and, seed by seed, the same random numbers. T is the number of steps asked for;
the network calls that were really made stand beside it, for a sampler that never revises cannot make more of them than
there are tokens. `--restarts` gives such samplers the calls all the same: n answers, the likeliest of which is kept.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

import remdm
from remdm.checkpoints import ROOT, total_parameters, weights_hash
from remdm.data.countdown import LENGTH, Problem, test_problems, tuning_problems
from remdm.denoiser import Denoiser
from remdm.domains.countdown import COUNTDOWN
from remdm.evaluation import results
from remdm.evaluation.cells import Cell, Samples, empty, load, save, variants
from remdm.evaluation.countdown_scores import Answers, answer, gain, over_problems, render, score
from remdm.methods import METHODS, build
from remdm.models.network import compute
from remdm.recording import run_seed

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
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS, choices=tuple(METHODS), metavar="NAME")
    parser.add_argument("--steps", nargs="+", type=int, default=STEPS, metavar="T", help="default: 11 32 64")
    parser.add_argument("--problems", type=int, default=1000, help="held-out problems (default 1000)")
    help_split = "test: held out by numbers and target; tuning: held out by numbers, to choose settings by"
    parser.add_argument("--split", default="test", choices=tuple(SPLITS), help=help_split)
    parser.add_argument("--seeds", nargs="+", type=int, default=(0, 1, 2), metavar="N", help="default: 0 1 2")
    help_set = "other settings for a sampler (or `all`); once more for a further variant of it"
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="NAME:KEY=VALUE", help=help_set)
    help_restarts = "answers to a problem, the likeliest of which counts (default 1)"
    parser.add_argument("--restarts", type=int, default=1, help=help_restarts)
    parser.add_argument("--batch", type=int, default=256, help="problems at a time (default 256)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--table", action="store_true", help="only print the table of what is in OUT")


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


def parts(
    denoiser: Denoiser, trial: Trial, problems: Sequence[Problem], batch: int, tick: Any, first: int = 0
) -> Iterator[Answers]:
    """Answers to the problems from `first` on, batch by batch; problem k has run k's seed, at each restart anew."""
    for begin in range(first, len(problems), batch):
        some = problems[begin : begin + batch]
        seeds = [
            [run_seed(trial.cell.seed, begin + place + turn * len(problems)) for turn in range(trial.restarts)]
            for place in range(len(some))
        ]
        yield answer(denoiser, trial.cell.settings, some, seeds, tick)


def fill(
    denoiser: Denoiser, trial: Trial, problems: Sequence[Problem], path: Path, batch: int, dtype: str, tick: Any
) -> Samples:
    """Answers to all problems: those of the file, and drawn ones, saved batch by batch."""
    samples = load(path) or empty(LENGTH, dtype)
    begun = time.perf_counter()
    for made in parts(denoiser, trial, problems, batch, tick, first=len(samples)):
        took = np.full(len(made), (time.perf_counter() - begun) / len(made))
        samples = Samples(
            np.concatenate((samples.tokens, made.tokens)), np.concatenate((samples.forwards, made.forwards)),
            np.concatenate((samples.seconds, took)), samples.judged, dtype if samples.dtype == dtype else "mixed",
        )  # fmt: skip
        save(path, samples)
        begun = time.perf_counter()
    return samples


def describe(trial: Trial, samples: Samples, problems: Sequence[Problem], split: str, digest: str) -> dict[str, str]:
    """The row of a trial."""
    found = score(samples.tokens)
    about: dict[str, Any] = {
        "domain": "countdown", "split": split, "model": COUNTDOWN.name, "model_hash": digest, "dtype": samples.dtype,
        "version": getattr(remdm, "__version__", ""),
        "parameters": total_parameters(COUNTDOWN.load(compute()).denoiser.network),
        "sampler": trial.cell.sampler, "overrides": trial.changes, "steps": trial.cell.steps, "seed": trial.cell.seed,
        "settings": json.dumps(trial.cell.settings.flat(), sort_keys=True), "problems": len(samples),
        "forwards": float(samples.forwards.mean()), "seconds": float(samples.seconds.mean()),
        "solved": over_problems(found.correct, problems), "fair": float(found.fair.mean()),
        "equations": float(found.equations.mean()), "copied": float(found.copied.mean()), **found.broken,
    }  # fmt: skip
    return results.flat(about)


def trials(args: argparse.Namespace) -> list[Trial]:
    """What is asked for, all of it checked before the first answer is drawn."""
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
    return made


def run(args: argparse.Namespace) -> None:
    """Answer what is missing, score it and print the table; or only print it (`--table`).

    Raises:
        ValueError: for what the flags got wrong, before anything is drawn.
        CheckpointError: if the model cannot be loaded.
    """
    path = args.out / ("countdown.csv" if args.split == "test" else f"countdown-{args.split}.csv")
    if not args.table:
        _run(args, path)
    rows = results.read(path)
    if not rows:
        raise ValueError(f"{args.out} holds no results yet; run the command without --table first")
    print(render(rows))


def _run(args: argparse.Namespace, path: Path) -> None:
    for name in ("problems", "batch", "restarts"):
        if getattr(args, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(args, name)}")
    problems = SPLITS[args.split]()[: args.problems]
    if len(problems) < args.problems:
        raise ValueError(f"problems must be at most {len(problems)}, the held-out ones there are; got {args.problems}")
    torch.set_num_threads(1)
    made, device = trials(args), compute(args.device)
    denoiser = COUNTDOWN.load(device).denoiser
    digest = weights_hash(ROOT / COUNTDOWN.name)
    folder = args.out / "samples" / f"{COUNTDOWN.name}-{digest}-{args.split}{len(problems)}"
    total = sum(len(problems) * len(build(trial.cell.settings)[1]) * trial.restarts for trial in made)
    made_of: dict[Trial, Samples] = {}
    try:
        with tqdm(total=total, unit="step", unit_scale=True, smoothing=0.02) as bar:
            for trial in made:
                bar.set_description(f"{trial.cell.sampler} T={trial.cell.steps} seed {trial.cell.seed} {trial.changes}")
                dtype = str(device.dtype).removeprefix("torch.")
                made_of[trial] = fill(denoiser, trial, problems, folder / trial.file, args.batch, dtype, bar.update)
    finally:  # what was answered counts, though it was stopped; gains need the reference, so they come last
        for trial, samples in made_of.items():
            row = describe(trial, samples, problems, args.split, digest)
            results.append(path, row | results.flat(compared(trial, samples, problems, folder)), COLUMNS)
