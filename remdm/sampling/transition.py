"""One reverse step: from z_t and x_theta to z_s, and the record of what happened.

`Ancestral` lets each position decide alone: MDLM, ReMDM, forward-backward, DFM. `TopConfidence` decodes exact
numbers of tokens, the most confident first: MaskGIT and LLaDA.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser, NotFinite
from remdm.sampling.knobs import check, knob
from remdm.sampling.noise import Noise
from remdm.sampling.posterior import mask_probability
from remdm.sampling.remasking import Never, Remasking, bounded
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
from remdm.sampling.transfer import fetched, picked, sent


@dataclass(frozen=True)
class StepRecord:
    """What one step did. It lives as long as its consumer holds it; frames (trace.py) are what is kept.

    Attributes:
        step: the interval.
        before: the state at t. after: the state at s.
        remasked: decoded tokens sent back to the mask, bool `[B, L]`; happens before decoding.
        decoded: masked positions given a token, bool `[B, L]`.
        sigma: remasking probability that the posterior used, a number or `[B, L]`.
        asked: masked positions whose x_theta the step needed, the decoded ones among them, bool `[B, L]`, n of them.
        log_x: log x_theta at those, `[n, V]`; None if there are none.
        watched: masked positions whose likeliest token was computed besides, bool `[B, L]`, m of them; see `observe`.
        peak: log x_theta of that token, `[m]`. guess: its id, `[m]`.

    What has a row for each position, `log_x`, `peak` and `guess`, may be on the network's device; `shown` is on the
    host.
    """

    step: Step
    before: State
    after: State
    remasked: Tensor
    decoded: Tensor
    sigma: Tensor | float
    asked: Tensor
    log_x: Tensor | None
    watched: Tensor | None = None
    peak: Tensor | None = None
    guess: Tensor | None = None

    @cached_property
    def shown(self) -> "Shown":
        """What is shown of x_theta, on the host, in one transfer for the whole batch."""
        known, peak, guess = self.asked, None, None
        if self.watched is not None:
            known, peak, guess = self.watched, self.peak, self.guess
        elif self.log_x is not None:
            peak, guess = self.log_x.max(dim=-1)
        tops: tuple[Tensor, ...] = ()
        if self.log_x is not None:
            probability = picked(self.log_x, self.decoded[self.asked]).exp()
            tops = tuple(probability.topk(min(TOP, probability.shape[1])))
        parts = fetched(*tops, *(each for each in (peak, guess) if each is not None))
        return Shown(known, *(parts[len(tops) :] or (None, None)), *(parts[: len(tops)] or (None, None)))


TOP = 5
"""How many alternatives are kept for each decoded token."""


@dataclass(frozen=True)
class Shown:
    """What a frame tells of x_theta, on the host.

    Attributes:
        known: where the likeliest token is known, bool `[B, L]`, m of them.
        peak: log x_theta of it, `[m]`. guess: its id, `[m]`. Both None if it is known nowhere.
        top: probabilities of the likeliest tokens at decoded positions, `[n, TOP]`. top_ids: their ids. None likewise.
    """

    known: Tensor
    peak: Tensor | None
    guess: Tensor | None
    top: Tensor | None
    top_ids: Tensor | None


class Transition(Protocol):
    """A way from z_t to z_s."""

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Take one step."""


def decode(state: State, rows: Tensor, ids: Tensor, log_p: Tensor) -> State:
    """Write tokens `[n]` at bool `[B, L]` rows and remember the probability each was drawn with."""
    tokens, psi = state.tokens.clone(), state.psi.clone()
    tokens[rows] = ids
    psi[rows] = log_p.double().exp()
    return replace(state, tokens=tokens, psi=psi)


