"""The schedule bench: what the settings will do, drawn before anything is run and as the sliders move."""

from typing import Any

import gradio as gr
import torch

from remdm.app.events import UI_EVENT
from remdm.app.workbench.settings import Panel
from remdm.sampling.methods import Settings, build
from remdm.sampling.remasking import bounded
from remdm.sampling.state import State
from remdm.sampling.transition import Ancestral
from remdm.views.schedule import Outlook, drawing, sentence


def outlook(chosen: Settings, length: int) -> Outlook:
    """What a run of these settings is expected to do with `length` free positions.

    Rules that weigh tokens are asked with all tokens equally sure: their sum is the same for any confidence.
    """
    transition, walk = build(chosen)
    sigmas, remasks = [], []
    for step in walk:
        decoded = length * step.alpha_t
        if isinstance(transition, Ancestral):
            state = _state(round(decoded), length)
            score = torch.full(state.tokens.shape, -1.0, dtype=torch.float64)
            sigma = bounded(transition.remasking.sigma(step, state, lambda score=score: score), step)
            sum_ = float(sigma[state.decoded].sum()) if isinstance(sigma, torch.Tensor) else sigma * decoded
        else:
            swaps = transition.swaps if step.held or not transition.held_only else 0
            sum_ = min(float(swaps), decoded)
        remasks.append(sum_)
        sigmas.append(sum_ / decoded if decoded else 0.0)
    return Outlook([step.alpha_s for step in walk], sigmas, [step.sigma_max for step in walk], remasks, length)


def _state(decoded: int, length: int) -> State:
    """A sequence of which so many positions are decoded, all with the same confidence."""
    here = torch.arange(length)[None] < decoded
    psi = torch.full((1, length), 0.5, dtype=torch.float64).masked_fill(~here, torch.inf)
    return State((~here).long(), psi, torch.zeros_like(here), 1)


class ScheduleBench:
    """The drawing in the settings of a domain, and what moves it."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        panel.outlook.value = self.drawn(*(each.value for each in panel.inputs))
        moving = [
            panel.sampler,
            panel.steps,
            panel.length,
            panel.schedule,
            *panel.parts.values(),
            *panel.knobs.values(),
        ]
        changes = [each.change for each in moving]
        gr.on(changes, self.drawn, panel.inputs, panel.outlook, trigger_mode="always_last", **UI_EVENT)

    def drawn(self, *values: Any) -> str:
        """The drawing for the settings as they stand; a sentence where they will not do."""
        try:
            order = self.panel.orders(values)[0]
        except ValueError as error:
            return sentence(f"{error}.")
        return drawing(outlook(order.settings, order.length))
