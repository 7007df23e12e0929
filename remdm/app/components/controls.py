"""From a dataclass's knobs to the controls of the page, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import Field
from typing import Any

import gradio as gr

from remdm.app.components.ranges import Dial
from remdm.sampling.answering import Answering
from remdm.sampling.denoiser import Truncation
from remdm.sampling.knobs import knobs
from remdm.sampling.methods import TABLES, applicable, part_knobs, settings
from remdm.sampling.presets import METHODS

LABELS = {
    "eta": "Strength", "eta_cap": "Cap", "eta_rescale": "Share of it", "t_on": "Begins at", "t_off": "Ends at",
    "alpha_on": "Decoded in loop", "t_switch": "Remask from", "masked_sigma": "Masked positions use",
    "choice_temperature": "Choice temperature", "swaps": "Swapped a step", "nucleus_p": "Nucleus",
    "temperature": "Temperature", "nucleus": "Token that crosses p",
}  # fmt: skip
PART_LABELS = {
    "transition": ("Unmasking order", "Each position alone, or the most confident first."),
    "rule": ("How much", "The rule for sigma, the remasking probability."),
    "weighting": ("Which tokens", "Uniform, or the less confident ones more."),
    "plan": ("When", "At every step, late, or in a loop at constant alpha."),
}


MOST_BUTTONS = 4
"""So many choices are buttons in a row; more are a list that can be searched."""


def label(name: str, each: Field) -> str:
    """What a knob is called on the page, with its symbol."""
    about = each.metadata["knob"]
    words = about["label"] or LABELS.get(name) or name.replace("_", " ").capitalize()
    return words + (f" · {about['symbol']}" if about["symbol"] else "")


def control(
    name: str, each: Field, value: Any, where: str, visible: bool = True, choices: Sequence[Any] = (), **more: Any
) -> gr.Component:
    """The control of one knob; `where` is the tab that it stands in, `choices` those of the field if not given."""
    about = each.metadata["knob"]
    common = {
        "label": label(name, each),
        "info": about["help"],
        "value": value,
        "visible": visible,
        "interactive": True,
        "elem_id": f"{where}-{name}",
        **more,
    }
    if about["choices"]:
        few = len(about["choices"]) <= MOST_BUTTONS
        return (gr.Radio if few else gr.Dropdown)(list(choices or about["choices"]), **common)
    return Dial(about["low"], about["high"], step=about["step"], buttons=[], **common)


def part_control(table: str, value: str, where: str, visible: bool = True) -> gr.Dropdown:
    """The choice of one part."""
    label, info = PART_LABELS[table]
    rows = [(part.title, name) for name, part in TABLES[table].items()]
    return gr.Dropdown(
        rows, value=value, label=label, info=info, visible=visible, elem_id=f"{where}-{table}", filterable=False
    )


def defaults(sampler: str, steps: int) -> dict[str, Any]:
    """Every control's value for a preset: the paper's."""
    chosen = settings(sampler, steps)
    values = {name: each.default for name, each in part_knobs().items()}
    drawing = {name: getattr(chosen.truncation, name) for name in knobs(Truncation)}
    answering = {name: getattr(chosen.answering, name) for name in knobs(Answering)}
    return {**values, **chosen.values, **drawing, **answering, **chosen.parts, "schedule": chosen.schedule}


def shown(parts: Mapping[str, str]) -> dict[str, bool]:
    """Which knobs, parts and schedules apply to a combination of parts."""
    apply, alone = applicable(parts), parts["transition"] == "ancestral"
    return {
        **{name: name in apply for name in part_knobs()},
        "transition": True,
        "rule": alone,
        "weighting": alone and parts["rule"] != "never",
        "plan": True,
        "schedule": parts["plan"] != "capped",
    }


def choices() -> list[tuple[str, str]]:
    """The samplers as (title, name)."""
    return [(method.title, name) for name, method in METHODS.items()]
