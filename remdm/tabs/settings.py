"""The settings beside the stage, in three groups: what to generate, how to remask, how to draw."""

import random
from collections.abc import Sequence
from typing import Any

import gradio as gr

from remdm.denoiser import Truncation
from remdm.domains.base import Domain
from remdm.knobs import knobs
from remdm.methods import METHODS, TABLES, applicable, settings
from remdm.recording import Order
from remdm.schedule import SCHEDULES
from remdm.tabs.controls import choices, control, defaults, part_control, part_knobs, shown

FIRST = "remdm-loop"
FIRST_STEPS = 64
MOST_STEPS = 512
MAX_SAMPLES = 8


class Panel:
    """The controls of a domain's tab and what they mean together."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        model = domain.models[0]
        visible = shown(settings(FIRST, FIRST_STEPS).parts)
        start = defaults(FIRST, FIRST_STEPS)
        gr.Markdown("### What to generate")
        self.model = gr.Dropdown([(each.title, each.name) for each in domain.models], value=model.name, label="Model", elem_id="model")
        self.about = gr.Markdown(model.about, elem_classes="hint")
        self.prompt = gr.Textbox(
            label="Prompt", lines=2, max_lines=5, max_length=2000, elem_id="prompt",
            placeholder="Empty: write freely", info="Words stay as given. _ is one blank, _5 five; a final ... lets the text go on.",
        )  # fmt: skip
        self.examples = gr.Dropdown(list(model.examples), label="Try a prompt", value=None, elem_id="examples")
        self.length = gr.Slider(*(model.lengths or (model.length, model.length + 1)), step=1, value=model.length, label="Length · L",
                                info="Positions.", visible=model.lengths is not None)  # fmt: skip
        with gr.Row():
            self.seed = gr.Number(7, label="Seed", precision=0, minimum=0, maximum=2**53 - 1, elem_id="seed", min_width=110,
                                  info="The same seed gives the same run.")  # fmt: skip
            self.samples = gr.Slider(1, MAX_SAMPLES, step=1, value=1, label="Samples", min_width=110, info="Runs of this seed.")
        self.another = gr.Button("Another seed", size="sm")
        gr.Markdown("### How to remask")
        self.sampler = gr.Dropdown(choices(), value=FIRST, label="Sampler", elem_id="sampler", info="A preset with its paper's values.")
        self.cite = gr.Markdown(METHODS[FIRST].cite, elem_classes="hint")
        self.steps = gr.Slider(1, MOST_STEPS, step=1, value=FIRST_STEPS, label="Steps · T", elem_id="steps",
                               info="More steps give remasking more chances.")  # fmt: skip
        self.knobs = {name: control(name, each, visible[name]) for name, each in part_knobs().items()}
        for name, part in self.knobs.items():
            part.value = start[name]
        with gr.Accordion("Its parts, freely combined", open=False):
            self.parts = {table: part_control(table, start[table]) for table in TABLES}
            self.schedule = gr.Dropdown(list(SCHEDULES), value="linear", label="Schedule · α(t)", info="How fast tokens are decoded.")
        gr.Markdown("### How to draw")
        self.drawing = {name: control(name, each) for name, each in knobs(Truncation).items()}
        for name, part in self.drawing.items():
            part.value = start[name]
        self.precision = gr.Radio([64, 32], value=64, label="Noise precision (bits)", info="32 truncates the noise: less diverse text.")
        self._listen()

    @property
    def inputs(self) -> list[gr.Component]:
        """All controls, in the order that `orders` takes their values."""
        return [
            self.model, self.prompt, self.length, self.seed, self.samples, self.sampler, self.steps, *self.parts.values(),
            self.schedule, *self.knobs.values(), *self.drawing.values(), self.precision,
        ]  # fmt: skip

    def orders(self, values: Sequence[Any]) -> list[Order]:
        """What the controls ask for, one order a sample.

        Raises:
            ValueError: with one sentence, for values that will not do.
        """
        rest = iter(values)
        model = self.domain.model(next(rest))
        prompt, length, seed, samples, sampler, steps = (next(rest) for _ in range(6))
        parts = {table: next(rest) for table in self.parts}
        given = {**parts, "schedule": next(rest)}
        turned = {name: next(rest) for name in self.knobs}
        if all(row in TABLES[table] for table, row in parts.items()):
            given |= {name: turned[name] for name in applicable(parts)}
        given |= {name: next(rest) for name in self.drawing} | {"precision": next(rest)}
        for name, value in (("steps", steps), ("seed", seed), ("samples", samples), ("length", length)):
            if not isinstance(value, int | float) or value != int(value):
                raise ValueError(f"{name} must be a whole number, got {value if value is not None else 'nothing'}")
        if not 1 <= samples <= MAX_SAMPLES:
            raise ValueError(f"samples must lie between 1 and {MAX_SAMPLES}, got {samples}")
        if "swaps" in given:
            given["swaps"] = int(given["swaps"])
        chosen = settings(sampler, int(steps), **given)
        length = int(length) if model.lengths else model.length
        return [Order(self.domain, model, prompt or "", length, chosen, int(seed), index) for index in range(int(samples))]

    def _listen(self) -> None:
        turned = {**self.knobs, **self.drawing, **self.parts}
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        outputs = [*turned.values(), self.cite]
        self.sampler.input(self.preset, [self.sampler, self.steps], outputs, **quiet)
        self.steps.release(self.retimed, [self.sampler, self.steps, *self.knobs.values()], list(self.knobs.values()), **quiet)
        for part in self.parts.values():
            part.input(self.recombined, list(self.parts.values()), [*self.knobs.values(), *self.parts.values()], **quiet)
        self.model.input(self.remodelled, [self.model], [self.about, self.length, self.examples], **quiet)
        self.examples.input(lambda text: text, [self.examples], [self.prompt], **quiet)
        self.another.click(lambda: random.SystemRandom().randrange(1_000_000), None, [self.seed], **quiet)

    def preset(self, sampler: str, steps: float) -> list:
        """A sampler was chosen: its paper's values, and only the controls that apply."""
        values, visible = defaults(sampler, int(steps or FIRST_STEPS)), shown(METHODS[sampler].parts)
        made = [self._same(part, value=values[name], visible=visible[name]) for name, part in self.knobs.items()]
        made += [self._same(part, value=values[name]) for name, part in self.drawing.items()]
        made += [self._same(part, value=values[table], visible=visible[table]) for table, part in self.parts.items()]
        return [*made, METHODS[sampler].cite]

    def retimed(self, sampler: str, steps: float, *turned: Any) -> list:
        """T changed: knobs that still stand at the paper's value for another T follow it."""
        was = [defaults(sampler, 1), defaults(sampler, 1024)]
        now = defaults(sampler, int(steps))
        return [
            self._same(part, value=now[name]) if any(value == old[name] for old in was) else gr.skip()
            for (name, part), value in zip(self.knobs.items(), turned, strict=True)
        ]

    def recombined(self, *rows: str) -> list:
        """A part was chosen: show the controls that apply to the combination."""
        visible = shown(dict(zip(self.parts, rows, strict=True)))
        return [self._same(part, visible=visible[name]) for name, part in {**self.knobs, **self.parts}.items()]

    def remodelled(self, name: str) -> list:
        """Another model: what it is, its lengths, its prompts."""
        model = self.domain.model(name)
        low, high = model.lengths or (model.length, model.length + 1)
        length = gr.Slider(minimum=low, maximum=high, value=model.length, visible=model.lengths is not None)
        return [model.about, length, gr.Dropdown(list(model.examples), value=None)]

    @staticmethod
    def _same(part: gr.Component, **changes: Any) -> gr.Component:
        return type(part)(**changes)
