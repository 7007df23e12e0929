"""`python -m remdm evaluate text`: how good and how varied each sampler's text is, at each number of steps.

Samples are kept in OUT/samples, figures are appended to OUT/results.csv. The same command goes on where it stopped;
two commands with different samplers may share one OUT.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import models
from torch import nn
from tqdm import tqdm

import remdm
from remdm import checkpoints
from remdm.checkpoints import Checkpoint, load_embedded, total_parameters, weights_hash
from remdm.domains.base import Model
from remdm.domains.text import DOMAIN, PROSE, STORIES
from remdm.evaluation import results
from remdm.evaluation.cells import Cell, Samples, fill, load, save, variants
from remdm.evaluation.judge import Judge
from remdm.evaluation.scores import COLUMNS, score, texts, world_samples
from remdm.evaluation.table import render
from remdm.methods import METHODS, build
from remdm.models.network import compute

SAMPLERS = ("mdlm", "remdm-cap", "remdm-rescale", "remdm-conf", "remdm-switch", "remdm-loop", "fb", "dfm")
WORLD = "world"
"""A sampler's name that stands for the story world's own stories."""
JUDGED_AT_ONCE = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    help_samplers = f"any of {', '.join(METHODS)}; {WORLD} measures the story world itself"
    names = (*METHODS, WORLD)
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS, choices=names, metavar="NAME", help=help_samplers)
    parser.add_argument("--steps", nargs="+", type=int, metavar="T", help="default: L/4 L/2 L 2L 4L")
    parser.add_argument("--samples", type=int, default=256, help="in each cell (default 256)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="stories", help="an embedded model, or the path of a checkpoint folder")
    help_set = "other settings for a sampler (or `all`); once more for a further variant of it"
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="NAME:KEY=VALUE", help=help_set)
    parser.add_argument("--batch", type=int, default=32, help="sequences drawn at a time (default 32)")
    parser.add_argument("--judge", action="store_true", help="perplexity by a judge model (slow)")
    parser.add_argument("--judge-samples", type=int, default=64, help="read by the judge in each cell (default 64)")
    help_threads = "of torch (default 1: on few cores two commands with half the samplers each are faster than 2)"
    parser.add_argument("--threads", type=int, default=1, help=help_threads)
    help_compile = "compile the network first (a minute, needs a C++ compiler): a fifth to a third faster"
    parser.add_argument("--compile", action="store_true", help=help_compile)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--table", action="store_true", help="only print the tables of what is in OUT")


@dataclass(frozen=True)
class Subject:
    """The model under test: how its tokens are read, its hash, and the number type it runs in."""

    model: Model
    checkpoint: Checkpoint
    name: str
    hash: str
    dtype: str


def subject(name: str, device: str = "auto") -> Subject:
    """An embedded model by name, or one from a folder (told by a separator in its name).

    A folder's model is a story model if its tokenizer has whole words.
    """
    is_path = os.sep in name or "/" in name
    if not is_path:
        DOMAIN.model(name)
    folder = Path(name).resolve() if is_path else checkpoints.ROOT / name
    checkpoint = load_embedded(str(folder) if is_path else name, compute(device))
    is_stories = isinstance(checkpoint.tokenizer.model, models.WordLevel)
    digest = weights_hash(folder)
    model = (STORIES if is_stories else PROSE) if is_path else DOMAIN.model(name)
    return Subject(model, checkpoint, folder.name, digest, str(checkpoint.compute.dtype).removeprefix("torch."))


class _CompiledNetwork(nn.Module):
    """A network whose greatest part is compiled for any batch."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.head = network, network.head
        self.hidden = torch.compile(network.hidden, dynamic=True)


def compiled(made: Subject) -> Subject:
    """The same model, compiled: rounding differs, so the number type says so."""
    denoiser = replace(made.checkpoint.denoiser, network=_CompiledNetwork(made.checkpoint.denoiser.network))
    return replace(made, checkpoint=replace(made.checkpoint, denoiser=denoiser), dtype=f"{made.dtype} compiled")


