"""A sampler of our own: star-shaped remasking on an annealed grid, the most confident draws kept.

Star-shaped sampling (arXiv 2510.08369) masks at each step a share 1 - alpha_s of all positions, whatever they were.
From the posterior of ReMDM (arXiv 2503.00307, eq. 6) this follows with sigma = 1 - alpha_s. Here it goes on for the
whole run, on times that are short steps near both ends; and of the masked positions the most confident draws
decode, with noise on their order that fades, as in MaskGIT (arXiv 2202.04200). docs/log.md has what was tried besides.
"""

from dataclasses import dataclass
from math import exp, log

import torch

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.knobs import Checked, knob
from remdm.sampling.noise import Noise
from remdm.sampling.posterior import mask_probability
from remdm.sampling.schedule import Schedule
from remdm.sampling.state import State
from remdm.sampling.time_grid import Node, Step
from remdm.sampling.transition import StepRecord, Usual, decode, most_confident, proposed, remask


@dataclass(frozen=True)
class EvenOdds:
    """Even steps of the log-odds of t: short ones near both ends, where few tokens are known or few are missing."""

    FIRST, LAST = 0.95, 0.05

    def nodes(self, n: int, schedule: Schedule) -> tuple[Node, ...]:
        """1, then n - 1 times from FIRST to LAST, then 0."""
        first, last = (log(t / (1 - t)) for t in (self.FIRST, self.LAST))
        odds = (first + (last - first) * i / max(1, n - 2) for i in range(n - 1))
        return (Node(1.0), *(Node(1 / (1 + exp(-each))) for each in odds), Node(0.0))


@dataclass(frozen=True)
class Annealed(Checked, Usual):
    """All tokens are as likely to go at each step, and of the masks the most confident draws decode.

    As many decode in each sequence as would if each position decided alone, so that the expected number of masks is the
    schedule's. Which ones differs from that, and with it the marginals.
    """

    choice_temperature: float = knob(
        4.0, 0, 20, step=0.1, symbol="c", help="Noise on the confidence that decides the order, fading to 0."
    )

    def remasks(self, step: Step, decoded: float, length: int) -> float:
        """A binomial number."""
        return (1.0 - step.alpha_s) * decoded

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Draw who is remasked and how many decode, then a token for each mask, and keep the most confident."""
        masked, sigma = state.masked, 1.0 - step.alpha_s
        p_mask = denoiser.tilted(mask_probability(masked, step, sigma), state, step.t)
        becomes_masked, order = noise.uniform(masked.shape[1]) < p_mask, noise.gumbel(masked.shape[1])
        remasked, decoded = state.decoded & becomes_masked, torch.zeros_like(masked)
        after, log_x = remask(state, remasked), None
        if masked.any():
            log_x, ids, log_p = proposed(denoiser, state, masked, step, noise)
            sure = torch.full(masked.shape, -torch.inf, dtype=torch.float64)
            sure[masked] = log_p.double().clamp(min=-1e30)
            sure += self.choice_temperature * step.s * order
            decoded = most_confident(sure, (masked & ~becomes_masked).sum(1).tolist())
            kept = decoded[masked]
            after = decode(after, decoded, ids[kept], log_p[kept])
        return StepRecord(step, state, after, remasked, decoded, sigma, masked, log_x)