def drawn(log_x: Tensor, ids: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
    """Ids `[n]`, their log-probabilities in log_x `[n, V]`, and more of `[n]`, on the host: a step's one transfer.

    Raises:
        NotFinite: where a row of log_x is not finite and nobody could see it before.
    """
    ids = sent(ids, log_x.device)  # a classifier's guidance draws on the host
    found = fetched(ids, log_x.gather(1, ids[:, None]).squeeze(1), *more)
    if log_x.device.type == "cuda" and found[1].isnan().any():
        raise NotFinite("the type that it runs in")
    return found


def remask(state: State, rows: Tensor) -> State:
    """Send the tokens at bool `[B, L]` rows back to the mask."""
    return replace(
        state, tokens=state.tokens.masked_fill(rows, state.mask_id), psi=state.psi.masked_fill(rows, torch.inf)
    )


def present_score(denoiser: Denoiser, state: State, step: Step) -> Callable[[], Tensor]:
    """Computes, when called, log p of each decoded token by the network's current output; 0 elsewhere. `[B, L]`.

    Before truncation: a token outside the nucleus is unlikely, not impossible.
    """

    def score() -> Tensor:
        log_x = denoiser.unguided(state.tokens, torch.ones_like(state.masked), step.t)
        (log_p,) = fetched(log_x.gather(1, sent(state.tokens.reshape(-1, 1), log_x.device)))
        return log_p.view_as(state.tokens).double().where(state.decoded, 0.0)

    return score


@dataclass(frozen=True)
class Ancestral:
    """Every position decides alone, by the posterior.

    Who changes is drawn before the network is asked: it needs alpha and sigma only. So the network is called for
    the decoding positions of the sequences that have any, which changes no probability.
    """

    remasking: Remasking = Never()

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Draw who is masked at s, then tokens for those who decode."""
        masked = state.masked
        sigma = bounded(self.remasking.sigma(step, state, present_score(denoiser, state, step)), step)
        p_mask = denoiser.tilted(mask_probability(masked, step, sigma), state, step.t)
        becomes_masked = noise.uniform(masked.shape[1]) < p_mask
        remasked, decoded = state.decoded & becomes_masked, masked & ~becomes_masked
        after, log_x = remask(state, remasked), None
        if decoded.any():
            log_x = denoiser(state.tokens, decoded, step.t)
            after = decode(after, decoded, *drawn(log_x, noise.draw(log_x, decoded)))
        return StepRecord(step, state, after, remasked, decoded, sigma, decoded, log_x)


class Counts(Protocol):
    """How many positions decode in a step, for one sequence."""

    def decode(self, step: Step, masked: int, free: int) -> int:
        """Out of `masked` masks among `free` positions that are not given."""


@dataclass(frozen=True)
class MaskgitCounts:
    """floor(free (1 - alpha_s)) masks are left, at least one token decodes, and one waits for the last step."""

    def decode(self, step: Step, masked: int, free: int) -> int:
        """MaskGIT's `max(1, min(masked - 1, floor(...)))` masks; none at alpha_s = 1 (method of arXiv 2202.04200)."""
        if step.alpha_s >= 1.0:
            return masked
        return masked - max(1, min(masked - 1, int(free * (1.0 - step.alpha_s) + 1e-9))) if masked > 1 else 0


@dataclass(frozen=True)
class EvenCounts:
    """The masks of a phase are spread evenly over its steps, the remainder first: LLaDA's transfer counts."""

    def decode(self, step: Step, masked: int, free: int) -> int:
        """ceil(masks that this phase decodes / its steps left)."""
        goal = round(free * (1.0 - step.alpha_goal))
        return -(-max(0, masked - goal) // step.left)


CONFIDENT, ENDS_LAST, RANDOM = "confident", "ends-last", "random"


@dataclass(frozen=True)
class TopConfidence:
    """Exact counts: all masked positions draw a token, the most confident of them keep it.

    Confidence is x_theta's probability of the drawn token: as the network gives it, whatever the temperature (LLaDA),
    or `tempered`, as it was drawn (MaskGIT). With `swaps`, as many of the least sure decoded tokens (by psi) are
    remasked first and as many more decoded: ReMDM on LLaDA while the plan holds (arXiv 2503.00307, Appendix D.4), or at
    every step (its DFM baseline).
    """

    counts: Counts
    choice_temperature: float = knob(
        0.0, 0, 20, step=0.1, symbol="c", help="Noise on the confidence that decides the order, fading to 0."
    )
    swaps: int = knob(0, 0, 64, step=1, symbol="k", help="How many of the least sure tokens are remasked in a step.")
    order: str = knob(
        CONFIDENT, choices=(CONFIDENT, ENDS_LAST, RANDOM), label="First",
        help="What is decoded first: the most confident, the same with end marks last, or at random.",
    )  # fmt: skip
    held_only: bool = True
    tempered: bool = False

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Remask the least confident, draw, keep the most confident."""
        remasked, count = self._swap(state, step)
        after = remask(state, remasked)
        rows = after.masked
        log_x = denoiser(after.tokens, rows, step.t) if rows.any() else None
        decoded = torch.zeros_like(rows)
        share = remasked.sum(1).double() / state.decoded.sum(1).clamp(min=1)
        if log_x is not None:
            ids = noise.draw(log_x, rows)
            likely = log_x if self.tempered else denoiser.unguided(after.tokens, rows, step.t)
            ids, log_p, *left = drawn(likely, ids, *self._left(denoiser, likely))
            surest = torch.full(rows.shape, -torch.inf, dtype=torch.float64)
            surest[rows] = self._rank(denoiser, ids, log_p, left, rows, noise)
            if self.choice_temperature:
                surest += self.choice_temperature * step.s * noise.gumbel(rows.shape[1])
            for row, extra in enumerate(count):
                wanted = extra + self.counts.decode(step, int(state.masked[row].sum()), int((~state.given[row]).sum()))
                decoded[row, surest[row].topk(min(wanted, int(rows[row].sum()))).indices] = True
            kept = decoded[rows]
            after = decode(after, decoded, ids[kept], log_p[kept])
        sigma = share[:, None].expand(rows.shape)
        return StepRecord(step, state, after, remasked, decoded, sigma, rows, log_x)

    def _left(self, denoiser: Denoiser, likely: Tensor) -> list[Tensor]:
        """The log of the mass besides end marks, `[n]`, where they come last; nothing otherwise."""
        if self.order != ENDS_LAST or not denoiser.end_ids:
            return []
        return [likely.index_fill(1, sent(torch.tensor(denoiser.end_ids), likely.device), -torch.inf).logsumexp(dim=-1)]

    def _rank(
        self, denoiser: Denoiser, ids: Tensor, log_p: Tensor, left: list[Tensor], rows: Tensor, noise: Noise
    ) -> Tensor:
        """What decides who decodes first, higher first: finite, float64 `[n]`."""
        if self.order == RANDOM:
            return noise.uniform(rows.shape[1])[rows]
        if left:  # the others are compared as if there were no end marks
            log_p = torch.where(torch.isin(ids, torch.tensor(denoiser.end_ids)), -torch.inf, log_p - left[0])
        return log_p.double().clamp(min=-1e30)

    def _swap(self, state: State, step: Step) -> tuple[Tensor, list[int]]:
        """Which tokens are remasked, and how many in each sequence."""
        remasked = torch.zeros_like(state.given)
        if self.swaps and (step.held or not self.held_only):
            for row, decoded in enumerate(state.decoded):
                least = (
                    state.psi[row].where(decoded, torch.inf).topk(min(self.swaps, int(decoded.sum())), largest=False)
                )
                remasked[row, least.indices] = True
        return remasked, remasked.sum(1).tolist()
