"""One reverse step: from z_t and x_theta to z_s, and the record of what happened.

`Ancestral` lets each position decide alone: MDLM, ReMDM, forward-backward, DFM. Others have modules of their own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Protocol, TypeVar

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser, NotFinite
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
        decoded: positions given a token, masked or hidden for judging before, bool `[B, L]`.
        sigma: remasking probability that the posterior used, a number or `[B, L]`.
        asked: masked or hidden positions whose x_theta the step needed, the decoded ones among them, bool `[B, L]`, n
            of them.
        log_x: log x_theta at those, `[n, V]`; None if there are none.
        watched: masked positions whose likeliest token was computed besides, bool `[B, L]`, m of them; see `observe`.
        peak: log x_theta of that token, `[m]`. guess: its id, `[m]`.
        over: sequences that had ended before it and have no such step, bool `[B]`; None: none of them.
        judged: decoded tokens that were hidden from the network to be judged, bool `[B, L]`; None: none. Those that
            were replaced stand in `decoded` too, those sent back in `remasked`; the others keep their token.
        seen: what the network saw last, int64 `[B, L]`, where that was not `before`.

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
    over: Tensor | None = None
    judged: Tensor | None = None
    seen: Tensor | None = None

    @property
    def taken_back(self) -> Tensor:
        """Decoded tokens that did not stay: remasked, or replaced while they were hidden; bool `[B, L]`."""
        return self.remasked if self.judged is None else self.remasked | (self.judged & self.decoded)

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
    """A way from z_t to z_s.

    Attributes:
        ends: whether a run is over once nothing is masked, whatever steps are left.
    """

    @property
    def ends(self) -> bool:
        """See above."""

    def evaluations(self, length: int) -> int:
        """How often a step asks the network at most, with `length` free positions."""

    def remasks(self, step: Step, decoded: float, length: int) -> float | None:
        """Of so many decoded tokens among `length` free ones, how many are remasked on average.

        None where only the network tells.
        """

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


def unchanged(state: State, step: Step, over: Tensor | None = None) -> StepRecord:
    """A step in which nothing happens and the network is not asked."""
    nothing = torch.zeros_like(state.given)
    return StepRecord(step, state, state, nothing, nothing, 0.0, nothing, None, over=over)


def proposed(
    denoiser: Denoiser, state: State, rows: Tensor, step: Step, noise: Noise, *signals: Callable[[Tensor], Tensor]
) -> tuple[Tensor, ...]:
    """A token for each of the wanted positions, n of them, and how sure the network is of it.

    Returns:
        log x_theta, `[n, V]`; on the host the ids and their log-probabilities as the network gives them, before
        truncation, `[n]`; and each signal of that distribution, `[n]`.
    """
    log_x = denoiser(state.tokens, rows, step.t)
    likely = denoiser.unguided(state.tokens, rows, step.t)
    return log_x, *drawn(likely, noise.draw(log_x, rows), *(each(likely) for each in signals))


_Memory = TypeVar("_Memory")


def recalled(state: State, step: Step, kind: type[_Memory]) -> _Memory | None:
    """What a transition remembers of the steps before; None at its first one, in a new block, in a run taken up."""
    memory = state.memory
    return memory if isinstance(memory, kind) and getattr(memory, "block", None) == step.block else None


def remasked_share(state: State, remasked: Tensor) -> Tensor:
    """Of each sequence's decoded tokens the share that is sent back, `[B, L]`: its sigma where none is set."""
    share = remasked.sum(1, keepdim=True).double() / state.decoded.sum(1, keepdim=True).clamp(min=1)
    return share.expand(remasked.shape)


def most_confident(sure: Tensor, counts: Sequence[int]) -> Tensor:
    """The positions with the highest values, so many of each sequence, bool `[B, L]`; never one of -inf."""
    chosen = torch.zeros(sure.shape, dtype=torch.bool)
    for row, count in enumerate(counts):
        chosen[row, sure[row].topk(min(count, int((sure[row] > -torch.inf).sum()))).indices] = True
    return chosen


def even_share(step: Step, masks: int) -> int:
    """How many of so many masks have to be decoded now for all to be in the steps of this phase that are left."""
    return -(-masks // step.left)


def negative_entropy(log_x: Tensor) -> Tensor:
    """sum p log p of each row, in nats, `[n]`."""
    return (log_x.exp() * log_x.clamp(min=-1e30)).sum(-1)


def margin(log_x: Tensor) -> Tensor:
    """By how much the likeliest token's probability exceeds the second's, `[n]`."""
    first, second = log_x.topk(2, dim=-1).values.exp().unbind(-1)
    return first - second


def present_score(denoiser: Denoiser, state: State, step: Step) -> Callable[[], Tensor]:
    """Computes, when called, log p of each decoded token by the network's current output; 0 elsewhere. `[B, L]`.

    Before truncation: a token outside the nucleus is unlikely, not impossible.
    """

    def score() -> Tensor:
        log_x = denoiser.unguided(state.tokens, torch.ones_like(state.masked), step.t)
        (log_p,) = fetched(log_x.gather(1, sent(state.tokens.reshape(-1, 1), log_x.device)))
        return log_p.view_as(state.tokens).double().where(state.decoded, 0.0)

    return score


class Usual:
    """Part of a transition that takes all of its steps and asks the network once in each."""

    ends: ClassVar[bool] = False

    def evaluations(self, length: int) -> int:
        """1."""
        return 1


class TakesNothingBack(Usual):
    """Part of a transition that never remasks."""

    def remasks(self, step: Step, decoded: float, length: int) -> float:
        """0."""
        return 0.0


class Unpredicted(Usual):
    """Part of a transition that does not say beforehand how much it remasks: it follows from the network's output."""

    def remasks(self, step: Step, decoded: float, length: int) -> None:
        """None."""


@dataclass(frozen=True)
class Ancestral(Usual):
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

    def remasks(self, step: Step, decoded: float, length: int) -> float:
        """Rules that weigh tokens are asked with all tokens equally sure: their sum is the same for any confidence."""
        here = torch.arange(length)[None] < round(decoded)
        psi = torch.full((1, length), 0.5, dtype=torch.float64).masked_fill(~here, torch.inf)
        state = State((~here).long(), psi, torch.zeros_like(here), 1)
        sigma = bounded(self.remasking.sigma(step, state, lambda: torch.full_like(psi, -1.0)), step)
        return float(sigma[state.decoded].sum()) if isinstance(sigma, Tensor) else sigma * decoded
