"""The settings next to the stage, in three groups: what to generate, how to remask, how to sample tokens."""

import os
import random
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import Field, replace
from typing import Any

import gradio as gr
from gradio.components import Component

from remdm import limits
from remdm.app.components.controls import choices, control, defaults, part_control, shown
from remdm.app.components.ranges import Dial, NumberField
from remdm.app.events import Changes, Values
from remdm.runs.domain import Domain, Model
from remdm.runs.request import MAX_SEED, RunRequest
from remdm.sampling.answering import Answering
from remdm.sampling.denoiser import Truncation
from remdm.sampling.knobs import canonical, knobs
from remdm.sampling.methods import TABLES, Settings, applicable, part_knobs, settings
from remdm.sampling.presets import METHODS
from remdm.sampling.schedule import SCHEDULES

FIRST = "remdm-loop"
FIRST_STEPS = 64
MOST_STEPS = 1024
MOST_PROMPT = 2000
"""Letters."""
STRENGTH = ("eta",)
"""The knobs that stand in the strip."""


def opening_settings(model: Model) -> dict[str, Any]:
    """What the controls open with for a model: what was measured to be best for it, else what suits it."""
    return {"sampler": FIRST, "steps": FIRST_STEPS, **model.defaults, **model.recommended}


def another_seed() -> int:
    """A seed that nobody chose."""
    return random.SystemRandom().randrange(1_000_000)


