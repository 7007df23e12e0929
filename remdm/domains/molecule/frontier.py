"""The novelty-property frontier (arXiv 2503.00307, Figure 4): how many novel molecules at which mean property.

One line a sampler, one spot a guidance scale. Computed a batch at a time, so that a page can show it as it grows.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from remdm.domains.molecule.domain import QM9, Asked, denoiser, measured
from remdm.domains.molecule.scores import figures
from remdm.evaluation.metrics.statistics import differ
from remdm.evaluation.sweeps.results import Row
from remdm.evaluation.sweeps.samples import Cell, Free, Samples, rounds
from remdm.models.checkpoints import Checkpoint
from remdm.sampling.presets import METHODS
from remdm.views.frontier import Spot
from remdm.views.interval import Interval

AT_ONCE = 32


def frontier(
    checkpoint: Checkpoint, asked: Asked, samplers: Mapping[str, Cell], scales: Sequence[float], count: int,
    halt: threading.Event,
) -> Iterator[list[Spot]]:  # fmt: skip
    """The spots so far, after every batch; every sampler and scale gets the same random numbers.

    Args:
        checkpoint: the model.
        asked: the property, and how to guide towards it.
        samplers: cells by the samplers' titles, each of them at every scale.
        scales: gammas.
        count: molecules of each.
        halt: ends it within one step.

    Raises:
        ValueError: without a sampler, a scale or a property.
    """
    if not samplers or not scales:
        raise ValueError("Choose at least one sampler and one guidance scale.")
    if asked.property == "none":
        raise ValueError("The frontier needs a property to guide towards.")
    guided = {scale: replace(asked, guidance_scale=float(scale)) for scale in scales}
    draws = {
        (name, scale): Free(denoiser(checkpoint, each), cell, QM9.length)
        for scale, each in guided.items()
        for name, cell in samplers.items()
    }
    made: dict[tuple[str, float], Samples] = {}
    found: dict[tuple[str, float], Spot] = {}
    for (name, scale), fresh in rounds(draws, count, AT_ONCE, halt):
        whole = made[name, scale] = fresh.after(made.get((name, scale)))
        found[name, scale] = spot(name, guided[scale], whole.tokens)
        yield list(found.values())


def spot(name: str, asked: Asked, tokens: np.ndarray) -> Spot:
    made = figures(measured(tokens.tolist()))
    return Spot(name, asked.guidance_scale, len(tokens), made["novel"], made[asked.property])


def spots(rows: Sequence[Row], property: str, guidance: str, steps: int) -> list[Spot]:
    """The spots that a results file has of a property, a kind of guidance and a T."""
    return [
        Spot(row["sampler"], float(row["guidance_scale"]), int(row["samples"]), Interval.of(row, "novel"),
             Interval.of(row, property) if row[property] else None)
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
    signs = {differ(one.novel, other.novel, lower=False)}
    if one.mean and other.mean:
        signs.add(differ(one.mean, other.mean, lower=False))
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
