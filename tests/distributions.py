"""Distributions written by hand, and states over them, for tests of samplers."""

import torch

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.schedule import Linear
from remdm.sampling.state import start
from remdm.sampling.time_grid import Uniform, steps
from remdm.sampling.transition import decode

MASK = 9


class Rows(Denoiser):
    """A distribution for each position, whatever stands elsewhere; remembers where it was asked, and what it saw."""

    mask_id, timed = MASK, False

    def __init__(self, *rows: tuple[float, ...]) -> None:
        self.log = torch.tensor([(*row, *[0.0] * (MASK + 1 - len(row))) for row in rows], dtype=torch.float64).log()
        self.asked: list[list[int]] = []
        self.seen: list[list[int]] = []

    def __call__(self, tokens, rows, t):
        self.asked.append(rows[0].nonzero()[:, 0].tolist())
        self.seen.append(tokens[0].tolist())
        return self.log.expand(*rows.shape, -1)[rows]


def peaks(*peak: float) -> Rows:
    """Token 0 with these probabilities, the rest shared by the eight others."""
    return Rows(*((p, *[(1 - p) / 8] * 8) for p in peak))


def state_of(tokens, psi=None):
    """Given tokens are none; decoded ones have the psi that is named."""
    state = start(torch.full((1, len(tokens)), MASK), MASK)
    rows = torch.tensor([[token != MASK for token in tokens]])
    ids = torch.tensor([token for token in tokens if token != MASK], dtype=torch.int64)
    return decode(state, rows, ids, torch.tensor(psi or [0.5] * len(ids), dtype=torch.float64).log())


def even(n):
    return steps(Uniform(), n, Linear())


def places(rows):
    return rows[0].nonzero()[:, 0].tolist()
