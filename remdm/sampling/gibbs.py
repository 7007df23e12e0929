"""The masked Gibbs corrector: the absorbing case of the leave-one-out corrector of arXiv 2605.22765."""

from dataclasses import dataclass
from math import ceil

import torch

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.knobs import Checked, knob
from remdm.sampling.noise import Noise
from remdm.sampling.schedule import Schedule
from remdm.sampling.state import State
from remdm.sampling.time_grid import Node, Step
from remdm.sampling.transition import Ancestral, StepRecord, Usual, decode, drawn, most_confident, remask

CORRECT = "correct"


@dataclass(frozen=True)
class Corrections(Checked):
    """From a time on, each step is followed by correctors, steps of their own in which time stands still.

    All count as steps: of n there are as many that move on as leave room for their correctors, and what is left over
    corrects at the end.
    """

    corrections: int = knob(1, 1, 16, step=1, symbol="c", help="Correctors after each step that moves on.")
    t_correct: float = knob(0.33, 0, 1, help="Correctors are taken from this time down to 0.")

    def nodes(self, n: int, schedule: Schedule) -> tuple[Node, ...]:
        """Equal steps s_i = 1 - i / m, those with s_i <= t_correct followed by c correctors at s_i."""

        def first(m: int) -> int:
            return max(1, ceil(m * (1.0 - self.t_correct) - 1e-9))

        fit = (m for m in range(n, 0, -1) if m + self.corrections * (m - first(m) + 1) <= n)
        m = next(fit, 1)
        begun = [Node(1.0)]
        for i in range(1, m + 1):
            begun += [Node((m - i) / m, CORRECT)] * (self.corrections if i >= first(m) else 0)
            begun += [Node((m - i) / m)] if i < m else []
        begun += [Node(0.0, CORRECT)] * (n - len(begun))
        return (*begun[:n], Node(0.0))


@dataclass(frozen=True)
class MaskedGibbs(Checked, Usual):
    """MDLM, and in the correctors k random positions drawn anew: each from alpha_s p + (1 - alpha_s) mask.

    They are hidden, decoded and masked ones alike, and the network is asked once. With k = 1 that is a step of Gibbs
    sampling from the marginal at s: P(x_l = v | the others) = alpha_s p(v | the others that are visible), as which are
    masked says nothing of what they hold. So it leaves the marginal of an exact model as it is; for k > 1 the k are
    drawn as if independent.
    """

    positions: int = knob(2, 1, 64, step=1, symbol="k", help="How many positions a corrector draws anew; 1 is exact.")

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Move on, or choose, hide, and draw anew."""
        if step.phase != CORRECT:
            return Ancestral()(denoiser, state, step, noise)
        free = ~state.given
        chosen = most_confident(noise.gumbel(free.shape[1]).where(free, -torch.inf), [self.positions] * len(free))
        written = chosen & (noise.uniform(free.shape[1]) < step.alpha_s)
        judged = chosen & state.decoded & written.any(1, keepdim=True)
        remasked, decoded, log_x = chosen & state.decoded & ~written, torch.zeros_like(free), None
        after, seen = remask(state, remasked), state.tokens.masked_fill(judged, state.mask_id)
        if written.any():
            log_x = denoiser(seen, written, step.t)
            ids, log_p = drawn(log_x, noise.draw(log_x, written))
            stay = ids != state.tokens[written]
            decoded[written] = stay
            after = decode(after, decoded, ids[stay], log_p[stay])
        sigma = (self.positions / free.sum(1, keepdim=True).double()).clamp(max=1.0) * (1.0 - step.alpha_s)
        return StepRecord(
            step, state, after, remasked, decoded, sigma.expand(free.shape), written, log_x, judged=judged, seen=seen
        )

    def remasks(self, step: Step, decoded: float, length: int) -> float:
        """k (1 - alpha_s) of the chosen ones, by the share that is decoded."""
        return min(self.positions, length) * decoded / length * (1.0 - step.alpha_s) if step.phase == CORRECT else 0.0
