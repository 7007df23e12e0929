"""The schedule bench: what the settings will do, drawn before anything is run and as the sliders move."""

from typing import Any

import torch

from remdm.app.events import LATEST, Values, on
from remdm.app.workbench.settings import Panel
from remdm.sampling.methods import Settings, build, largest_eta
from remdm.sampling.remasking import bounded
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step
from remdm.sampling.transition import Ancestral, TopConfidence, Transition
from remdm.views.schedule import Outlook, drawing, sentence


def outlook(chosen: Settings, length: int) -> Outlook:
    """What a run of these settings is expected to do with `length` free positions."""
    transition, walk = build(chosen)
    decoded = [length * step.alpha_t for step in walk]
    remasks = [_expected(transition, step, count, length) for step, count in zip(walk, decoded, strict=True)]
    sigmas = [remasked / count if count else 0.0 for remasked, count in zip(remasks, decoded, strict=True)]
    return Outlook([step.alpha_s for step in walk], sigmas, [step.sigma_max for step in walk], remasks, length)


def _expected(transition: Transition, step: Step, decoded: float, length: int) -> float:
    """How many of so many decoded tokens a step remasks on average.

    Rules that weigh tokens are asked with all tokens equally sure: their sum is the same for any confidence.
    """
    if isinstance(transition, TopConfidence):
        swaps = transition.swaps if step.held or not transition.held_only else 0
        return min(float(swaps), decoded)
    assert isinstance(transition, Ancestral)
    state = _state(round(decoded), length)
    score = torch.full(state.tokens.shape, -1.0, dtype=torch.float64)
    sigma = bounded(transition.remasking.sigma(step, state, lambda: score), step)
    return float(sigma[state.decoded].sum()) if isinstance(sigma, torch.Tensor) else sigma * decoded


def _state(decoded: int, length: int) -> State:
    """A sequence of which so many positions are decoded, all with the same confidence."""
    here = torch.arange(length)[None] < decoded
    psi = torch.full((1, length), 0.5, dtype=torch.float64).masked_fill(~here, torch.inf)
    return State((~here).long(), psi, torch.zeros_like(here), 1)


class SchedulePreview:
    """The drawing in the settings of a domain, and what moves it."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        panel.outlook.value = self.drawn({each: each.value for each in panel.inputs})
        moving: list[Any] = [panel.sampler, panel.steps, panel.length, *panel.shape.values()]
        changes = [each.change for each in moving]
        on(changes, self.drawn, panel.inputs, panel.outlook, **LATEST)

    def drawn(self, values: Values) -> str:
        """The drawing for the settings as they stand; a sentence where they are invalid."""
        try:
            request = self.panel.requests(values)[0]
        except ValueError as error:
            return sentence(f"{error}.")
        bound, eta = largest_eta(request.settings), request.settings.values.get("eta", 0.0)
        note = sentence(f"η above {bound:.3f} has no effect here: σ is at its bound.") if bound and eta > bound else ""
        return drawing(outlook(request.settings, request.length)) + note
