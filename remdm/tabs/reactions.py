"""How the settings answer to each other: a preset fills in its values, and what does not apply disappears."""

import random
from typing import Any

import gradio as gr

from remdm.methods import LONG, METHODS
from remdm.tabs.controls import defaults, shown
from remdm.tabs.settings import FIRST_STEPS, Panel

QUIET = {"show_progress": "hidden", "api_visibility": "private"}
"""For events that the page answers at once: no dimming, and nothing in the list of endpoints."""


class Reactions:
    """Connects the controls of a panel; its callbacks are the methods below."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        parts, knobs = list(panel.parts.values()), list(panel.knobs.values())
        shape = [*knobs, *parts, panel.schedule]
        panel.sampler.input(
            self.preset, [panel.sampler, panel.steps], [*shape, *panel.drawing.values(), panel.cite], **QUIET
        )
        panel.steps.change(
            self.retimed, [panel.sampler, panel.steps, *knobs], knobs, trigger_mode="always_last", **QUIET
        )
        for part in parts:
            part.input(self.recombined, parts, shape, **QUIET)
        panel.model.input(self.remodelled, panel.model, [panel.about, panel.length, panel.examples], **QUIET)
        panel.examples.input(lambda text: (text, None), panel.examples, [panel.prompt, panel.examples], **QUIET)
        panel.another.click(lambda: random.SystemRandom().randrange(1_000_000), None, panel.seed, **QUIET)

    def preset(self, sampler: str, steps: float | None) -> list:
        """A sampler was chosen: its paper's values, and only the controls that apply."""
        panel, visible = self.panel, shown(METHODS[sampler].parts)
        values = defaults(sampler, _steps(steps)) | {"schedule": "linear"}
        shape = {**panel.knobs, **panel.parts, "schedule": panel.schedule}
        made = [gr.update(value=values[name], visible=visible[name]) for name in shape]
        made += [gr.update(value=values[name]) for name in panel.drawing]
        return [*made, METHODS[sampler].cite]

    def retimed(self, sampler: str, steps: float | None, *turned: Any) -> list:
        """T changed: knobs that still stand at the paper's value for another T follow it."""
        known, now = [defaults(sampler, 1), defaults(sampler, LONG)], defaults(sampler, _steps(steps))
        return [
            gr.update(value=now[name])
            if value != now[name] and any(value == each[name] for each in known)
            else gr.skip()
            for name, value in zip(self.panel.knobs, turned, strict=True)
        ]

    def recombined(self, *rows: str) -> list:
        """A part was chosen: show the controls that apply to the combination."""
        visible = shown(dict(zip(self.panel.parts, rows, strict=True)))
        return [gr.update(visible=visible[name]) for name in [*self.panel.knobs, *self.panel.parts, "schedule"]]

    def remodelled(self, name: str) -> list:
        """Another model: what it is, its lengths, its prompts."""
        model = self.panel.domain.model(name)
        low, high = model.lengths or (1, model.length)
        length = gr.update(minimum=low, maximum=high, value=model.length, visible=model.lengths is not None)
        return [model.about, length, gr.update(choices=list(model.examples), value=None)]


def _steps(value: float | None) -> int:
    return int(value) if value and 1 <= value <= 8192 else FIRST_STEPS
