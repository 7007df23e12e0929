"""Tokens hidden from the network to be judged: what probability it gives the present one, not seeing it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
from remdm.sampling.transfer import sent

ALONE, THIRDS = "alone", "thirds"
WAYS = (THIRDS, ALONE)
"""How decoded tokens are hidden: a random third of them at a time, or each alone."""


def judgings(way: str, length: int) -> int:
    """How many evaluations it takes to judge so many tokens."""
    return length if way == ALONE else min(3, length)


def parts(decoded: Tensor, way: str, order: Tensor) -> list[Tensor]:
    """What is hidden together, one part after another: bool `[B, L]` each, every decoded token in one of them.

    Args:
        decoded: bool `[B, L]`.
        way: one of WAYS.
        order: random numbers, `[B, L]`: tokens are dealt out by their rank.
    """
    count = decoded.sum(1, keepdim=True)
    rank = order.where(decoded, torch.inf).argsort(dim=1).argsort(dim=1)
    share = rank if way == ALONE else rank * 3 // count.clamp(min=3)
    return [decoded & (share == part) for part in range(judgings(way, int(count.max())))]


def unseen(denoiser: Denoiser, state: State, hidden: Sequence[Tensor], step: Step) -> list[Tensor]:
    """log p of the present token where it is hidden, `[n]` for each part, before truncation; an evaluation a part."""
    found = []
    for rows in hidden:
        log_x = denoiser.unguided(state.tokens.masked_fill(rows, state.mask_id), rows, step.t)
        found.append(log_x.gather(1, sent(state.tokens[rows], log_x.device)[:, None]).squeeze(1))
    return found


def placed(hidden: Sequence[Tensor], values: Sequence[Tensor], shape: torch.Size, elsewhere: float) -> Tensor:
    """What was found of each part, `[n]`, at its positions, float64 `[B, L]`."""
    found = torch.full(shape, elsewhere, dtype=torch.float64)
    for rows, each in zip(hidden, values, strict=True):
        found[rows] = each.double()
    return found
