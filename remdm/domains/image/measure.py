"""`python -m remdm evaluate image`: class accuracy and Frechet distance of each sampler at each number of steps.

Both are by a small classifier that was trained on the same emoji. Samples are kept in OUT/samples, figures appended to
OUT/images.csv; the same command goes on where it stopped, and more `--samples` begin with those that are there.
"""

import argparse
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import remdm
from remdm.domains.image import emoji
from remdm.domains.image.domain import DOMAIN, Asked, classifier, conditioned, drawn
from remdm.evaluation.measurement import Measure, Measurement, Objective
from remdm.evaluation.metrics.frechet import classifier_score, frechet, moments
from remdm.evaluation.metrics.statistics import ENOUGH, pooled, wilson
from remdm.evaluation.sweeps import results, sweep
from remdm.evaluation.sweeps.compiled import add_argument as add_compile
from remdm.evaluation.sweeps.compiled import compiled, number_type
from remdm.evaluation.sweeps.samples import Cell, Free, Samples, load, variants
from remdm.evaluation.sweeps.sweep import Bench, Job, Part
from remdm.evaluation.sweeps.table import markdown
from remdm.models.checkpoints import ROOT, Checkpoint, total_parameters, weights_hash
from remdm.models.network import compute
from remdm.sampling.methods import METHODS, build

SAMPLERS = ("maskgit", "mdlm", "fb", "dfm", "remdm-rescale", "remdm-cap", "remdm-conf", "remdm-loop")
# as the paper's ImageNet: tau 0.8 (1.0 for MaskGIT), no nucleus, eta 0.05
PAPER = {
    name: {"temperature": 1.0 if name == "maskgit" else 0.8, "nucleus_p": 1.0}
    | ({"eta": 0.05} if name in ("remdm-rescale", "remdm-cap") else {})
    for name in METHODS
}
GROUPS = tuple(itertools.product(emoji.NAMES, emoji.STYLES))
"""What is asked for: every category in every style, equally often."""
COLUMNS = (
    *results.KEY, "settings", "dtype", "parameters", "samples", "guidance_scale", "accuracy", "accuracy_low",
    "accuracy_high", "frechet", "score", "forwards", "seconds", "version", "machine",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    sweep.add_arguments(parser, SAMPLERS, (16, 32, 64), 32)
    parser.add_argument("--samples", type=int, default=256, help="of each seed (default 256), a multiple of 16")
    help_seeds = "default: 0; from three on the table has intervals over them"
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="N", help=help_seeds)
    add_compile(parser)
    parser.add_argument("--guidance-scale", type=float, default=1.0, help="1 (default) is none, as in the paper")
    help_near = "how near samples are to training pictures (needs what training left in checkpoints/emoji/training)"
    parser.add_argument("--nearest", action="store_true", help=help_near)


def cell_of(sampler: str, steps: int, seed: int, changes: Mapping[str, Any]) -> Cell:
    """A sampler as the paper has it on ImageNet, changed where asked."""
    return Cell(sampler, steps, seed, tuple(sorted((PAPER[sampler] | dict(changes)).items())))


def draws(checkpoint: Checkpoint, cell: Cell, guidance_scale: float) -> list[Free]:
    """How each group of pictures is drawn, in the order of GROUPS."""
    dtype = number_type(checkpoint)
    asked = (Asked(category, style, guidance_scale) for category, style in GROUPS)
    return [Free(conditioned(checkpoint, each), cell, checkpoint.length, dtype) for each in asked]


def score(groups: Sequence[Samples]) -> dict[str, object]:
    """Figures of a cell's groups, equally many samples each."""
    tokens = np.concatenate([group.tokens for group in groups])
    asked = np.repeat([emoji.NAMES.index(category) for category, _ in GROUPS], len(groups[0]))
    return measured(tokens, asked)


def bench(device: str = "auto") -> Bench:
    """The picture model, ready for single cells."""
    checkpoint = DOMAIN.models[0].load(compute(device))
    return Bench(cell_of, lambda cell: draws(checkpoint, cell, 1.0), score)


