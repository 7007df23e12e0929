"""Saber (arXiv 2510.18165): the threshold is the mean confidence so far, and a few tokens that lost theirs go back."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.knobs import Checked, knob
from remdm.sampling.noise import Noise
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
from remdm.sampling.transfer import picked
from remdm.sampling.transition import (
    StepRecord,
    Unpredicted,
    decode,
    even_share,
    most_confident,
    proposed,
    recalled,
    remask,
    remasked_share,
    unchanged,
)


def peak(log_x: Tensor) -> Tensor:
    """The log-probability of each row's likeliest token, `[n]`."""
    return log_x.max(dim=-1).values


@dataclass(frozen=True)
class _Past:
    """The confidences accepted so far, their sum and number, `[B]`, and each position's largest p in the last step."""

    block: tuple[int, int] | None
    total: Tensor
    count: Tensor
    peak: Tensor


@dataclass(frozen=True)
class Saber(Checked, Unpredicted):
    """Tokens likelier than the mean of those accepted so far are decoded, n at least; then a few go back.

    Of a accepted ones min(max(n / 2, a / 8), a - 1) go back: those decoded tokens at whose positions the network's
    largest probability fell most since the step before. The network sees the tokens it is asked about. The run ends
    when nothing is masked.
    """

    at_least: int = knob(2, 1, 64, step=1, symbol="n", help="So many tokens are decoded in a step at least.")
    ends: ClassVar[bool] = True

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Ask for all positions, accept, take back."""
        masked = state.masked
        over = ~masked.any(1)
        if over.all():
            return unchanged(state, step, over)
        rows = ~state.given & ~over[:, None]
        log_x, ids, log_p, highest = proposed(denoiser, state, rows, step, noise, peak)
        now, sure = (torch.full(rows.shape, -torch.inf, dtype=torch.float64) for _ in range(2))
        now[rows], sure[rows] = highest.double().exp(), log_p.double().exp()
        sure = sure.where(masked, -torch.inf)
        past = recalled(state, step, _Past)
        fell = (past.peak - now if past else torch.zeros_like(now)).where(state.decoded & rows, 0.0)
        accepted, taken = [], []
        for row, masks in enumerate(masked.sum(1).tolist()):
            threshold = float(past.total[row] / past.count[row]) if past and past.count[row] else 1.0
            a = min(masks, max(self.at_least, int((sure[row] > threshold).sum()), even_share(step, masks)))
            m = min(max(self.at_least // 2, -(-a // 8)), a - 1) if step.left > 1 else 0
            accepted.append(a)
            taken.append(max(0, m))
        decoded = most_confident(sure, accepted)
        remasked = most_confident(fell.where(fell > 0, -torch.inf), taken)
        stay = decoded[rows]
        after = decode(remask(state, remasked), decoded, ids[stay], log_p[stay])
        total, count = sure.where(decoded, 0.0).sum(1), decoded.sum(1)
        if past:
            total, count = total + past.total, count + past.count
        after = replace(after, memory=_Past(step.block, total, count, now))
        sigma, asked = remasked_share(state, remasked), picked(log_x, masked[rows])
        return StepRecord(step, state, after, remasked, decoded, sigma, masked, asked, over=over)