class Panel:
    """The controls of a domain's tab and what they mean together."""

    def __init__(self, domain: Domain, strip: gr.Row | None = None) -> None:
        """Build them where they are called for; those that are used most stand in `strip`, if there is one."""
        self.domain = domain
        self._strip: Any = strip or nullcontext()
        own = opening_settings(domain.models[0])
        self._first, self._first_steps = own["sampler"], own["steps"]
        self._visible = shown(METHODS[self._first].parts)
        self._start = {**defaults(self._first, self._first_steps), **own}
        self._what_to_generate()
        self._how_to_remask()
        self._token_sampling()

    def _id(self, name: str) -> str:
        return f"{self.domain.name}-{name}"

    def _what_to_generate(self) -> None:
        model = self.domain.models[0]
        typed = self.domain.other is not None and (limits.current().any_model or limits.MODELS in os.environ)
        gr.Markdown("### What to generate")
        self.model = gr.Dropdown(
            [(each.title, each.name) for each in self.domain.models], value=model.name, label="Model",
            elem_id=self._id("model"), elem_classes="whole", filterable=typed,
            allow_custom_value=typed,
            info="One of these, or a hub id or folder: MDLM, LLaDA, masked LMs of transformers, our own."
            if typed else None,
        )  # fmt: skip
        self.about = gr.Markdown(model.about, elem_classes="hint")
        with self._strip:
            self.prompt = gr.Textbox(
                label="Start with", lines=1, max_lines=5, max_length=MOST_PROMPT, elem_id=self._id("prompt"),
                elem_classes="whole", placeholder=model.placeholder, info=model.prompt_help,
                visible=bool(model.prompt_help),
            )  # fmt: skip
        self.examples = gr.Dropdown(
            list(model.examples), label="Try a prompt", value=None, elem_id=self._id("examples"), elem_classes="whole",
            filterable=False, visible=bool(model.examples),
        )  # fmt: skip
        fields, asked = knobs(self.domain.ask), self.domain.ask()
        self.asked = {
            name: control(
                name, each, first_of(model, name, asked), self.domain.name, choices=model.choices.get(name, ()),
                elem_classes="whole",
            )
            for name, each in fields.items()
        }  # fmt: skip
        self.length = Dial(
            *(model.lengths or (1, model.length)), step=1, value=model.length, label="Length · L", info="Positions.",
            visible=model.lengths is not None, elem_id=self._id("length"), elem_classes="whole", buttons=[],
        )  # fmt: skip
        self.samples = Dial(
            1, self.domain.most_samples, step=1, value=1, label="Samples", info="Runs of this seed.",
            elem_id=self._id("count"), buttons=[],
        )  # fmt: skip

    def _how_to_remask(self) -> None:
        gr.Markdown("### How to remask")
        where = self.domain.name
        every = part_knobs()
        with self._strip:
            self.sampler = gr.Dropdown(
                choices(), value=self._first, label="Sampler", elem_id=self._id("sampler"), elem_classes="whole",
                info="A preset with its paper's values.", filterable=False,
            )  # fmt: skip
            self.steps = Dial(
                1, MOST_STEPS, step=1, value=self._first_steps, label="Steps · T", elem_id=self._id("steps"),
                elem_classes="whole", info="More steps give remasking more chances.", buttons=[],
            )  # fmt: skip
            self.knobs = {
                name: control(name, every[name], self._start[name], where, self._visible[name]) for name in STRENGTH
            }
            self.seed = NumberField(
                7, minimum=0, maximum=MAX_SEED, label="Seed", elem_id=self._id("seed"),
                info="The same seed, the same run.",
            )  # fmt: skip
            self.another = gr.Button("⚄", size="sm", elem_id=self._id("another"), elem_classes="die")
        self.cite = gr.Markdown(METHODS[self._first].cite, elem_classes="hint")
        self.recommended = gr.Button(
            "Best known for this T", size="sm", elem_id=self._id("best"), elem_classes="another"
        )
        self.known = gr.Markdown("", elem_id=self._id("known"), elem_classes="hint")
        self.outlook = gr.HTML("", elem_id=self._id("outlook"), elem_classes="whole")
        self.knobs |= {
            name: control(name, each, self._start[name], where, self._visible[name])
            for name, each in every.items()
            if name not in STRENGTH
        }
        with gr.Accordion("Custom sampler", open=False, elem_id=self._id("parts"), elem_classes="parts"):
            self.parts = {
                table: part_control(table, self._start[table], where, self._visible[table]) for table in TABLES
            }
            self.schedule = gr.Dropdown(
                list(SCHEDULES), value=self._start["schedule"], label="Schedule · α(t)",
                info="How fast tokens are decoded.", elem_id=self._id("schedule"), filterable=False,
                visible=self._visible["schedule"],
            )  # fmt: skip
        self.shape: dict[str, Component] = {**self.knobs, **self.parts, "schedule": self.schedule}
        """The controls that apply to some combinations of parts only."""

    def _token_sampling(self) -> None:
        gr.Markdown("### Token sampling")
        self.drawing = {
            name: control(name, each, self._start[name], self.domain.name) for name, each in knobs(Truncation).items()
        }
        self.precision = gr.Radio(
            [64, 32], value=64, label="Noise precision · bits", info="32 truncates the noise: less diverse text.",
            elem_id=self._id("precision"),
        )  # fmt: skip
        with gr.Accordion("Behind a prompt", open=False, elem_id=self._id("answering"), elem_classes="parts"):
            self.answering = {
                name: control(name, each, self._start[name], self.domain.name)
                for name, each in knobs(Answering).items()
            }
        self.recorded = gr.Radio(
            [("every masked position", "all"), ("decoded tokens only", "decoded")], value="all",
            label="Recorded confidence", info="Only decoded ones: faster, and the map stays blank where masked.",
            elem_id=self._id("recorded"), elem_classes="whole",
        )  # fmt: skip

    @property
    def inputs(self) -> set[Component]:
        """All controls that `requests` reads."""
        return {
            self.model, self.prompt, *self.asked.values(), self.length, self.seed, self.samples, self.sampler,
            self.steps, *self.shape.values(), *self.drawing.values(), *self.answering.values(), self.precision,
            self.recorded,
        }  # fmt: skip

    def requests(self, values: Values) -> list[RunRequest]:
        """What the controls ask for, one request a sample.

        Raises:
            ValueError: with one sentence, for invalid values.
        """
        model = self.domain.model(values[self.model])
        asked = self.domain.ask(**_given(values, self.asked, knobs(self.domain.ask)))
        count = whole("samples", values[self.samples], 1, self.domain.most_samples)
        chosen = self._settings(values)
        length = whole("length", values[self.length], *model.lengths) if model.lengths else model.length
        seed, watch = whole("seed", values[self.seed], 0, MAX_SEED), values[self.recorded] == "all"
        prompt = short(str(values[self.prompt] or ""))
        first = RunRequest(
            self.domain, model, prompt, length, chosen, seed, asked=asked, watch=watch, coupled=True, drafts=watch
        )
        return [replace(first, index=index) for index in range(count)]

    def _settings(self, values: Values) -> Settings:
        """The sampler with all that the controls say of it, as far as it applies."""
        parts = {table: values[each] for table, each in self.parts.items()}
        given = {**parts, "schedule": "linear" if parts["plan"] == "capped" else values[self.schedule]}
        if all(row in list(TABLES[table]) for table, row in parts.items()):
            given |= _given(values, self.knobs, applicable(parts))
        given |= _given(values, self.drawing, knobs(Truncation)) | _given(values, self.answering, knobs(Answering))
        steps = whole("steps", values[self.steps], 1, MOST_STEPS)
        return settings(values[self.sampler], steps, **given, precision=values[self.precision])

    def turned_to(self, chosen: Settings) -> Changes:
        """The controls as they stand for settings; those that do not apply are hidden, at the preset's values."""
        values, visible = {**defaults(chosen.sampler, chosen.steps), **chosen.flat()}, shown(chosen.parts)
        controls = {**self.shape, **self.drawing, **self.answering, "precision": self.precision}
        return {
            self.sampler: chosen.sampler, self.cite: METHODS[chosen.sampler].cite,
            **{each: gr.update(value=values[name], visible=visible.get(name, True)) for name, each in controls.items()},
        }  # fmt: skip

    def shows(self, request: RunRequest) -> Changes:
        """The controls as they stand for a run."""
        model = request.model
        return {
            **self.turned_to(request.settings), self.model: model.name, self.about: model.about,
            self.prompt: request.prompt, self.seed: request.seed, self.samples: 1,
            self.steps: request.settings.steps, self.length: length_of(model, request.length),
            self.recorded: "all" if request.watch else "decoded",
            **{control: getattr(request.asked, name) for name, control in self.asked.items()},
        }  # fmt: skip

    @property
    def controls(self) -> set[Component]:
        """All that `shows` changes."""
        return {*self.inputs, self.about, self.cite}

    def stands_for(self, request: RunRequest) -> None:
        """The same while the page is built."""
        for each, change in self.shows(request).items():
            update = change if isinstance(change, dict) else {"value": change}
            for name, value in update.items():
                if not name.startswith("__"):
                    setattr(each, name, value)