@dataclass(frozen=True)
class Sweep:
    """A run of the command."""

    args: argparse.Namespace
    checkpoint: Checkpoint
    hash: str

    def cells(self) -> Iterator[Cell]:
        """The cells asked for, few steps first; a seed in full before the next."""
        for seed in dict.fromkeys(self.args.seeds):
            for steps in dict.fromkeys(self.args.steps):
                for sampler in dict.fromkeys(self.args.samplers):
                    for changed in variants(self.args.changes, sampler):
                        yield cell_of(sampler, steps, seed, dict(changed))

    def changes(self, cell: Cell) -> str:
        """What was changed in a cell, guidance included."""
        scale = self.args.guidance_scale
        return cell.changes + (f",guidance_scale={scale:g}" if scale != 1 else "")

    def job(self, cell: Cell) -> Job:
        """What makes the row of a cell: a file for each group."""
        folder = self.args.out / "samples" / f"{self.checkpoint.name}-{self.hash}"
        each, steps, scale = self.args.samples // len(GROUPS), len(build(cell.settings)[1]), self.args.guidance_scale
        parts = tuple(
            Part(folder / f"{category}-{style}-{scale:g}" / cell.file, each, draw, steps)
            for (category, style), draw in zip(GROUPS, draws(self.checkpoint, cell, scale), strict=True)
        )
        return Job(
            f"{cell.sampler} T={cell.steps} seed {cell.seed}", parts,
            lambda groups: self.row(cell, [group.first(each) for group in groups]),
        )  # fmt: skip

    def row(self, cell: Cell, groups: list[Samples]) -> dict[str, str]:
        """The row of a cell."""
        return results.flat({
            "domain": "image", "model": self.checkpoint.name, "model_hash": self.hash, "sampler": cell.sampler,
            "overrides": self.changes(cell), "steps": cell.steps, "seed": cell.seed, "samples": sum(map(len, groups)),
            "settings": json.dumps(cell.settings.flat(), sort_keys=True), "dtype": groups[0].dtype,
            "parameters": total_parameters(self.checkpoint.denoiser.network),
            "guidance_scale": self.args.guidance_scale, "version": getattr(remdm, "__version__", ""),
            "machine": groups[0].machine,
            "forwards": float(np.mean([group.forwards.mean() for group in groups])),
            "seconds": float(np.mean([group.seconds.mean() for group in groups])),
            **score(groups),
        })  # fmt: skip


