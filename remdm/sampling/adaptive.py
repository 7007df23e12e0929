"""As many tokens a step as the network is sure of: threshold, factor, entropy bound. T is the most steps."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.knobs import Checked, knob
from remdm.sampling.noise import Noise
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
from remdm.sampling.transition import (
    StepRecord,
    TakesNothingBack,
    decode,
    even_share,
    most_confident,
    negative_entropy,
    proposed,
    unchanged,
)


class Acceptance(Protocol):
    """How many of the masked positions are decoded at once."""

    by_entropy: ClassVar[bool]
    """Whether a position's sureness is the negative entropy of its distribution, in nats, or the drawn token's p."""

    def accepted(self, sure: Tensor) -> int:
        """Out of the sureness of one sequence's masked positions, float64 `[n]`, highest first."""


@dataclass(frozen=True)
class Threshold(Checked):
    """Every token of at least this probability is decoded (Fast-dLLM, arXiv 2505.22618, section 3.3)."""

    threshold: float = knob(0.9, 0, 1, symbol="τ", help="Tokens at least this likely are decoded at once.")
    by_entropy: ClassVar[bool] = False

    def accepted(self, sure: Tensor) -> int:
        """All with p >= threshold."""
        return int((sure >= self.threshold).sum())


@dataclass(frozen=True)
class Factor(Checked):
    """The more tokens, the surer each has to be: (n + 1)(1 - p_n) <= f (Fast-dLLM, arXiv 2505.22618, section 3.3)."""

    factor: float = knob(1.0, 0, 20, step=0.1, symbol="f", help="More decodes more tokens at once.")
    by_entropy: ClassVar[bool] = False

    def accepted(self, sure: Tensor) -> int:
        """The largest n of which the n-th most confident has p >= 1 - f / (n + 1)."""
        number = torch.arange(1, len(sure) + 1, dtype=torch.float64)
        holds = sure >= 1.0 - self.factor / (number + 1.0)
        return int(number[holds].max()) if holds.any() else 0


@dataclass(frozen=True)
class EntropyBound(Checked):
    """Tokens whose entropies, without the largest, add up to at most a bound (EB-Sampler, arXiv 2505.24857, eq. 7)."""

    entropy_bound: float = knob(
        0.1, 0, 10, symbol="γ", help="In nats: what may be lost by decoding tokens at once; 0 decodes one at a time."
    )
    by_entropy: ClassVar[bool] = True

    def accepted(self, sure: Tensor) -> int:
        """The longest prefix, in order of entropy H, with sum H - max H <= bound."""
        entropy = -sure
        return int((entropy.cumsum(0) - entropy <= self.entropy_bound + 1e-12).sum())


@dataclass(frozen=True)
class Adaptive(TakesNothingBack):
    """All masked positions draw a token; those that are accepted keep it, and at least the most confident one.

    The run ends when nothing is masked. Where T steps would not be enough, at least an even share is decoded in each:
    with T = L, or more steps than there are masks, that is never more than one, and the rule is its source's.
    """

    acceptance: Acceptance
    ends: ClassVar[bool] = True

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Draw, accept, decode."""
        rows = state.masked
        over = ~rows.any(1)
        if over.all():
            return unchanged(state, step, over)
        by = [negative_entropy] if self.acceptance.by_entropy else []
        log_x, ids, log_p, *entropy = proposed(denoiser, state, rows, step, noise, *by)
        sure = torch.full(rows.shape, -torch.inf, dtype=torch.float64)
        sure[rows] = entropy[0].double() if entropy else log_p.double().exp()
        counts = []
        for values, open_ in zip(sure, rows, strict=True):
            masks = int(open_.sum())
            accepted = self.acceptance.accepted(values[open_].sort(descending=True).values)
            counts.append(max(accepted, even_share(step, masks)))
        decoded = most_confident(sure, counts)
        stay = decoded[rows]
        after = decode(state, decoded, ids[stay], log_p[stay])
        return StepRecord(step, state, after, torch.zeros_like(rows), decoded, 0.0, rows, log_x, over=over)