def _given(values: Values, controls: Mapping[str, Component], fields: Mapping[str, Field]) -> dict[str, Any]:
    """The values of fields by name, from their controls."""
    return {name: filled(name, each, values[controls[name]]) for name, each in fields.items()}


def length_of(model: Model, length: int) -> Any:
    """The control of the length as it stands for a model."""
    low, high = model.lengths or (1, model.length)
    return gr.update(minimum=low, maximum=high, value=length, visible=model.lengths is not None)


def first_of(model: Model, name: str, asked: Any) -> Any:
    """What a field starts with: the model's default, or the domain's where the model has it, else its first choice."""
    value, allowed = model.defaults.get(name, getattr(asked, name)), model.choices.get(name)
    return value if allowed is None or value in allowed else allowed[0]


def filled(name: str, each: Field, value: Any) -> Any:
    """A knob's value as its field's kind, for the browser sends 1 and 1.0 alike.

    Raises:
        ValueError: where the field is empty.
    """
    if value is None:
        raise ValueError(f"{name} is empty; give it a value.")
    return canonical(each, value)


def short(prompt: str) -> str:
    """A prompt that the page takes.

    Raises:
        ValueError: for one that is longer.
    """
    if len(prompt) > MOST_PROMPT:
        raise ValueError(f"prompt must have at most {MOST_PROMPT:,} letters, got {len(prompt):,}")
    return prompt


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number in its range.

    Raises:
        ValueError: for anything else.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high or value != int(value):
        got = "nothing" if value is None else str(value)[:40]
        raise ValueError(f"{name} must be a whole number from {low} to {high}, got {got}.")
    return int(value)
