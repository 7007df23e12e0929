"""Halton order (arXiv 2503.17076): tokens of a picture are decoded far from each other, whatever the network says."""

from dataclasses import dataclass
from functools import cache
from math import isqrt

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.noise import Noise
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
from remdm.sampling.transition import StepRecord, TakesNothingBack, decode, drawn, most_confident, unchanged


def radical_inverse(number: int, base: int) -> float:
    """The digits of a whole number in a base, mirrored behind the point: a term of van der Corput's sequence."""
    inverse, digit = 0.0, 1.0
    while number:
        digit /= base
        inverse += digit * (number % base)
        number //= base
    return inverse


@cache
def halton_rank(length: int) -> Tensor:
    """When each position has its turn, int64 `[L]`, 0 the first.

    In a square of positions the points of the 2D Halton sequence (bases 2 and 3), each cell at its first point; in any
    other row of them those of van der Corput's (base 2), which is its form in one dimension.
    """
    side = isqrt(length)
    rank: dict[int, int] = {}
    number = 0
    while len(rank) < length:
        number += 1
        if side * side == length:
            place = int(radical_inverse(number, 2) * side) * side + int(radical_inverse(number, 3) * side)
        else:
            place = int(radical_inverse(number, 2) * length)
        rank.setdefault(place, len(rank))
    return torch.tensor([rank[place] for place in range(length)])


@dataclass(frozen=True)
class Halton(TakesNothingBack):
    """Tokens are decoded in an order that spreads them evenly over the picture; nothing is taken back.

    After step i of T at least i tokens are there, and the schedule's share of them: its paper's is `arccos`.
    """

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Decode those whose turn it is."""
        masked = state.masked
        total, there = (~state.given).sum(1), state.decoded.sum(1)
        wanted = (total * step.alpha_s + 1e-9).long().clamp(min=step.index + 1)
        counts = torch.minimum(wanted - there, masked.sum(1)).clamp(min=0)
        turn = -halton_rank(masked.shape[1]).double().expand(masked.shape)
        rows = most_confident(turn.where(masked, -torch.inf), counts.tolist())
        if not rows.any():
            return unchanged(state, step)
        log_x = denoiser(state.tokens, rows, step.t)
        after = decode(state, rows, *drawn(log_x, noise.draw(log_x, rows)))
        return StepRecord(step, state, after, torch.zeros_like(rows), rows, 0.0, rows, log_x)
