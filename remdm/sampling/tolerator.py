"""Tolerator (arXiv 2510.05090): a draft is written, then random tokens of it are hidden and drawn again."""

from dataclasses import dataclass, replace
from math import cos, pi

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.knobs import Checked, knob
from remdm.sampling.noise import Noise
from remdm.sampling.schedule import Schedule
from remdm.sampling.state import State
from remdm.sampling.time_grid import Node, Step
from remdm.sampling.top_confidence import EvenCounts, TopConfidence
from remdm.sampling.transfer import sent
from remdm.sampling.transition import (
    StepRecord,
    TakesNothingBack,
    decode,
    drawn,
    most_confident,
    recalled,
    unchanged,
)

REFINE = "refine"
LOCKED = 10
"""A token that was drawn anew this many times running and came back each time is left alone."""


@dataclass(frozen=True)
class DraftThenRefine(Checked):
    """All tokens are written in the first steps; in the rest time stands still at 0 and they are revised."""

    draft_share: float = knob(0.5, 0.01, 1, help="The share of the steps that write the draft.")

    def nodes(self, n: int, schedule: Schedule) -> tuple[Node, ...]:
        """At least one step drafts; 32 + 32 in the source."""
        draft = max(1, round(self.draft_share * n))
        return (*(Node((draft - i) / draft) for i in range(draft)), *(Node(0.0, REFINE) for _ in range(n - draft + 1)))


@dataclass(frozen=True)
class _Streaks:
    """How often each token came back running, int64 `[B, L]`."""

    block: tuple[int, int] | None
    length: Tensor


@dataclass(frozen=True)
class Refill(Checked, TakesNothingBack):
    """A draft as LLaDA writes it; then random tokens are hidden at once, and the least likely of them drawn again.

    The rest of the tokens is what the network sees. The hidden share falls by a cosine. A token that is drawn as it was
    is not changed, and after ten times running it is left alone; the run is over when all are.
    """

    hide_start: float = knob(0.8, 0, 1, symbol="r", help="The share of tokens hidden at first in the revision.")
    hide_end: float = knob(0.4, 0, 1, symbol="r_K", help="The share of tokens hidden at its end.")
    update_rate: float = knob(1.0, 0, 1, help="The share of hidden tokens drawn again, the least likely first.")
    sharpness: float = knob(
        1.67, 0.1, 10, help="Divides the temperature in the revision: 1.67 makes 0.3 of the draft's 0.5."
    )

    def hidden_share(self, step: Step) -> float:
        """r_k = r_K + (r_0 - r_K) (1 + cos(pi k / (K - 1))) / 2 in step k of K."""
        k, last = step.phase_steps - step.left, max(1, step.phase_steps - 1)
        return self.hide_end + (self.hide_start - self.hide_end) * (1 + cos(pi * k / last)) / 2

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Write the draft, or hide some of it and draw again."""
        if step.phase != REFINE:
            return TopConfidence(EvenCounts())(denoiser, state, step, noise)
        before = recalled(state, step, _Streaks)
        streak = before.length if before else torch.zeros_like(state.tokens)
        open_ = state.decoded & (streak < LOCKED)
        free = open_.sum(1)
        counts = free - (free * (1.0 - self.hidden_share(step)) + 1e-9).long()
        judged = most_confident(noise.uniform(open_.shape[1]).where(open_, -torch.inf), counts.tolist())
        rows = judged | state.masked
        over = ~(open_ | state.masked).any(1)
        if not rows.any():
            return unchanged(state, step, over)
        tokens = state.tokens.masked_fill(judged, state.mask_id)
        log_x = (self.sharpness * denoiser(tokens, rows, step.t)).log_softmax(dim=-1)
        likely = denoiser.unguided(tokens, rows, step.t)
        present = likely.gather(1, sent(state.tokens[rows], likely.device)[:, None]).squeeze(1)
        ids, log_p, present = drawn(likely, noise.draw(log_x, rows), present)
        doubt = torch.full(rows.shape, -torch.inf, dtype=torch.float64)
        doubt[rows] = -present.double().clamp(min=-1e30)
        again = [max(1, int(count * self.update_rate + 1e-9)) for count in judged.sum(1).tolist()]
        redrawn = most_confident(doubt.where(judged, -torch.inf), again)
        other = torch.zeros_like(rows)
        other[rows] = ids != state.tokens[rows]
        decoded = (redrawn & other) | state.masked
        stay = decoded[rows]
        after = decode(state, decoded, ids[stay], log_p[stay])
        streak = torch.where(redrawn & ~other, streak + 1, streak).masked_fill(decoded, 0)
        after = replace(after, memory=_Streaks(step.block, streak))
        nothing = torch.zeros_like(rows)
        return StepRecord(step, state, after, nothing, decoded, 0.0, rows, log_x, over=over, judged=judged)
