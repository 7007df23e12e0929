"""KLASS (arXiv 2511.05664): a token is decoded when the network is sure of it, and has been of the same mind."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.knobs import Checked, knob
from remdm.sampling.noise import Noise
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
from remdm.sampling.transfer import picked
from remdm.sampling.transition import (
    StepRecord,
    TakesNothingBack,
    decode,
    drawn,
    even_share,
    most_confident,
    recalled,
    unchanged,
)


def divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p, q) of each row, in nats, `[n]`; a token that p rules out adds nothing."""
    return (log_p.exp() * (log_p - log_q).where(log_p > -torch.inf, 0.0)).sum(-1)


@dataclass(frozen=True)
class _Past:
    """What the step before asked, bool `[B, L]`, n of them; its log x_theta, `[n, V]`; steps of stillness, `[B, L]`."""

    block: tuple[int, int] | None
    rows: Tensor
    log_x: Tensor
    stable: Tensor


@dataclass(frozen=True)
class Klass(Checked, TakesNothingBack):
    """Tokens above a confidence whose distribution stood still for some steps are all decoded at once.

    Where there is none, an even share of the masks is, the most confident first; with T = L that is one. The run ends
    when nothing is masked.
    """

    accept_above: float = knob(0.9, 0, 1, symbol="τ", help="Masked tokens likelier than this are decoded at once.")
    stillness: float = knob(
        0.01, 0, 10, step=0.001, symbol="ε", help="In nats: the most that a distribution may change in a step (KL)."
    )
    history: int = knob(2, 1, 16, step=1, symbol="H", help="For how many steps it has to stand still.")
    ends: ClassVar[bool] = True

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Compare with the step before, decode."""
        rows = state.masked
        over = ~rows.any(1)
        if over.all():
            return unchanged(state, step, over)
        log_x = denoiser(state.tokens, rows, step.t)
        likely = denoiser.unguided(state.tokens, rows, step.t)
        past = recalled(state, step, _Past)
        both = rows & past.rows if past else torch.zeros_like(rows)
        moved = [divergence(picked(likely, both[rows]), picked(past.log_x, both[past.rows]))] if past else []
        ids, log_p, *moved = drawn(likely, noise.draw(log_x, rows), *moved)
        stable = torch.zeros_like(state.tokens)
        if past:
            still = torch.zeros_like(rows)
            still[both] = moved[0] < self.stillness
            stable = (past.stable + 1).where(still, 0)
        sure = torch.full(rows.shape, -torch.inf, dtype=torch.float64)
        sure[rows] = log_p.double().exp()
        agreed = (sure > self.accept_above) & (stable >= self.history)
        counts = [even_share(step, masks) for masks in rows.sum(1).tolist()]
        # those that agree come first; with T = L no other is needed where any does
        first = most_confident(sure.where(agreed, -torch.inf), agreed.sum(1).tolist())
        least = zip(first.sum(1).tolist(), counts, strict=True)
        decoded = most_confident(sure + 2.0 * first, [max(each) for each in least])
        stay = decoded[rows]
        after = decode(state, decoded, ids[stay], log_p[stay])
        after = replace(after, memory=_Past(step.block, rows, likely, stable))
        return StepRecord(step, state, after, torch.zeros_like(rows), decoded, 0.0, rows, log_x, over=over)
