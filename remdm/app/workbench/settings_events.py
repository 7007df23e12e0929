"""How the settings answer to each other: a preset fills in its values, and what does not apply disappears."""

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from remdm.app.components.controls import defaults, shown
from remdm.app.events import LATEST, Changes, Values, on
from remdm.app.workbench.settings import FIRST_STEPS, Panel, another_seed, first_of, length_of, opening_settings
from remdm.runs.domain import Model
from remdm.sampling.knobs import knobs
from remdm.sampling.methods import drawn_as, settings
from remdm.sampling.parts import HOLDING
from remdm.sampling.presets import LONG


class Reactions:
    """Connects the controls of a panel; its callbacks are the methods below."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        turned, parts = set(panel.knobs.values()), set(panel.parts.values())
        shape = {*panel.shape.values()}
        preset = {*shape, *panel.drawing.values(), *panel.answering.values(), panel.cite}
        on(panel.sampler.input, self.preset, {panel.sampler, panel.steps, panel.model}, preset, **LATEST)
        on(panel.steps.change, self.retimed, {panel.sampler, panel.steps, *turned}, turned, **LATEST)
        on([part.input for part in panel.parts.values()], self.recombined, parts, shape, **LATEST)
        about = {panel.about, panel.length, panel.examples, panel.prompt, *panel.asked.values()}
        on(panel.model.input, self.remodelled, panel.model, {*about, *preset, panel.sampler, panel.steps}, **LATEST)
        example = lambda text: {panel.prompt: text, panel.examples: None}
        on(panel.examples.input, example, panel.examples, {panel.prompt, panel.examples})
        on(panel.another.click, another_seed, None, panel.seed)

    def preset(self, values: Values) -> Changes:
        """A sampler was chosen: its paper's values, how tokens of this model are drawn, and what applies."""
        panel, sampler = self.panel, values[self.panel.sampler]
        own = next((each.defaults for each in panel.domain.models if each.name == values[panel.model]), {})
        steps = self._steps(values)
        return self._preset(sampler, steps, own if own.get("sampler") == sampler else drawn_as(own, sampler, steps))

    def _preset(self, sampler: str, steps: int, own: Mapping[str, Any]) -> Changes:
        """A sampler with its paper's values, changed where a model has its own."""
        panel = self.panel
        names = {*panel.shape, *panel.drawing, *panel.answering}
        changes = panel.turned_to(settings(sampler, steps, **{name: own[name] for name in names if name in own}))
        return {each: change for each, change in changes.items() if each not in (panel.sampler, panel.precision)}

    def retimed(self, values: Values) -> Changes:
        """T changed: knobs that still stand at the paper's value for another T follow it."""
        sampler, steps = values[self.panel.sampler], self._steps(values)
        known, now = [defaults(sampler, 1), defaults(sampler, LONG)], defaults(sampler, steps)
        changes: Changes = {}
        for name, each in self.panel.knobs.items():
            value = readable(values, each)
            follows = value != now[name] and any(value == paper[name] for paper in known)
            changes[each] = gr.update(value=now[name]) if follows else gr.skip()
        return changes

    def recombined(self, values: Values) -> Changes:
        """A part was chosen: show the controls that apply to the combination."""
        parts = {table: values[each] for table, each in self.panel.parts.items()}
        visible = shown(parts)
        changes: Changes = {each: gr.update(visible=visible[name]) for name, each in self.panel.shape.items()}
        if parts["plan"] in HOLDING:  # there nothing would decode with zero
            changes[self.panel.knobs["masked_sigma"]] = gr.update(visible=visible["masked_sigma"], value="mean")
        return changes

    def remodelled(self, name: str) -> Changes:
        """Another model: what it is, its lengths, its prompts, its choices, and the settings that suit it."""
        panel, domain = self.panel, self.panel.domain
        model, asked = domain.model(name), domain.ask()
        changes: Changes = {
            panel.about: model.about,
            panel.length: length_of(model, model.length),
            panel.examples: gr.update(choices=list(model.examples), value=None, visible=bool(model.examples)),
            panel.prompt: gr.update(
                info=model.prompt_help, placeholder=model.placeholder, visible=bool(model.prompt_help)
            ),
        }
        for field, each in knobs(domain.ask).items():
            offered = model.choices.get(field, each.metadata["knob"]["choices"])
            choices: dict[str, Any] = {"choices": list(offered)} if offered else {}
            changes[panel.asked[field]] = gr.update(value=first_of(model, field, asked), **choices)
        return {**changes, **self._suited(model)}

    def _suited(self, model: Model) -> Changes:
        """The model's own settings; those that the page opens with for a model without any, where others have some."""
        if not any(each.defaults or each.recommended for each in (model, *self.panel.domain.models)):
            return {}
        own = opening_settings(model)
        sampler, steps = own["sampler"], own["steps"]
        return {**self._preset(sampler, steps, own), self.panel.sampler: sampler, self.panel.steps: steps}

    def _steps(self, values: Values) -> int:
        """T as it stands; the page's first T while what was typed is none."""
        return int(readable(values, self.panel.steps) or FIRST_STEPS)


def readable(values: Values, control: Component) -> Any:
    """A control's value, None while it is none that can be used: Run says so, nothing else has to."""
    try:
        return values[control]
    except ValueError:
        return None
