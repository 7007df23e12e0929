"""RCR, running confidence remasking (arXiv 2508.13148, section 4): old and new tokens compete to stay."""

from dataclasses import dataclass

import torch

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.noise import Noise
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
from remdm.sampling.top_confidence import EvenCounts
from remdm.sampling.transition import StepRecord, Unpredicted, decode, drawn, most_confident, remask


@dataclass(frozen=True)
class RunningConfidence(Unpredicted):
    """All masked positions draw a token; of these and the tokens already written, the most confident stay.

    Each token counts with the probability that it had when it was written (psi). After every step as many are left as
    LLaDA would have, but not the same ones: none goes back where no new one is surer.
    """

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Draw, compare, send the least sure back."""
        rows = state.masked
        if not rows.any():
            nothing = torch.zeros_like(rows)
            return StepRecord(step, state, state, nothing, nothing, 0.0, nothing, None)
        log_x = denoiser(state.tokens, rows, step.t)
        likely = denoiser.unguided(state.tokens, rows, step.t)
        ids, log_p = drawn(likely, noise.draw(log_x, rows))
        sure = state.psi.where(state.decoded, -torch.inf)
        sure[rows] = log_p.double().exp()
        counts = [
            int(old.sum()) + EvenCounts().decode(step, int(new.sum()), int(old.sum() + new.sum()))
            for old, new in zip(state.decoded, rows, strict=True)
        ]
        kept = most_confident(sure, counts)
        remasked, decoded = state.decoded & ~kept, rows & kept
        stay = decoded[rows]
        after = decode(remask(state, remasked), decoded, ids[stay], log_p[stay])
        sigma = remasked.sum(1, keepdim=True).double() / state.decoded.sum(1, keepdim=True).clamp(min=1)
        return StepRecord(step, state, after, remasked, decoded, sigma.expand(rows.shape), rows, log_x)
