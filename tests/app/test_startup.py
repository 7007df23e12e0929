"""What makes the page start sooner leaves it as it is."""

import inspect
import json
import subprocess
import sys

import pytest
from gradio.blocks import Block
from gradio.components import Component
from gradio.state_holder import SessionState

from remdm.app import api
from remdm.app.components.board import Comparison
from remdm.app.components.visit_state import VisitState
from remdm.app.gathered import API_PARTS
from remdm.app.page import page
from remdm.app.startup import remember_signatures
from remdm.domains import registry


@pytest.fixture(scope="module")
def built():
    return page(registry.DOMAINS, registry.measurements(), registry.tabs())


def below(kind: type) -> set[type]:
    return {kind}.union(*map(below, kind.__subclasses__()))


def test_a_remembered_signature_is_what_the_constructor_takes():
    kinds = [each for each in below(Block) if "__init__" in vars(each)]
    taken = {each: inspect.signature(each.__init__) for each in kinds}
    remember_signatures(Block)
    assert len(kinds) > 50 and taken == {each: inspect.signature(each.__init__) for each in kinds}
    assert all(hasattr(inspect.unwrap(each.__init__), "__signature__") for each in kinds)


def test_gradio_imported_without_stubs_documents_its_events_all_the_same():
    code = (
        "import contextlib, json, sys; from remdm.app import startup\n"
        "with startup.without_stubs() if sys.argv[1] else contextlib.nullcontext(): import gradio as gr\n"
        "print(json.dumps([gr.Slider.change.__doc__, gr.Textbox.submit.__doc__, gr.Button.click.__doc__]))"
    )
    told = [
        json.loads(subprocess.run([sys.executable, "-c", code, each], capture_output=True, check=True).stdout)
        for each in ("yes", "")
    ]
    assert told[0] == told[1] and all(told[0])


def test_a_visit_begins_with_the_very_runs_of_the_page_and_the_browser_is_not_told_them(built):
    states = [each for each in built.blocks.values() if isinstance(each, VisitState)]
    visit = SessionState(built)
    shown = [each for each in states if isinstance(each.value, Comparison)]
    assert len(shown) == len(registry.DOMAINS) and all(visit[each._id] is each.value for each in shown)
    told = {each["id"]: each for each in built.get_config_file()["components"]}
    for each in states:
        assert told[each._id]["type"] == "state" and "value" not in told[each._id]["props"]


def test_a_page_that_is_not_whole_is_not_described(built):
    assert built.exited and len(built.config) == 0 and len(built.get_config_file()["components"]) == len(built.blocks)


def test_programs_are_told_what_they_can_call_and_the_browser_nothing_of_it(built):
    built.config = built.get_config_file()
    (endpoint,) = [built.fns[each["id"]] for each in built.config["dependencies"] if each["api_name"] == api.NAME]
    named = {each._id for each in (*endpoint.inputs, *endpoint.outputs)}
    for each in built.config["components"]:
        public = each["id"] in named and isinstance(built.blocks[each["id"]], Component)
        assert public == any(name in each for name in API_PARTS)
    told = built.get_api_info()["named_endpoints"][f"/{api.NAME}"]
    assert len(told["parameters"]) == 6 and all(each["type"] for each in told["parameters"])