@torch.inference_mode()
def measured(tokens: np.ndarray, asked: np.ndarray) -> dict[str, object]:
    """Accuracy with its interval, Frechet distance and score of pictures `[n, 256]` of asked categories `[n]`."""
    judge = classifier()
    features, logits = [], []
    for part in np.array_split(tokens, max(1, len(tokens) // 64)):
        pixels, _ = drawn([[str(code) for code in row] for row in part.tolist()])
        seen = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        features.append(judge.features(seen))
        logits.append(judge(seen))
    right = int((torch.cat(logits).argmax(dim=1).numpy() == asked).sum())
    known = (judge.mean.double(), judge.covariance.double())
    return {
        "accuracy": wilson(right, len(asked)),
        "frechet": frechet(known, moments(torch.cat(features))),
        "score": classifier_score(torch.cat(logits).softmax(dim=1)),
    }


def nearest(tokens: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Share of cells that pictures `[n, 256]` have in common with the likest of `[m, 256]`: `[n]`."""
    return np.array([(known == one).mean(axis=1).max() for one in tokens])


def nearness(samples: np.ndarray, work: Path) -> str:
    """How near samples are to training pictures, beside how near held-out pictures are to them.

    Raises:
        ValueError: if training did not leave its pictures and codes in the folder.
    """
    if not (work / "codes.npz").is_file() or not (work / "data" / "emoji.npz").is_file():
        raise ValueError(f"{work} holds no codes of training pictures; run: python -m remdm train image")
    pictures = emoji.prepare(work / "data")
    with np.load(work / "codes.npz", allow_pickle=False) as data:
        codes = data["codes"]
    known = codes[:, ~pictures.heldout].reshape(-1, codes.shape[-1])
    shares = {"samples": nearest(samples, known), "held-out pictures": nearest(codes[0, pictures.heldout], known)}
    lines = [
        f"{name}: {np.median(share):.0%} of cells in common with the likest training picture (median; "
        f"{np.mean(share > 0.95):.0%} have more than 95%), n = {len(share)}"
        for name, share in shares.items()
    ]
    return "\n".join(lines)


def render(rows: list[dict[str, str]], command: str) -> str:
    """A table as the paper's Table 2: a sampler a line, distance and score at each number of steps, seeds together."""
    steps = sorted({int(row["steps"]) for row in rows})
    lines: dict[str, dict[int, list[dict[str, str]]]] = {}
    for row in rows:
        changed = [each for each in row["overrides"].split(",") if each != "nucleus_p=1.0"]
        lines.setdefault(f"{row['sampler']} ({', '.join(changed)})", {}).setdefault(int(row["steps"]), []).append(row)
    figures = (("FD", "frechet", "{:.1f}"), ("score", "score", "{:.2f}"), ("accuracy", "accuracy", "{:.1%}"))
    body = [
        [name, *(_entry(line.get(t, ()), column, show) for _, column, show in figures for t in steps)]
        for name, line in lines.items()
    ]
    head = ["sampler", *(f"{title} T={count}" for title, _, _ in figures for count in steps)]
    sizes = sorted({f"{len(cell)} x {cell[0]['samples']}" for line in lines.values() for cell in line.values()})
    scales = sorted({row["guidance_scale"] for row in rows})
    about = (
        f"No nucleus. n = {', '.join(sizes)} pictures a cell (seeds x pictures), guidance scale {', '.join(scales)}. "
        "FD: Frechet distance to training pictures, lower is better. Score: 1 to 8, higher is better. Accuracy: share "
        "put in the asked category. All by our own small classifier of the same emoji: not anyone's FID or IS. "
        "In brackets 95% intervals, where there are at least three seeds."
    )
    return "\n".join([markdown(head, body), "", about, "", f"Printed by `{command}`."])


def _entry(rows: Sequence[Mapping[str, str]], column: str, show: str) -> str:
    """A figure of one cell, over its seeds."""
    if not rows:
        return ""
    found = pooled(rows, column)
    bounds = f" ({show.format(found.low)}-{show.format(found.high)})" if len(rows) >= ENOUGH else ""
    return show.format(found.value) + bounds


def run(args: argparse.Namespace) -> None:
    """Sample what is missing, score it and print the table; or only print it (`--table`).

    Raises:
        ValueError: for what the flags got wrong, before anything is drawn.
        CheckpointError: if the model cannot be loaded.
    """
    file = args.out / "images.csv"
    if not args.table:
        _run(args, file)
    rows = sweep.rows(args, file, "image")
    print(render(rows, f"python -m remdm evaluate image --table --out {args.out}"))


def _run(args: argparse.Namespace, file: Path) -> None:
    if args.samples < len(GROUPS) or args.samples % len(GROUPS):
        raise ValueError(f"samples must be a multiple of {len(GROUPS)}, got {args.samples}")
    sweep.counted(args)
    Asked(guidance_scale=args.guidance_scale)
    model = DOMAIN.models[0]
    running = Sweep(args, compiled(args, model.load(compute(args.device))), weights_hash(ROOT / model.name))
    jobs = [running.job(cell) for cell in running.cells()]
    sweep.perform(args, jobs, file, COLUMNS)
    if args.nearest:
        last = [load(part.path) for part in jobs[-1].parts]
        print(f"{jobs[-1].title}:")
        print(nearness(np.concatenate([group.tokens for group in last if group]), ROOT / model.name / "training"))


MEASUREMENT = Measurement(
    "image",
    "images.csv",
    (
        Measure("frechet", "Fréchet distance, lower is better", lower=True),
        Measure("accuracy", "In the asked category", share=True),
        Measure("score", "Classifier score, 1 to 8"),
    ),
    "Fréchet distance and score are by our own small classifier, nobody's FID or IS; they grow with fewer pictures "
    "and have an interval only over three seeds or more.",
    lambda sampler: PAPER[sampler], lambda row: f"guidance {float(row['guidance_scale']):g}", "guidance 1",
    SAMPLERS, cache(bench), 1, Objective("frechet", lower=True, floors={"score": 0.9}),
)  # fmt: skip
"""The Fréchet distance counts variety too."""
