"""RCR, running confidence remasking (arXiv 2508.13148, section 4): old and new tokens compete to stay."""

from dataclasses import dataclass

import torch

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.noise import Noise
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
from remdm.sampling.top_confidence import EvenCounts
from remdm.sampling.transition import (
    StepRecord,
    Unpredicted,
    decode,
    most_confident,
    proposed,
    remask,
    remasked_share,
    unchanged,
)


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
            return unchanged(state, step)
        log_x, ids, log_p = proposed(denoiser, state, rows, step, noise)
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
        return StepRecord(step, state, after, remasked, decoded, remasked_share(state, remasked), rows, log_x)
