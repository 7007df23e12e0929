"""What all sweeps share: their flags, and jobs: the samples that a row needs, drawn here or by Ray, and the row.

A domain says which jobs there are (`evaluation/text.py`, `image.py`, `molecule.py`, `countdown.py`); the rest is here.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from remdm.evaluation.sweeps import cluster, results
from remdm.evaluation.sweeps.samples import Cell, Draw, Samples, fill, load
from remdm.sampling.methods import METHODS


@dataclass(frozen=True)
class Part:
    """A file of samples: how many are wanted of it, how they are drawn, and how many steps one takes."""

    path: Path
    count: int
    draw: Draw
    steps: int

    @property
    def missing(self) -> int:
        """Steps of the samples that are not there yet."""
        return max(0, self.count - len(load(self.path) or ())) * self.steps


@dataclass(frozen=True)
class Job:
    """A row of the results file: its title, the files it is made of, and what they come to."""

    title: str
    parts: tuple[Part, ...]
    describe: Callable[[Sequence[Samples]], results.Row]


@dataclass(frozen=True)
class Bench:
    """An embedded model ready for single cells, without files: for the page's measurement and for tuning.

    Attributes:
        cell: (sampler, steps, seed, changes) -> the cell, with what suits the domain; ValueError for what will not do.
        draws: how the cell's samples are drawn, evenly by each of these.
        score: what these samples come to: the columns of the results file, an interval where there is one.
    """

    cell: Callable[[str, int, int, Mapping[str, Any]], Cell]
    draws: Callable[[Cell], Sequence[Draw]]
    score: Callable[[Sequence[Samples]], Mapping[str, Any]]


def add_arguments(
    parser: argparse.ArgumentParser, samplers: Sequence[str], steps: Sequence[int] | None, batch: int,
    more: Sequence[str] = (), steps_help: str = "",
) -> None:  # fmt: skip
    """The flags of every sweep; `more` are names beside the samplers'."""
    names = (*METHODS, *more)
    parser.add_argument("--samplers", nargs="+", default=samplers, choices=names, metavar="NAME",
                        help=f"any of {', '.join(names)}")  # fmt: skip
    help_steps = steps_help or f"default: {' '.join(map(str, steps or ()))}"
    parser.add_argument("--steps", nargs="+", type=int, default=steps, metavar="T", help=help_steps)
    help_set = "other settings for a sampler (or `all`); once more for a further variant of it"
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="NAME:KEY=VALUE", help=help_set)
    parser.add_argument("--batch", type=int, default=batch, help=f"sequences drawn at a time (default {batch})")
    help_threads = "of torch (default 1: on few cores two commands with half the samplers each are faster than 2)"
    parser.add_argument("--threads", type=int, default=1, help=help_threads)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    help_ray = "draw batches in parallel through Ray, on this machine's cores or on the cluster at ADDRESS"
    parser.add_argument("--ray", nargs="?", const="local", metavar="ADDRESS", help=help_ray)
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--table", action="store_true", help="only print the tables of what is in OUT")


def counted(args: argparse.Namespace, *names: str) -> None:
    """Raise ValueError for the first of these flags that is below 1."""
    for name in (*names, "batch", "threads"):
        if getattr(args, name) < 1:
            raise ValueError(f"{name.replace('_', '-')} must be at least 1, got {getattr(args, name)}")


def perform(args: argparse.Namespace, jobs: Sequence[Job], file: Path, columns: Sequence[str]) -> None:
    """Draw what is missing and append each job's row as soon as it is complete; rows come in the order of the jobs.

    Raises:
        ValueError: if Ray is asked for and not installed.
    """
    torch.set_num_threads(args.threads)
    missing = sum(part.missing for job in jobs for part in job.parts)
    with stoppable(args), tqdm(total=missing, unit="step", unit_scale=True, smoothing=0.02) as bar:
        for job, samples in _filled(args, jobs, bar):
            results.append(file, job.describe(samples), columns)


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
        for job in jobs:
            bar.set_description(job.title)
            yield job, [next(filled) for _ in job.parts]
        return
    for job in jobs:
        bar.set_description(job.title)
        yield job, [fill(part.draw, part.count, part.path, batch=args.batch, tick=bar.update) for part in job.parts]


def rows(args: argparse.Namespace, file: Path, domain: str, model: str = "") -> list[dict[str, str]]:
    """A domain's rows of the results file; of one model alone if one is named.

    Raises:
        ValueError: if there are none.
    """
    found = [row for row in results.read(file) if row["domain"] == domain and model in ("", row["model"])]
    if not found:
        raise ValueError(f"{args.out} holds no results{f' of {model}' if model else ''} yet; run the command without "
                         "--table first")  # fmt: skip
    return found
