"""WINO, wide in, narrow out (ICLR 2026): many tokens are accepted at once, and those taken back that do not hold."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.judging import THIRDS, WAYS, judgings, parts, placed, unseen
from remdm.sampling.knobs import Checked, knob
from remdm.sampling.noise import Noise
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
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

FIRST = 30
"""What counts as accepted before the first step."""
SHARE, LEAST, MOST = 0.7, 5, 20
"""No more than this share of the masks is accepted, but for the least, and never more than the most."""


@dataclass(frozen=True)
class _Accepted:
    """How many tokens the step before accepted, int64 `[B]`."""

    block: tuple[int, int] | None
    count: Tensor


@dataclass(frozen=True)
class WideInNarrowOut(Checked, Unpredicted):
    """All tokens above a threshold are decoded; of those that stood, the ones fall that the network does not repeat.

    For that they are hidden: a random third of them at a time, or each alone. The source asks for all at once, with a
    second row of masks of which each attends to all tokens but its own. That takes a network whose attention can be
    masked, which none of these models offers; and there a token is still seen through the others. So a step costs one
    evaluation and those of the judging, all of them counted. The run ends when nothing is masked.
    """

    accept_above: float = knob(0.6, 0, 1, symbol="τ", help="Masked tokens likelier than this are decoded at once.")
    keep_above: float = knob(0.9, 0, 1, help="Decoded tokens stay if, hidden, they are this likely.")
    hide: str = knob(
        THIRDS, choices=WAYS, label="Hidden to judge",
        help="A random third of the decoded tokens at a time, or each alone, at an evaluation for each token.",
    )  # fmt: skip
    ends: ClassVar[bool] = True

    def evaluations(self, length: int) -> int:
        """One, and those of the judging."""
        return 1 + judgings(self.hide, length)

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Accept, judge, take back."""
        rows, order = state.masked, noise.uniform(state.given.shape[1])
        over = ~rows.any(1)
        if over.all():
            return unchanged(state, step, over)
        judged = state.decoded & ~over[:, None] & (step.left > 1)
        log_x = denoiser(state.tokens, rows, step.t)
        likely = denoiser.unguided(state.tokens, rows, step.t)
        hidden = parts(judged, self.hide, order)
        ids, log_p, *found = drawn(likely, noise.draw(log_x, rows), *unseen(denoiser, state, hidden, step))
        doubt = -placed(hidden, found, rows.shape, 0.0).exp()
        sure = torch.full(rows.shape, -torch.inf, dtype=torch.float64)
        sure[rows] = log_p.double().exp()
        before = recalled(state, step, _Accepted)
        accepted, fallen = [], []
        for row, masks in enumerate(rows.sum(1).tolist()):
            most = min(max(int(SHARE * masks), LEAST), MOST)
            accepted.append(max(1, min(most, int((sure[row] > self.accept_above).sum())), even_share(step, masks)))
            failing = int((judged[row] & (-doubt[row] < self.keep_above)).sum())
            least = int(before.count[row]) if before else FIRST
            fallen.append(0 if accepted[-1] < 2 else failing if failing < least else max(0, least - 1))
        decoded = most_confident(sure, accepted)
        remasked = most_confident(doubt.where(judged, -torch.inf), fallen)
        stay = decoded[rows]
        after = decode(remask(state, remasked), decoded, ids[stay], log_p[stay])
        after = replace(after, memory=_Accepted(step.block, decoded.sum(1)))
        sigma = remasked_share(state, remasked)
        return StepRecord(step, state, after, remasked, decoded, sigma, rows, log_x, over=over, judged=judged)