def cells(args: argparse.Namespace, length: int) -> list[Cell]:
    """The cells asked for, few steps first, all of them checked before the first is drawn."""
    steps = args.steps or [max(1, length // 4), max(1, length // 2), length, 2 * length, 4 * length]
    made = [
        Cell(sampler, count, args.seed, overrides)
        for count in dict.fromkeys(steps)
        for sampler in dict.fromkeys(args.samplers)
        if sampler != WORLD
        for overrides in variants(args.changes, sampler)
    ]
    for cell in made:
        build(cell.settings)
        cell.seeds(0, 1)
    return made


def describe(cell: Cell | None, samples: Samples, made: Subject, seed: int) -> dict[str, str]:
    """The row of a cell; of the world itself where `cell` is None."""
    about: dict[str, Any] = {
        "domain": "text", "model": made.name, "model_hash": made.hash, "dtype": samples.dtype,
        "version": getattr(remdm, "__version__", ""),
        "parameters": total_parameters(made.checkpoint.denoiser.network), "length": samples.tokens.shape[1],
        "samples": len(samples), "forwards": float(samples.forwards.mean()), "seconds": float(samples.seconds.mean()),
        "sampler": cell.sampler if cell else WORLD, "steps": cell.steps if cell else 0, "seed": seed,
        "overrides": cell.changes if cell else "",
        "settings": json.dumps(cell.settings.flat(), sort_keys=True) if cell else "",
    }  # fmt: skip
    return results.flat(about | score(samples, made.model, made.checkpoint))


@cache
def _judge() -> Judge:
    return Judge.load()


def judged(path: Path, count: int, made: Subject) -> Samples:
    """The samples of a file with the judge's scores of the first `count`, saved as they come."""
    samples = load(path)
    printed = texts(samples.first(count), made.model, made.checkpoint)
    while len(samples.judged) < len(printed):
        begin = len(samples.judged)
        scores = _judge().nll(printed[begin : begin + JUDGED_AT_ONCE])
        samples = replace(samples, judged=np.concatenate((samples.judged, np.array(scores, dtype=np.float64))))
        save(path, samples)
    return samples


@dataclass(frozen=True)
class Sweep:
    """A run of the command."""

    args: argparse.Namespace
    made: Subject

    @property
    def csv(self) -> Path:
        """The results file."""
        return self.args.out / "results.csv"

    def path(self, cell: Cell | None) -> Path:
        """Where a cell's samples are kept."""
        folder = self.args.out / "samples" / f"{self.made.name}-{self.made.hash}"
        return folder / (cell.file if cell else f"{WORLD}.npz")

    def note(self, cell: Cell | None, samples: Samples) -> None:
        """Score samples and append their row if it says something new."""
        results.append(self.csv, describe(cell, samples, self.made, self.args.seed if cell else 0), COLUMNS)

    def sample(self, asked: Sequence[Cell]) -> None:
        """Draw what is missing, cell by cell."""
        length, count = self.made.model.length, self.args.samples
        have = {cell: len(load(self.path(cell)) or ()) for cell in asked}
        missing = {cell: max(0, count - have[cell]) * len(build(cell.settings)[1]) for cell in asked}
        with tqdm(total=sum(missing.values()), unit="step", unit_scale=True, smoothing=0.02) as bar:
            for cell in asked:
                bar.set_description(f"{cell.sampler} T={cell.steps} {cell.changes}".strip())
                samples = fill(
                    cell, self.made.checkpoint.denoiser, length, count, self.path(cell), dtype=self.made.dtype,
                    batch=self.args.batch, tick=bar.update,
                )  # fmt: skip
                self.note(cell, samples)

    def world(self) -> None:
        """The world's own stories, drawn anew if the file has too few."""
        count, path = self.args.samples, self.path(None)
        samples = load(path)
        if samples is None or len(samples) < count:
            samples = replace(
                world_samples(self.made.checkpoint, count, self.made.model.length),
                judged=samples.judged if samples is not None else np.zeros((0, 2)),
            )
            save(path, samples)
        self.note(None, samples)

    def judge(self, asked: Sequence[Cell | None]) -> None:
        """Let the judge read the first samples of each cell."""
        for cell in tqdm(asked, desc="judge", unit="cell"):
            self.note(cell, judged(self.path(cell), self.args.judge_samples, self.made))


def run(args: argparse.Namespace) -> None:
    """Sample what is missing, score it and print the tables; or only print them (`--table`).

    Raises:
        ValueError: for what the flags got wrong, before anything is drawn.
        CheckpointError: if the model cannot be loaded.
    """
    if not args.table:
        _run(args)
    rows = [row for row in results.read(args.out / "results.csv") if row["domain"] == "text"]
    if not rows:
        raise ValueError(f"{args.out} holds no results yet; run the command without --table first")
    print(render(rows, f"python -m remdm evaluate text --table --out {args.out}"))


def _run(args: argparse.Namespace) -> None:
    for name in ("samples", "batch", "judge_samples", "threads"):
        if getattr(args, name) < 1:
            raise ValueError(f"{name.replace('_', '-')} must be at least 1, got {getattr(args, name)}")
    torch.set_num_threads(args.threads)
    made = subject(args.model, args.device)
    if args.compile:
        made = compiled(made)
    asked: list[Cell | None] = list(cells(args, made.model.length))
    if WORLD in args.samplers and not made.model.notes:
        raise ValueError(f"sampler {WORLD} is for the story model, got the model {made.name}")
    sweep = Sweep(args, made)
    try:
        if WORLD in args.samplers:
            sweep.world()
        sweep.sample(asked)
        if args.judge:
            sweep.judge([*asked, None] if WORLD in args.samplers else asked)
    except KeyboardInterrupt:
        print(f"\nStopped. What was drawn is in {args.out}; the same command goes on from there.")
        raise
