"""Remasking rules: sigma_t, the probability that a decoded token is sent back to the mask.

A rule says how much; `Confidence` and `Rescored` say which tokens more than others; `Switch` and `WhileHeld` say
when. They wrap one another freely. What a rule asks for may exceed what the posterior allows: `bounded` is the one
place where sigma is held inside [0, sigma_max], before it is used or spread over positions.
Sections and equations are those of ReMDM, arXiv 2503.00307.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from remdm.sampling.knobs import Checked, knob
from remdm.sampling.state import State
from remdm.sampling.time_grid import FromTo, Step

Score = Callable[[], Tensor]
"""Gives log p(present token), float64 `[B, L]`, by the network's current, unconstrained output."""


class Remasking(Protocol):
    """How much is remasked."""

    def sigma(self, step: Step, state: State, score: Score) -> Tensor | float:
        """The wanted remasking probability: a number, or `[B, L]` where it differs by position."""


def bounded(sigma: Tensor | float, step: Step) -> Tensor | float:
    """sigma inside [0, sigma_max] (eq. 7), so that every transition stays a distribution."""
    if isinstance(sigma, Tensor):
        return sigma.clamp(0.0, step.sigma_max)
    return min(max(sigma, 0.0), step.sigma_max)


@dataclass(frozen=True)
class Never:
    """A decoded token is never touched again: plain MDLM."""

    def sigma(self, step: Step, state: State, score: Score) -> float:
        """0."""
        return 0.0


@dataclass(frozen=True)
class Cap(Checked):
    """Remask with probability eta, or as much as the posterior allows."""

    eta: float = knob(0.04, 0, 1, step=0.001, symbol="η", help="The chance per step that a decoded token is remasked.")

    def sigma(self, step: Step, state: State, score: Score) -> float:
        """eta, of which `bounded` makes min(eta, sigma_max): section 4.1, max-capped schedule."""
        return self.eta


@dataclass(frozen=True)
class Rescale(Checked):
    """Remask with a share eta of what the posterior allows."""

    eta: float = knob(0.04, 0, 1, step=0.001, symbol="η", help="The share of the largest possible sigma that is used.")

    def sigma(self, step: Step, state: State, score: Score) -> float:
        """eta sigma_max: section 4.1, rescaled schedule."""
        return self.eta * step.sigma_max


@dataclass(frozen=True)
class CapRescale(Checked):
    """The paper's general rule: a share of whichever is smaller, the cap or the bound."""

    eta_cap: float = knob(0.04, 0, 1, step=0.001, symbol="η_cap", help="The chance per step, before rescaling.")
    eta_rescale: float = knob(0.5, 0, 1, step=0.001, symbol="η_rescale", help="The share of it that is used.")

    def sigma(self, step: Step, state: State, score: Score) -> float:
        """eta_rescale min(eta_cap, sigma_max): Algorithm 2."""
        return self.eta_rescale * min(self.eta_cap, step.sigma_max)


def flat(t: float) -> float:
    """beta = 1: forward-backward corrector."""
    return 1.0


def bump(t: float) -> float:
    """beta = 10 t^(1/4) (1 - t)^(1/4): the DFM corrector of the paper's comparison."""
    return 10.0 * (t * (1.0 - t)) ** 0.25


@dataclass(frozen=True)
class Corrector:
    """A predictor-corrector sampler is ReMDM with another sigma (Propositions 4.2 and 4.3)."""

    beta: Callable[[float], float]

    def sigma(self, step: Step, state: State, score: Score) -> float:
        """beta_t (alpha_s - alpha_t) / alpha_t; 0 at alpha_t = 0, where nothing is decoded yet."""
        return self.beta(step.t) * (step.alpha_s - step.alpha_t) / step.alpha_t if step.alpha_t > 0 else 0.0


@dataclass(frozen=True)
class Star:
    """Forget and write anew: a decoded token is masked as often as any other (star-shaped sampling, 2510.08369)."""

    def sigma(self, step: Step, state: State, score: Score) -> float:
        """1 - alpha_s: then a masked position stays masked with the same probability (from eq. 7's posterior)."""
        return 1.0 - step.alpha_s


_MASKED = ("mean", "zero")
_MASKED_HELP = "What masked positions use: the mean sigma (keeps the marginals) or zero (as published)."


def _weighted(base: Tensor | float, scores: Tensor, state: State, masked_sigma: str) -> Tensor:
    """sigma_l = base softmax(scores)_l over the decoded, free positions; masked ones per `masked_sigma`."""
    open_ = state.decoded
    # A row with nothing decoded has a softmax of NaN, and no weight anywhere.
    weights = torch.where(open_, scores, -torch.inf).softmax(dim=-1).where(open_, 0.0)
    sigma = base * weights
    if masked_sigma == "mean":
        mean = sigma.sum(-1, keepdim=True) / open_.sum(-1, keepdim=True).clamp(min=1)
        sigma = torch.where(state.masked, mean, sigma)
    return sigma


@dataclass(frozen=True)
class Confidence(Checked):
    """Unsure tokens are remasked more: weights softmax(-psi), psi the probability when the token was decoded.

    The weights sum to 1 over a sequence's decoded positions, so it remasks at most one token a step on average.
    With `zero`, as published, masked positions decode as in MDLM and the marginals are not kept.
    """

    inner: Remasking
    masked_sigma: str = knob("mean", help=_MASKED_HELP, choices=_MASKED)

    def sigma(self, step: Step, state: State, score: Score) -> Tensor:
        """Section 4.1, confidence-based schedule."""
        return _weighted(bounded(self.inner.sigma(step, state, score), step), -state.psi, state, self.masked_sigma)


@dataclass(frozen=True)
class Rescored(Checked):
    """As `Confidence`, but every decoded token is scored anew at each step, by -log p: the image experiments' code."""

    inner: Remasking
    masked_sigma: str = knob("mean", help=_MASKED_HELP, choices=_MASKED)

    def sigma(self, step: Step, state: State, score: Score) -> Tensor:
        """Weights proportional to 1 / p(present token | the rest as it is now)."""
        return _weighted(bounded(self.inner.sigma(step, state, score), step), -score(), state, self.masked_sigma)


@dataclass(frozen=True)
class Switch(Checked):
    """Remask only once t has fallen to t_switch (section 4.1, Algorithm 2)."""

    inner: Remasking
    t_switch: float = knob(0.5, 0, 1, symbol="t_switch", help="Remasking is on from this time down to 0.")

    def sigma(self, step: Step, state: State, score: Score) -> Tensor | float:
        """The inner rule where t <= t_switch, else 0."""
        return self.inner.sigma(step, state, score) if step.t <= self.t_switch else 0.0


@dataclass(frozen=True)
class Window(FromTo):
    """Remask between two times alone: from t_on down to t_off."""

    inner: Remasking
    t_on: float = knob(0.55, 0, 1, symbol="t_on", help="Remasking is on from this time on.")
    t_off: float = knob(0.05, 0, 1, symbol="t_off", help="Remasking is on until this time.")

    def sigma(self, step: Step, state: State, score: Score) -> Tensor | float:
        """The inner rule where t_off <= t <= t_on, else 0."""
        return self.inner.sigma(step, state, score) if self.t_off <= step.t <= self.t_on else 0.0


@dataclass(frozen=True)
class WhileHeld:
    """Remask only while the grid holds alpha: the loop's second phase."""

    inner: Remasking

    def sigma(self, step: Step, state: State, score: Score) -> Tensor | float:
        """The inner rule on held steps, else 0."""
        return self.inner.sigma(step, state, score) if step.held else 0.0
