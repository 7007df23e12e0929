"""Token-to-mask (arXiv 2604.18738): tokens that the network would not write again go back to the mask."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.knobs import Checked, knob
from remdm.sampling.noise import Noise
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
from remdm.sampling.transfer import picked, sent
from remdm.sampling.transition import (
    StepRecord,
    Unpredicted,
    decode,
    drawn,
    even_share,
    most_confident,
    recalled,
    remask,
    remasked_share,
    unchanged,
)

UNLIKELY, OTHER, FALLEN = "unlikely", "other", "fallen"
SURE, FALL = 0.9, 0.3
"""Of the detectors `other` and `fallen`: how likely the other token is at least, and how much p a token lost."""
MOST_OFTEN, MOST_AT_ONCE, MOST_AFTER = 3, 0.25, 16
"""So often at most a position is remasked; of all so large a share in a step; so many steps after all is written."""


@dataclass(frozen=True)
class _Past:
    """Remasks and p of each token, `[B, L]`; steps since all was written first, whether it is over, `[B]`."""

    block: tuple[int, int] | None
    remasks: Tensor
    present: Tensor
    extra: Tensor
    done: Tensor


@dataclass(frozen=True)
class TokenToMask(Checked, Unpredicted):
    """Tokens above a threshold are decoded; decoded ones that a detector finds go back, the worst first.

    The detectors look at what the network gives the present token, which it sees: below a probability (`unlikely`),
    above 0.9 for another token (`other`), or 0.3 less than in the step before (`fallen`). A network that was not
    trained on wrong tokens seldom doubts one that it sees (docs/log.md), so with these models this finds little. A
    sequence is over when nothing is masked and nothing was found.
    """

    accept_above: float = knob(0.7, 0, 1, symbol="τ", help="Masked tokens likelier than this are decoded at once.")
    detector: str = knob(
        UNLIKELY, choices=(UNLIKELY, OTHER, FALLEN),
        help="What sends a token back: its probability, a likelier other one, or its loss since the last step.",
    )  # fmt: skip
    doubt_below: float = knob(0.1, 0, 1, help="Of the detector “unlikely”: the probability below which a token goes.")

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Ask for all positions, decode, detect."""
        masked, free = state.masked, ~state.given
        past = recalled(state, step, _Past)
        over = ~masked.any(1) & (past.done if past else ~free.any(1))
        rows = free & ~over[:, None]
        if over.all():
            return unchanged(state, step, over)
        log_x = denoiser(state.tokens, rows, step.t)
        likely = denoiser.unguided(state.tokens, rows, step.t)
        here = likely.gather(1, sent(state.tokens[rows], likely.device)[:, None]).squeeze(1)
        highest, best = likely.max(dim=-1)
        ids, log_p, *found = drawn(likely, noise.draw(log_x, rows), here, highest, best)
        present, other = self._found(state, rows, found)
        remasks = past.remasks if past else torch.zeros_like(state.tokens)
        extra = past.extra if past else torch.zeros(len(masked), dtype=torch.int64)
        extra = extra + (~masked.any(1) | (extra > 0))
        found_out = self._doubt(present, other, past).where(state.decoded & rows & (remasks < MOST_OFTEN), -torch.inf)
        sure = torch.full(rows.shape, -torch.inf, dtype=torch.float64)
        sure[rows] = log_p.double().exp()
        sure = sure.where(masked, -torch.inf)
        accepted, taken = [], []
        for row, masks in enumerate(masked.sum(1).tolist()):
            accepted.append(max(1, int((sure[row] > self.accept_above).sum()), even_share(step, masks)))
            taken.append(max(1, int(MOST_AT_ONCE * int(free[row].sum()))))
            if step.left == 1 or extra[row] > MOST_AFTER:
                taken[-1] = 0
        decoded, remasked = most_confident(sure, accepted), most_confident(found_out, taken)
        stay = decoded[rows]
        after = decode(remask(state, remasked), decoded, ids[stay], log_p[stay])
        # what is decoded or remasked now has no earlier probability
        present = present.masked_fill(decoded | remasked | ~rows, 0.0)
        done = over | (~masked.any(1) & ~remasked.any(1))
        after = replace(after, memory=_Past(step.block, remasks + remasked, present, extra, done))
        sigma = remasked_share(state, remasked)
        asked = picked(log_x, masked[rows]) if masked.any() else None
        return StepRecord(step, state, after, remasked, decoded, sigma, masked, asked, over=over)

    @staticmethod
    def _found(state: State, rows: Tensor, found: list[Tensor]) -> tuple[Tensor, Tensor]:
        """p of the present token, and of the likeliest one where that is another, float64 `[B, L]`."""
        here, highest, best = found
        present, other = (torch.zeros(rows.shape, dtype=torch.float64) for _ in range(2))
        present[rows] = here.double().exp()
        other[rows] = highest.double().exp().where(best != state.tokens[rows], 0.0)
        return present, other

    def _doubt(self, present: Tensor, other: Tensor, past: _Past | None) -> Tensor:
        """How strongly the detector speaks against each token, higher first; -inf where it does not."""
        if self.detector == UNLIKELY:
            return (-present).where(present < self.doubt_below, -torch.inf)
        if self.detector == OTHER:
            return other.where(other > SURE, -torch.inf)
        lost = past.present - present if past else torch.zeros_like(present)
        return lost.where(lost > FALL, -torch.inf)
