"""Exact numbers of tokens, the most confident first: MaskGIT (arXiv 2202.04200), LLaDA (arXiv 2502.09992)."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.knobs import Checked, knob
from remdm.sampling.noise import Noise
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
from remdm.sampling.transfer import sent
from remdm.sampling.transition import (
    StepRecord,
    Usual,
    decode,
    drawn,
    margin,
    most_confident,
    negative_entropy,
    remask,
    remasked_share,
)


class Counts(Protocol):
    """How many positions decode in a step, for one sequence."""

    def decode(self, step: Step, masked: int, free: int) -> int:
        """Out of `masked` masks among `free` positions that are not given."""


@dataclass(frozen=True)
class MaskgitCounts:
    """floor(free (1 - alpha_s)) masks are left, at least one token decodes, and one waits for the last step."""

    def decode(self, step: Step, masked: int, free: int) -> int:
        """MaskGIT's `max(1, min(masked - 1, floor(...)))` masks; none at alpha_s = 1 (method of arXiv 2202.04200)."""
        if step.alpha_s >= 1.0:
            return masked
        return masked - max(1, min(masked - 1, int(free * (1.0 - step.alpha_s) + 1e-9))) if masked > 1 else 0


@dataclass(frozen=True)
class EvenCounts:
    """The masks of a phase are spread evenly over its steps, the remainder first: LLaDA's transfer counts."""

    def decode(self, step: Step, masked: int, free: int) -> int:
        """ceil(masks that this phase decodes / its steps left)."""
        goal = round(free * (1.0 - step.alpha_goal))
        return -(-max(0, masked - goal) // step.left)


CONFIDENT, ENDS_LAST, RANDOM = "confident", "ends-last", "random"
MARGIN, ENTROPY = "margin", "entropy"


@dataclass(frozen=True)
class TopConfidence(Checked, Usual):
    """Exact counts: all masked positions draw a token, the most confident of them keep it.

    Confidence is x_theta's probability of the drawn token: as the network gives it, whatever the temperature (LLaDA),
    or `tempered`, as it was drawn (MaskGIT). With `swaps`, as many of the least sure decoded tokens (by psi) are
    remasked first and as many more decoded: ReMDM on LLaDA while the plan holds (arXiv 2503.00307, Appendix D.4), or at
    every step (its DFM baseline).
    """

    counts: Counts
    choice_temperature: float = knob(
        0.0, 0, 20, step=0.1, symbol="c", help="Noise on the confidence that decides the order, fading to 0."
    )
    swaps: int = knob(0, 0, 64, step=1, symbol="k", help="How many of the least sure tokens are remasked in a step.")
    order: str = knob(
        CONFIDENT, choices=(CONFIDENT, ENDS_LAST, RANDOM, MARGIN, ENTROPY), label="First",
        help="What is decoded first: the likeliest tokens, the same with end marks last, any, those with the largest "
        "margin over the second likeliest, or those of the lowest entropy.",
    )  # fmt: skip
    held_only: bool = True
    tempered: bool = False

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Remask the least confident, draw, keep the most confident."""
        remasked, count = self._swap(state, step)
        after = remask(state, remasked)
        rows = after.masked
        log_x = denoiser(after.tokens, rows, step.t) if rows.any() else None
        decoded = torch.zeros_like(rows)
        if log_x is not None:
            ids = noise.draw(log_x, rows)
            likely = log_x if self.tempered else denoiser.unguided(after.tokens, rows, step.t)
            ids, log_p, *more = drawn(likely, ids, *self._signals(denoiser, likely))
            sure = torch.full(rows.shape, -torch.inf, dtype=torch.float64)
            sure[rows] = self._rank(denoiser, ids, log_p, more, rows, noise)
            if self.choice_temperature:
                sure += self.choice_temperature * step.s * noise.gumbel(rows.shape[1])
            masks, free = state.masked.sum(1).tolist(), (~state.given).sum(1).tolist()
            counts = [extra + self.counts.decode(step, *each) for extra, *each in zip(count, masks, free, strict=True)]
            decoded = most_confident(sure, counts)
            kept = decoded[rows]
            after = decode(after, decoded, ids[kept], log_p[kept])
        return StepRecord(step, state, after, remasked, decoded, remasked_share(state, remasked), rows, log_x)

    def remasks(self, step: Step, decoded: float, length: int) -> float:
        """As many as are swapped."""
        return float(min(self.swaps, decoded)) if step.held or not self.held_only else 0.0

    def _signals(self, denoiser: Denoiser, likely: Tensor) -> list[Tensor]:
        """What decides besides the drawn token's probability, `[n]`: the log of the mass besides end marks, or so."""
        if self.order in (MARGIN, ENTROPY):
            return [margin(likely) if self.order == MARGIN else negative_entropy(likely)]
        if self.order != ENDS_LAST or not denoiser.end_ids:
            return []
        return [likely.index_fill(1, sent(torch.tensor(denoiser.end_ids), likely.device), -torch.inf).logsumexp(dim=-1)]

    def _rank(
        self, denoiser: Denoiser, ids: Tensor, log_p: Tensor, more: list[Tensor], rows: Tensor, noise: Noise
    ) -> Tensor:
        """What decides who decodes first, higher first: finite, float64 `[n]`."""
        if self.order == RANDOM:
            return noise.uniform(rows.shape[1])[rows]
        if self.order in (MARGIN, ENTROPY):
            return more[0].double()
        if more:  # the others are compared as if there were no end marks
            log_p = torch.where(torch.isin(ids, torch.tensor(denoiser.end_ids)), -torch.inf, log_p - more[0])
        return log_p.double().clamp(min=-1e30)

    def _swap(self, state: State, step: Step) -> tuple[Tensor, list[int]]:
        """Which tokens are remasked, and how many in each sequence."""
        remasked = torch.zeros_like(state.given)
        if self.swaps and (step.held or not self.held_only):
            for row, decoded in enumerate(state.decoded):
                least = (
                    state.psi[row].where(decoded, torch.inf).topk(min(self.swaps, int(decoded.sum())), largest=False)
                )
                remasked[row, least.indices] = True
        return remasked, remasked.sum(1).tolist()
