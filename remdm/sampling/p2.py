"""P2, path planning (arXiv 2502.03540, Algorithm 1): every position is scored anew, and the least likely ones go."""

from dataclasses import dataclass

import torch

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.knobs import Checked, knob
from remdm.sampling.noise import Noise
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
from remdm.sampling.transfer import picked
from remdm.sampling.transition import StepRecord, Unpredicted, decode, most_confident, proposed, remask, remasked_share

PROBABILITY, RANDOM = "probability", "random"


@dataclass(frozen=True)
class PathPlanning(Checked, Unpredicted):
    """Every free position draws a fresh token, decoded ones too; where it is least likely, a mask is left.

    What stays masked is floor(n (1 - alpha_s)) of the n free positions. A decoded token that stays is not changed: its
    fresh token only says how sure the network is there. The network sees the token it is asked about, which is why it
    seldom disagrees. Its source's presets: `random` at strength 0 ("ancestral") and 1 ("dfm"), `probability` at 1
    ("greedy").
    """

    planner: str = knob(
        PROBABILITY, choices=(PROBABILITY, RANDOM),
        help="Whether positions are scored by the fresh token's probability, or at random.",
    )  # fmt: skip
    strength: float = knob(
        1.0, 0, 10, step=0.1, symbol="η",
        help="Multiplies the log-probabilities of decoded tokens: above 1 remasks more of them, 0 none.",
    )  # fmt: skip

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Score all, keep the likeliest."""
        free, masked = ~state.given, state.masked
        log_x, ids, log_p = proposed(denoiser, state, free, step, noise)
        score = torch.full(free.shape, -torch.inf, dtype=torch.float64)
        score[free] = log_p.double() if self.planner == PROBABILITY else noise.uniform(free.shape[1]).log()[free]
        score = score.clamp(min=-1e30).where(free, -torch.inf)
        score = torch.where(state.decoded, self.strength * score, score)
        total = free.sum(1)
        kept = most_confident(score, (total - (total * (1.0 - step.alpha_s) + 1e-9).long()).tolist())
        remasked, decoded = state.decoded & ~kept, masked & kept
        stay = decoded[free]
        after = decode(remask(state, remasked), decoded, ids[stay], log_p[stay])
        asked = picked(log_x, masked[free]) if masked.any() else None
        return StepRecord(step, state, after, remasked, decoded, remasked_share(state, remasked), masked, asked)
