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
from tokenizers import models
from tqdm import tqdm

import remdm
from remdm.domains.text.domain import DOMAIN, PROSE, STORIES
from remdm.domains.text.scores import COLUMNS, MAUVE, score, texts, world_samples
from remdm.domains.text.tables import render
from remdm.evaluation.measurement import Measure, Measurement, Objective
from remdm.evaluation.metrics import mauve
from remdm.evaluation.metrics.judge import NAME as JUDGE
from remdm.evaluation.metrics.judge import Judge
from remdm.evaluation.sweeps import results, sweep
from remdm.evaluation.sweeps.compiled import add_argument as add_compile
from remdm.evaluation.sweeps.compiled import compiled, number_type
from remdm.evaluation.sweeps.samples import Cell, Free, Samples, Tick, load, save, silent, variants
from remdm.evaluation.sweeps.sweep import Bench, Job, Part
from remdm.evaluation.sweeps.table import WORLD
from remdm.models import checkpoints
from remdm.models.checkpoints import Checkpoint, load_embedded, total_parameters, weights_hash
from remdm.models.network import compute
from remdm.runs.domain import Model
from remdm.sampling.methods import build

SAMPLERS = ("mdlm", "remdm-cap", "remdm-rescale", "remdm-conf", "remdm-switch", "remdm-loop", "fb", "dfm")
JUDGED_AT_ONCE = 16
UNSEEN = 1_000_000
"""The number of the first story of the world that MAUVE compares with: none of the world's own row."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command; the sampler `world` measures the story world itself."""
    sweep.add_arguments(parser, SAMPLERS, None, 32, more=(WORLD,), steps_help="default: L/4 L/2 L 2L 4L")
    parser.add_argument("--samples", type=int, default=256, help="in each cell (default 256)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="stories", help="an embedded model, or the path of a checkpoint folder")
    parser.add_argument("--judge", action="store_true", help="perplexity by a judge model (slow)")
    parser.add_argument("--judge-samples", type=int, default=64, help="read by the judge in each cell (default 64)")
    help_mauve = "MAUVE against the world's stories, by the judge's features (slow; needs mauve-text)"
    parser.add_argument("--mauve", action="store_true", help=help_mauve)
    parser.add_argument("--mauve-samples", type=int, default=256, help="compared in each cell (default 256)")
    add_compile(parser)


@dataclass(frozen=True)
class Subject:
    """The model under test: how its tokens are read, and its hash."""

    model: Model
    checkpoint: Checkpoint
    name: str
    hash: str

    @property
    def dtype(self) -> str:
        """The number type it runs in."""
        return number_type(self.checkpoint)


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
    return Subject(model, checkpoint, folder.name, digest)


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
        "version": getattr(remdm, "__version__", ""), "machine": samples.machine,
        "parameters": total_parameters(made.checkpoint.denoiser.network), "length": samples.tokens.shape[1],
        "samples": len(samples), "forwards": float(samples.forwards.mean()), "seconds": float(samples.seconds.mean()),
        "sampler": cell.sampler if cell else WORLD, "steps": cell.steps if cell else 0, "seed": seed,
        "overrides": cell.changes if cell else "",
        "settings": json.dumps(cell.settings.flat(), sort_keys=True) if cell else "",
    }  # fmt: skip
    return results.flat(about | score(samples, made.model, made.checkpoint))


@dataclass(frozen=True)
class Stories:
    """Draws stories of the world itself, as if a sampler had made them."""

    checkpoint: Checkpoint
    length: int

    def __call__(self, first: int, stop: int, tick: Tick = silent) -> Samples:
        """Stories `first` to `stop - 1`."""
        return world_samples(self.checkpoint, first, stop, self.length)


