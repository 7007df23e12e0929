"""The novelty-property frontier (arXiv 2503.00307, Figure 4): how many novel molecules at which mean property.

One line a sampler, one spot a guidance scale. Computed a batch at a time, so that a page can show it as it grows.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from remdm.domains.molecule.domain import QM9, Asked, denoiser
from remdm.domains.molecule.scores import figures, measured
from remdm.evaluation.metrics.statistics import differ, wilson
from remdm.evaluation.sweeps.samples import Stopped, draw, until
from remdm.models.checkpoints import Checkpoint
from remdm.runs.request import run_seed
from remdm.sampling.methods import Settings
from remdm.sampling.presets import METHODS
from remdm.views.frontier import Spot
from remdm.views.interval import Interval, ends

AT_ONCE = 32


@dataclass(frozen=True)
class Frontier:
    """Samplers by title, each at every scale; `halt` ends it within one step.

    Raises:
        ValueError: without a sampler, a scale or a property, or with a count below 1.
    """

    checkpoint: Checkpoint
    asked: Asked
    samplers: Mapping[str, Settings]
    scales: Sequence[float]
    count: int
    seed: int = 0
    halt: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        if not self.samplers or not self.scales:
            raise ValueError("Choose at least one sampler and one guidance scale.")
        if self.asked.property == "none":
            raise ValueError("The frontier needs a property to guide towards.")
        if self.count < 1:
            raise ValueError(f"molecules must be at least 1, got {self.count}")
        run_seed(self.seed, 0)

    @property
    def total(self) -> int:
        return len(self.samplers) * len(self.scales) * self.count

    def run(self) -> Iterator[list[Spot]]:
        """The spots so far, after every batch; every sampler and scale gets the same random numbers."""
        tokens: dict[tuple[str, float], list[np.ndarray]] = {
            (name, scale): [] for scale in self.scales for name in self.samplers
        }
        spots: dict[tuple[str, float], Spot] = {}
        for begin in range(0, self.count, AT_ONCE):
            seeds = tuple(run_seed(self.seed, k) for k in range(begin, min(self.count, begin + AT_ONCE)))
            starts = torch.full((len(seeds), QM9.length), self.checkpoint.mask_id)
            for (name, scale), made in tokens.items():
                asked = Asked(self.asked.property, self.asked.guidance, float(scale))
                guided = denoiser(self.checkpoint, asked)
                try:
                    made.append(draw(guided, self.samplers[name], starts, seeds, until(self.halt))[0])
                except Stopped:
                    return
                spots[name, scale] = spot(name, asked, np.concatenate(made), self.checkpoint)
                yield list(spots.values())


def spot(name: str, asked: Asked, tokens: np.ndarray, checkpoint: Checkpoint) -> Spot:
    made = figures(measured(tokens, checkpoint))
    mean: Interval | None = made[asked.property]
    about = (mean.value, mean.low, mean.high) if mean else (None, None, None)
    return Spot(name, asked.guidance_scale, len(tokens), made["novel"].value, *about)


def spots(rows: Sequence[Mapping[str, str]], property: str, guidance: str, steps: int) -> list[Spot]:
    """The spots that a results file has of a property, a kind of guidance and a T."""
    return [
        Spot(
            row["sampler"], float(row["guidance_scale"]), int(row["samples"]), float(row["novel"]),
            *(float(row[name]) if row[name] else None for name in ends(property)),
        )
        for row in rows if (row["property"], row["guidance"], int(row["steps"])) == (property, guidance, steps)
    ]  # fmt: skip


VERDICTS = {1: "ahead of", 0: "level with", -1: "behind", None: "traded against"}
"""One spot against another: what `against` finds, in words."""


def against(one: Spot, other: Spot) -> int | None:
    """Whether a spot lies further up and right than another, beyond chance.

    Returns:
        1 if its share of novel molecules or its mean is higher, the 95% intervals being apart, and neither is lower;
        -1 the other way round; 0 if both overlap; None if it gains in one and loses in the other.
    """
    novel, another = (wilson(round(each.novel * each.samples), each.samples) for each in (one, other))
    signs = {differ(novel, another, lower=False)}
    means = [Interval(each.mean, each.low, each.high) for each in (one, other)
             if each.mean is not None and each.low is not None and each.high is not None]  # fmt: skip
    if len(means) == 2:
        signs.add(differ(means[0], means[1], lower=False))
    signs.discard(0)
    return None if len(signs) == 2 else signs.pop() if signs else 0


def verdict(found: Sequence[Spot]) -> str:
    """Where ReMDM pushes the frontier beyond MDLM and where it does not, in a sentence a sampler."""
    lines, found = [], sorted(found, key=lambda spot: spot.scale)
    plain = {spot.scale: spot for spot in found if spot.sampler == "mdlm"}
    for name in dict.fromkeys(spot.sampler for spot in found if spot.sampler.startswith("remdm")):
        scales: dict[str, list[str]] = {}
        for spot in found:
            if spot.sampler == name and spot.scale in plain:
                scales.setdefault(VERDICTS[against(spot, plain[spot.scale])], []).append(f"{spot.scale:g}")
        if scales:
            parts = [f"{words} MDLM at γ = {', '.join(each)}" for words, each in scales.items()]
            lines.append(f"With our model {METHODS[name].title} is {'; '.join(parts)}.")
    about = "Ahead: more novel molecules or a higher mean, the 95% intervals apart, and neither is lower."
    return " ".join([*lines, about]) if lines else ""
