"""From a dataclass's knobs to the controls of the page, and back."""

from collections.abc import Mapping
from dataclasses import Field
from typing import Any

import gradio as gr

from remdm.denoiser import Truncation
from remdm.knobs import knobs
from remdm.methods import METHODS, TABLES, applicable, settings

LABELS = {
    "eta": "Strength", "eta_cap": "Cap", "eta_rescale": "Share of it", "t_on": "Loop begins", "t_off": "Loop ends",
    "alpha_on": "Decoded in the loop", "t_switch": "Remask from", "masked_sigma": "Masked positions use",
    "choice_temperature": "Random order", "swaps": "Swapped a step", "nucleus_p": "Nucleus",
    "temperature": "Temperature", "nucleus": "Token that crosses p",
}  # fmt: skip
PART_LABELS = {
    "transition": ("Who decides", "Each position alone, or the surest first."),
    "rule": ("How much", "The rule for sigma, the remasking probability."),
    "weighting": ("Which tokens", "All alike, or the unsure ones more."),
    "plan": ("When", "At every step, late, or in a loop at constant alpha."),
}


def part_knobs() -> dict[str, Field]:
    """Every knob that any part brings, by name, in the order of the tables."""
    found: dict[str, Field] = {}
    for table in TABLES.values():
        for part in table.values():
            for name, each in part.knobs.items():
                found.setdefault(name, each)
    return found


def control(name: str, each: Field, visible: bool = True) -> gr.Component:
    """The control of one knob."""
    about = each.metadata["knob"]
    label = LABELS[name] + (f" · {about['symbol']}" if about["symbol"] else "")
    common = {"label": label, "info": about["help"], "value": each.default, "visible": visible, "interactive": True, "key": name}
    if about["choices"]:
        return gr.Radio(list(about["choices"]), **common)
    return gr.Slider(about["low"], about["high"], step=about["step"], **common)


def part_control(table: str, value: str) -> gr.Dropdown:
    """The choice of one part."""
    label, info = PART_LABELS[table]
    return gr.Dropdown([(part.title, name) for name, part in TABLES[table].items()], value=value, label=label, info=info)


def defaults(sampler: str, steps: int) -> dict[str, Any]:
    """Every control's value for a preset: the paper's."""
    chosen = settings(sampler, steps)
    values = {name: each.default for name, each in part_knobs().items()}
    drawing = {name: getattr(chosen.truncation, name) for name in knobs(Truncation)}
    return {**values, **chosen.values, **drawing, **chosen.parts}


def shown(parts: Mapping[str, str]) -> dict[str, bool]:
    """Which part knobs and part choices apply."""
    apply = applicable(parts)
    return {
        **{name: name in apply for name in part_knobs()},
        **{table: table in ("transition", "plan") or parts["transition"] == "ancestral" for table in TABLES},
    }


def choices() -> list[tuple[str, str]]:
    """The samplers as (title, name)."""
    return [(method.title, name) for name, method in METHODS.items()]
