"""`python -m remdm evaluate image`: class accuracy and Frechet distance of each sampler at each number of steps.

Both are by a small classifier that was trained on the same emoji.
"""

import argparse
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from remdm.domains.image import emoji
from remdm.domains.image.album import Album
from remdm.domains.image.domain import DOMAIN, Asked, classifier, conditioned, drawn
from remdm.domains.image.rendering import tokenizer
from remdm.evaluation.measurement import Bench, Job, Measure, Measurement, Objective, Write
from remdm.evaluation.metrics.frechet import classifier_score, frechet, moments
from remdm.evaluation.metrics.statistics import pooled, wilson
from remdm.evaluation.sweeps.compiled import compiled, number_type
from remdm.evaluation.sweeps.results import KEY, Row, grouped, with_ends
from remdm.evaluation.sweeps.samples import Cell, Free, Samples, load
from remdm.evaluation.sweeps.table import markdown
from remdm.models.checkpoints import ROOT, weights_hash
from remdm.models.network import compute
from remdm.models.vq import as_input

GROUPS = tuple(itertools.product(emoji.NAMES, emoji.STYLES))
"""What is asked for: every category in every style, equally often."""
COLUMNS = (
    *KEY, "settings", "dtype", "parameters", "samples", "guidance_scale", *with_ends("accuracy"), "frechet", "score",
    "forwards", "seconds", "version", "machine",
)  # fmt: skip


def score(cell: Cell | None, groups: Sequence[Samples]) -> dict[str, object]:
    tokens = np.concatenate([group.tokens for group in groups])
    asked = np.repeat([emoji.NAMES.index(category) for category, _ in GROUPS], len(groups[0]))
    return measured(tokens, asked)


