"""What the page sends for an event: few components, so that no message makes the browser look through all of them."""

import asyncio
import json

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from remdm.app import api
from remdm.app.components.ranges import Dial
from remdm.app.gathered import FEW, GATHER, Page, spread
from remdm.app.page import page
from remdm.domains import registry


@pytest.fixture(scope="module")
def config():
    return page(registry.DOMAINS, registry.measurements(), registry.tabs()).get_config_file()


def test_no_event_that_the_server_answers_names_many_components(config):
    answered = [each for each in config["dependencies"] if each["backend_fn"] and each["api_name"] != api.NAME]
    states = {each["id"] for each in config["components"] if each["type"] == "state"}
    many = {each["id"]: len(set(each["inputs"]) - states) for each in answered}
    assert len(many) > 60 and max(many.values()) <= FEW


def test_a_form_is_filled_by_the_event_before_it(config):
    forms = {each["id"]: each for each in config["dependencies"] if each["js"] == GATHER}
    assert len(forms) >= 4 * 5
    for each in config["dependencies"]:
        if each["trigger_after"] in forms:
            assert each["inputs"][0] == forms[each["trigger_after"]]["outputs"][0] and each["backend_fn"]


def test_a_form_is_spread_over_the_inputs():
    one, state, other = Dial(1, 5, step=1), gr.State("kept"), gr.Textbox()
    assert spread([one, state, other], [json.dumps([3, "text"]), None]) == [3, None, "text"]


@pytest.mark.parametrize("sent", [[], [None], [7], ["no json"], ["7"], ["[1]"], ["[1, 2, 3]"], ['{"a": 1, "b": 2}']])
def test_anything_else_is_one_sentence(sent):
    with pytest.raises(gr.Error, match="load it again") as caught:
        spread([Dial(1, 5, step=1), gr.Textbox()], sent)
    assert caught.value.print_exception is False


@pytest.mark.parametrize("changed", [(), ("text",), ("state",), ("text", "number", "state"), ("look",)])
def test_what_a_callback_leaves_alone_is_not_touched_and_the_browser_is_told_the_same(changed):
    with Page() as demo:
        parts = {"text": gr.Textbox(), "number": gr.Number(), "state": gr.State(), "look": gr.Button()}
        event = gr.Button().click(lambda: None, None, list(parts.values()))
    values = {"text": "new", "number": 3, "state": [1], "look": gr.Button("Go", interactive=False)}
    given = {parts[name]: values[name] for name in changed} or {parts["text"]: gr.skip()}
    ours, own = SessionState(demo), SessionState(demo)
    before = dict(ours.blocks_config.blocks)
    told = asyncio.run(demo.postprocess_data(demo.fns[event["id"]], given, ours))
    assert told == asyncio.run(gr.Blocks.postprocess_data(demo, demo.fns[event["id"]], given, own))
    anew = {name for name, each in parts.items() if ours.blocks_config.blocks[each._id] is not before[each._id]}
    assert anew == {"look"} & set(changed)
    assert ours.state_data == own.state_data
