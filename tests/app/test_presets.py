"""A sampler chosen on the page brings all of its values: those that its command would run with, and what applies."""

import gradio as gr
import pytest

from remdm.app.components.controls import shown
from remdm.app.workbench.settings import Panel
from remdm.app.workbench.settings_events import Reactions
from remdm.domains.registry import DOMAINS
from remdm.sampling.methods import drawn_as, settings
from remdm.sampling.presets import METHODS

STEPS = 16


@pytest.fixture(scope="module", params=DOMAINS)
def panel(request) -> tuple[Panel, Reactions]:
    with gr.Blocks():
        made = Panel(DOMAINS[request.param])
        return made, Reactions(made)


def changed(change):
    """A component's new properties."""
    return change if isinstance(change, dict) else {"value": change}


@pytest.mark.parametrize("name", METHODS)
def test_a_sampler_brings_its_values_and_what_applies(panel, name):
    panel, reactions = panel
    model = panel.domain.models[0]
    changes = reactions.preset({panel.sampler: name, panel.steps: STEPS, panel.model: model.name})
    assert changes[panel.cite] == METHODS[name].cite or METHODS[name].cite in str(changes[panel.cite])
    values = {each: each.value for each in panel.inputs} | {panel.sampler: name, panel.steps: STEPS}
    values |= {each: changed(change)["value"] for each, change in changes.items() if "value" in changed(change)}
    asked = panel.requests(values)[0].settings
    own = model.defaults if model.defaults.get("sampler") == name else drawn_as(model.defaults, name, STEPS)
    names = {*panel.shape, *panel.drawing, *panel.answering}
    wanted = settings(name, STEPS, **{key: value for key, value in own.items() if key in names})
    assert asked.flat() == wanted.flat()
    visible = shown(METHODS[name].parts)
    for knob, control in panel.shape.items():
        assert changed(changes[control]).get("visible", True) == visible[knob], knob