def bench(device: str = "auto") -> Bench:
    """The story model, ready for single cells."""
    made = subject("stories", device)
    return Bench(
        lambda sampler, steps, seed, changes: Cell(sampler, steps, seed, tuple(sorted(changes.items()))),
        lambda cell: [Free(made.checkpoint.denoiser, cell, made.model.length, made.dtype)],
        lambda samples: score(samples[0], made.model, made.checkpoint),
    )


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

    def row(self, cell: Cell | None, samples: Samples) -> dict[str, str]:
        """The row of a cell; a MAUVE that the file has already is not lost."""
        made = describe(cell, samples, self.made, self.args.seed if cell else 0)
        return made | results.carried(self.csv, made, MAUVE)

    def job(self, cell: Cell | None) -> Job:
        """What makes the row of a cell, or of the world itself."""
        length, denoiser = self.made.model.length, self.made.checkpoint.denoiser
        draw = Free(denoiser, cell, length, self.made.dtype) if cell else Stories(self.made.checkpoint, length)
        part = Part(self.path(cell), self.args.samples, draw, len(build(cell.settings)[1]) if cell else 0)
        title = f"{cell.sampler} T={cell.steps} {cell.changes}".strip() if cell else WORLD
        return Job(title, (part,), lambda samples: self.row(cell, samples[0]))

    def judge(self, asked: Sequence[Cell | None]) -> None:
        """Let the judge read the first samples of each cell."""
        with sweep.stoppable(self.args):
            for cell in tqdm(asked, desc="judge", unit="cell"):
                samples = judged(self.path(cell), self.args.judge_samples, self.made)
                results.append(self.csv, self.row(cell, samples), COLUMNS)

    def mauve(self, asked: Sequence[Cell | None]) -> None:
        """Compare the first samples of each cell with stories of the world that are in no row."""
        count, features = self.args.mauve_samples, _judge().features
        others = world_samples(self.made.checkpoint, UNSEEN, UNSEEN + count, self.made.model.length)
        reference = features(texts(others, self.made.model, self.made.checkpoint))
        with sweep.stoppable(self.args):
            for cell in tqdm(asked, desc="MAUVE", unit="cell"):
                samples = load(self.path(cell))
                printed = texts(samples.first(count), self.made.model, self.made.checkpoint)
                found = results.flat(mauve.likeness(features, reference, printed))
                results.append(self.csv, self.row(cell, samples) | found, COLUMNS)


def run(args: argparse.Namespace) -> None:
    """Sample what is missing, score it and print the tables; or only print them (`--table`).

    Raises:
        ValueError: for what the flags got wrong, before anything is drawn.
        CheckpointError: if the model cannot be loaded.
    """
    if not args.table:
        _run(args)
    rows = sweep.rows(args, args.out / "results.csv", "text", Path(args.model).name)
    print(render(rows, f"python -m remdm evaluate text --model {args.model} --table --out {args.out}"))


def _run(args: argparse.Namespace) -> None:
    sweep.counted(args, "samples", "judge_samples", "mauve_samples")
    if args.mauve:
        mauve.ready()
    made = subject(args.model, args.device)
    made = replace(made, checkpoint=compiled(args, made.checkpoint))
    asked: list[Cell | None] = list(cells(args, made.model.length))
    if (WORLD in args.samplers or args.mauve) and not made.model.notes:
        raise ValueError(f"the {WORLD} and MAUVE against it are for the story model, got the model {made.name}")
    if WORLD in args.samplers:
        asked.insert(0, None)
    running = Sweep(args, made)
    sweep.perform(args, [running.job(cell) for cell in asked], running.csv, COLUMNS)
    if args.judge:
        running.judge(asked)
    if args.mauve:
        running.mauve(asked)


MEASUREMENT = Measurement(
    "text",
    "results.csv",
    (
        Measure("correct", "Correct sentences", share=True),
        Measure("perfect", "Perfect stories", share=True),
        Measure("judge_perplexity", "Judge's perplexity, with entropy", lower=True, count="judge_samples",
                beside="token_entropy"),
        Measure("distinct", "Distinct samples", share=True),
        Measure("token_entropy", "Entropy of a sample's tokens, nats"),
        Measure("mauve", "MAUVE by the judge's features", count="mauve_samples"),
    ),
    "MAUVE needs a package of its own (evaluate text --mauve), so a cell of yours has none, and wants thousands of "
    "texts where these are 256; it has no interval. The judge is "
    f"{JUDGE}, the paper's gpt2-large, so that neither can be compared with the paper's.",
    lambda sampler: {}, lambda row: row["model"], "stories", SAMPLERS, cache(bench), 8,
    Objective("correct", floors={"token_entropy": 0.98, "distinct": 0.95, "state_entropy": 0.9}),
)  # fmt: skip
"""The entropy of the state is that of plot, hero and key object over all stories."""
