"""How the settings answer to each other: a preset fills in its values, and what does not apply disappears."""

import random
from typing import Any

import gradio as gr

from remdm.app.components.controls import defaults, shown
from remdm.app.errors import refusal
from remdm.app.events import UI_EVENT
from remdm.app.workbench.settings import FIRST, FIRST_STEPS, Panel, first_of
from remdm.models.checkpoints import CheckpointError
from remdm.runs.domain import Model
from remdm.sampling.knobs import knobs
from remdm.sampling.methods import LONG, METHODS


class Reactions:
    """Connects the controls of a panel; its callbacks are the methods below."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        parts, knobs = list(panel.parts.values()), list(panel.knobs.values())
        shape = [*knobs, *parts, panel.schedule]
        panel.sampler.input(
            self.preset,
            [panel.sampler, panel.steps, panel.model],
            [*shape, *panel.drawing.values(), panel.cite],
            **UI_EVENT,
        )
        panel.steps.change(
            self.retimed, [panel.sampler, panel.steps, *knobs], knobs, trigger_mode="always_last", **UI_EVENT
        )
        for part in parts:
            part.input(self.recombined, parts, shape, **UI_EVENT)
        about = [panel.about, panel.length, panel.examples, panel.prompt, *panel.asked.values()]
        suited = [panel.sampler, panel.steps, *shape, *panel.drawing.values(), panel.cite]
        panel.model.input(self.remodelled, panel.model, [*about, *suited], **UI_EVENT)
        panel.examples.input(lambda text: (text, None), panel.examples, [panel.prompt, panel.examples], **UI_EVENT)
        panel.another.click(lambda: random.SystemRandom().randrange(1_000_000), None, panel.seed, **UI_EVENT)

    def preset(self, sampler: str, steps: float | None, model: str | None = None) -> list:
        """A sampler was chosen: its paper's values, how tokens of this model are drawn, and what applies."""
        panel, visible = self.panel, shown(METHODS[sampler].parts)
        values = defaults(sampler, _steps(steps)) | {"schedule": "linear"}
        own = next((each.defaults for each in panel.domain.models if each.name == model), {})
        values |= own if own.get("sampler") == sampler else {name: own[name] for name in panel.drawing if name in own}
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
        """Another model: what it is, its lengths, its prompts, its choices, and the settings that suit it."""
        domain = self.panel.domain
        try:
            model, asked = domain.model(name), domain.ask()
        except (ValueError, CheckpointError) as error:
            raise refusal(error) from error
        low, high = model.lengths or (1, model.length)
        length = gr.update(minimum=low, maximum=high, value=model.length, visible=model.lengths is not None)
        examples = gr.update(choices=list(model.examples), value=None, visible=bool(model.examples))
        prompt = gr.update(info=model.prompt_help, placeholder=model.placeholder, visible=bool(model.prompt_help))
        wish = [
            gr.update(choices=list(model.choices.get(name, each.metadata["knob"]["choices"])),
                      value=first_of(model, name, asked))
            if each.metadata["knob"]["choices"] else gr.update(value=first_of(model, name, asked))
            for name, each in knobs(domain.ask).items()
        ]  # fmt: skip
        return [model.about, length, examples, prompt, *wish, *self.suited(model)]

    def suited(self, model: Model) -> list:
        """The model's own settings; those that the page opens with for a model without any, beside ones that have."""
        if not any(each.defaults for each in (model, *self.panel.domain.models)):
            return [gr.skip()] * (len(self.panel.knobs) + len(self.panel.parts) + len(self.panel.drawing) + 4)
        own = {"sampler": FIRST, "steps": FIRST_STEPS, **model.defaults}
        made = self.preset(own["sampler"], own["steps"])
        names = [*self.panel.knobs, *self.panel.parts, "schedule", *self.panel.drawing]
        for place, name in enumerate(names):
            if name in own:
                made[place] = {**made[place], "value": own[name]}
        return [own["sampler"], own["steps"], *made]


def _steps(value: float | None) -> int:
    return int(value) if value and 1 <= value <= 8192 else FIRST_STEPS