@torch.inference_mode()
def measured(tokens: np.ndarray, asked: np.ndarray) -> dict[str, object]:
    """Accuracy with its interval, Frechet distance and score of pictures `[n, 256]` of asked categories `[n]`."""
    judge = classifier()
    features, logits = [], []
    for part in np.array_split(tokens, max(1, len(tokens) // 64)):
        pixels, _ = drawn(part)
        seen = as_input(torch.from_numpy(pixels))
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


def nearness(samples: np.ndarray, data: Path) -> str:
    """How near samples are to two variations of each training picture, and how near held-out pictures are to them.

    Raises:
        ValueError: if training did not leave its pictures in the folder.
    """
    if not (data / "emoji.npz").is_file():
        raise ValueError(f"{data} holds no training pictures; run: python -m remdm train image")
    pictures = emoji.prepare(data)
    codes = Album(pictures, torch.device("cpu")).codes(tokenizer(), 2).numpy()
    known = codes[:, ~pictures.heldout].reshape(-1, codes.shape[-1])
    shares = {"samples": nearest(samples, known), "held-out pictures": nearest(codes[0, pictures.heldout], known)}
    lines = [
        f"{name}: {np.median(share):.0%} of cells in common with the likest training picture (median; "
        f"{np.mean(share > 0.95):.0%} have more than 95%), n = {len(share)}"
        for name, share in shares.items()
    ]
    return "\n".join(lines)


FIGURES = (("FD", "frechet", ""), ("score", "score", ""), ("accuracy", "accuracy", ".1%"))
ABOUT = (
    "No nucleus. n = {} pictures a cell (seeds x pictures), guidance scale {}. FD: Frechet distance to training "
    "pictures, lower is better. Score: 1 to 26, higher is better. Accuracy: share put in the asked category. All by "
    "our own small classifier of the same emoji: not anyone's FID or IS. In brackets 95% intervals, over seeds where "
    "there are at least three."
)


def _name(row: Row) -> str:
    changed = [each for each in row["overrides"].split(",") if each != "nucleus_p=1.0"]
    return f"{row['sampler']} ({', '.join(changed)})"


class Pictures(Measurement):
    """The Fréchet distance counts variety too."""

    domain, file, columns, own = "image", "images.csv", COLUMNS, "guidance 1"
    measures = (
        Measure("frechet", "Fréchet distance, lower is better", lower=True),
        Measure("accuracy", "In the asked category", share=True),
        Measure("score", "Classifier score, 1 to 26"),
    )
    missing = (
        "Fréchet distance and score are by our own small classifier, nobody's FID or IS; they grow with fewer pictures "
        "and have an interval only over three seeds or more."
    )
    objective = Objective("frechet", lower=True, floors={"score": 0.9})
    samplers = ("maskgit", "mdlm", "fb", "dfm", "remdm-rescale", "remdm-cap", "remdm-conf", "remdm-loop")
    steps, samples, at_once, batch = (16, 32, 64), 234, 32, 1

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--guidance-scale", type=float, default=1.0, help="1 (default) is none, as in the paper")
        help_near = "how near samples are to training pictures (needs those that training left in its folder)"
        parser.add_argument("--nearest", action="store_true", help=help_near)

    def open(self, args: argparse.Namespace) -> Sequence[Bench]:
        if args.samples < len(GROUPS) or args.samples % len(GROUPS):
            raise ValueError(f"samples must be a multiple of {len(GROUPS)}, got {args.samples}")
        scale, model = args.guidance_scale, DOMAIN.models[0]
        asked = [Asked(category, style, scale) for category, style in GROUPS]
        checkpoint = compiled(args, model.load(compute(args.device)))

        def draws(cell: Cell) -> list[Free]:
            dtype = number_type(checkpoint)
            return [Free(conditioned(checkpoint, each), cell, checkpoint.length, dtype) for each in asked]

        places = [f"/{category}-{style}-{scale:g}/" for category, style in GROUPS]
        named, about = (f"guidance_scale={scale:g}" if scale != 1 else ""), {"guidance_scale": scale}
        return [Bench(model.name, weights_hash(ROOT / model.name), checkpoint, draws, score, places, named, about)]

    def base(self, sampler: str) -> Mapping[str, Any]:
        """As the paper has it on ImageNet: tau 0.8 (1.0 for MaskGIT), no nucleus, eta 0.05."""
        eta = {"eta": 0.05} if sampler in ("remdm-rescale", "remdm-cap") else {}
        return {"temperature": 1.0 if sampler == "maskgit" else 0.8, "nucleus_p": 1.0, **eta}

    def opening(self, model: str) -> tuple[Sequence[str], Objective]:
        """Guided as the page guides by default."""
        return ("--guidance-scale", f"{Asked().guidance_scale:g}"), self.objective

    def condition(self, row: Row) -> str:
        return f"guidance {float(row['guidance_scale']):g}"

    def finish(self, args: argparse.Namespace, jobs: Sequence[Job], write: Write) -> None:
        """Say how near the last cell's samples are to training pictures."""
        if args.nearest:
            last = [load(part.path) for part in jobs[-1].parts]
            data = ROOT / jobs[-1].bench.name / "training" / "data"
            print(f"{jobs[-1].title}:")
            print(nearness(np.concatenate([group.tokens for group in last if group]), data))

    def render(self, rows: Sequence[Row]) -> str:
        cells = grouped(rows, lambda row: (_name(row), int(row["steps"])))
        steps = sorted({t for _, t in cells})
        body = [
            [name, *(f"{pooled(cells[name, t], column):{spec}}" if (name, t) in cells else ""
                     for _, column, spec in FIGURES for t in steps)]
            for name in dict.fromkeys(name for name, _ in cells)
        ]  # fmt: skip
        head = ["sampler", *(f"{title} T={count}" for title, _, _ in FIGURES for count in steps)]
        sizes = sorted({f"{len(cell)} x {cell[0]['samples']}" for cell in cells.values()})
        scales = sorted({row["guidance_scale"] for row in rows})
        return f"{markdown(head, body)}\n\n{ABOUT.format(', '.join(sizes), ', '.join(scales))}"


MEASUREMENT = Pictures()
