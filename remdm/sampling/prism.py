"""PRISM (arXiv 2510.01384): a trained head says which tokens are wrong, and those are remasked."""

from dataclasses import dataclass

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.judging import THIRDS, judgings, parts, placed, unseen
from remdm.sampling.knobs import Checked, knob
from remdm.sampling.noise import Noise
from remdm.sampling.posterior import mask_probability
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
from remdm.sampling.transfer import fetched
from remdm.sampling.transition import StepRecord, Usual, decode, drawn, most_confident, remask

HEAD, HIDDEN = "head", "hidden"


@dataclass(frozen=True)
class Prism(Checked, Usual):
    """As many tokens are remasked as in ReMDM-cap: those that a trained head finds the least likely to be right.

    The head reads what the network computes for x_theta anyway, so it costs no evaluation. Where a model has none, or
    on demand, random thirds of the decoded tokens are hidden and the network's own probability is the score, for three
    evaluations more. Masked positions decode by the posterior, so that as many masks are left as the schedule says.
    """

    eta: float = knob(0.04, 0, 1, step=0.001, symbol="η", help="The chance per step that a decoded token is remasked.")
    score: str = knob(
        HEAD, choices=(HEAD, HIDDEN), label="Scored by",
        help="A trained head where the model has one, or the network with random thirds hidden.",
    )  # fmt: skip
    t_switch: float = knob(0.5, 0, 1, symbol="t_switch", help="Remasking is on from this time down to 0.")

    def sigma(self, step: Step) -> float:
        """min(eta, sigma_max) where t <= t_switch, else 0."""
        return min(self.eta, step.sigma_max) if step.t <= self.t_switch else 0.0

    def remasks(self, step: Step, decoded: float, length: int) -> float:
        """A binomial number."""
        return self.sigma(step) * decoded

    def evaluations(self, length: int) -> int:
        """One, and those of the judging where there is no head."""
        return 1 + judgings(THIRDS, length)

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        """Draw who decodes and how many go, then ask the network and its head in one evaluation, and take the worst."""
        masked, sigma = state.masked, self.sigma(step)
        p_mask = denoiser.tilted(mask_probability(masked, step, sigma), state, step.t)
        becomes_masked, order = noise.uniform(masked.shape[1]) < p_mask, noise.gumbel(masked.shape[1])
        decoded, counts = masked & ~becomes_masked, (state.decoded & becomes_masked).sum(1)
        old = state.decoded & (counts[:, None] > 0)
        plain, log_x, judged = denoiser.unguided, None, None
        found: tuple[Tensor, ...] = ()
        hidden: list[Tensor] = []
        if old.any() and plain.scored and self.score == HEAD:
            judging = old.any(1, keepdim=True)
            # x_theta of the masks comes with it; of a sequence that has none, that of its tokens
            rows = decoded | (judging & masked) | (old & ~masked.any(1, keepdim=True))
            found = (plain.scores(state.tokens, rows, step.t)[1],)
        elif old.any():
            judged, hidden = old, parts(old, THIRDS, order)
            found = tuple(unseen(denoiser, state, hidden, step))
        after = state
        if decoded.any():
            log_x = denoiser(state.tokens, decoded, step.t)
            ids, log_p, *found_there = drawn(log_x, noise.draw(log_x, decoded), *found)
            after = decode(after, decoded, ids, log_p)
        else:
            found_there = list(fetched(*found))
        remasked = torch.zeros_like(old)
        if found_there:
            score = placed(hidden, found_there, masked.shape, 0.0) if judged is not None else found_there[0].double()
            remasked = most_confident((-score).where(old, -torch.inf), counts.tolist())
            after = remask(after, remasked)
        return StepRecord(step, state, after, remasked, decoded, sigma, decoded, log_x, judged=judged)
