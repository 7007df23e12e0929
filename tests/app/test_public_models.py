"""Public models on the page: settings switch with the model, downloads show, refusals are toasts."""

import json
import weakref
from pathlib import Path

import gradio as gr
import huggingface_hub
import pytest
from public_hub import serving

from remdm.app.events import guarded
from remdm.app.streams import made
from remdm.app.workbench.settings_events import Reactions
from remdm.app.workbench.workbench import Workbench
from remdm.domains.registry import DOMAINS
from remdm.hub import download, loading, store
from remdm.serving.streamed_runs import RUNS
from remdm.studies.reproduce.public_files import mdlm_folder

RECORDED = Path(__file__).parents[2] / "assets" / "recorded"


@pytest.fixture(scope="module")
def bench():
    with gr.Blocks():
        return Workbench(DOMAINS["text"], RECORDED / "text.json.gz", None)


@pytest.fixture(scope="module")
def pictures():
    with gr.Blocks():
        return Workbench(DOMAINS["image"], RECORDED / "image.json.gz", None)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub with a small mdlm-owt in it."""
    for place in ("mdlm", "gpt2"):
        mdlm_folder(tmp_path / place)
    (tmp_path / "mdlm" / "tokenizer.json").unlink()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for name in (store.LOCAL, "REMDM_MODELS", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    loading.MODEL_CACHE.empty()
    repos = {"kuleshov-group/mdlm-owt": tmp_path / "mdlm", "openai-community/gpt2": tmp_path / "gpt2"}
    with serving(repos) as server:
        monkeypatch.setattr(download, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield server


def chosen(bench, name):
    """What the controls are set to when a model is chosen, by their labels' ids."""
    panel = bench.panel
    with gr.Blocks():
        changes = Reactions(panel).remodelled(name)
    about = {panel.about, panel.length, panel.examples, panel.prompt, *panel.asked.values()}
    shape = {*panel.shape.values(), *panel.drawing.values(), *panel.answering.values(), panel.cite}
    assert changes.keys() == {*about, panel.sampler, panel.steps, *shape}
    return {
        (control.elem_id or "about").split("-", 1)[-1]: change.get("value") if isinstance(change, dict) else change
        for control, change in changes.items()
    }


def test_settings_switch_with_the_model_and_back(bench):
    paper = chosen(bench, "mdlm-owt")
    assert (paper["sampler"], paper["steps"], paper["eta"], paper["length"]) == ("remdm-cap", 128, 0.04, 1024)
    llada = chosen(bench, "llada-8b-instruct")
    assert (llada["sampler"], llada["nucleus_p"], llada["transition"]) == ("remdm-llada", 1.0, "llada-loop")
    stories = chosen(bench, "stories")
    assert (stories["sampler"], stories["steps"], stories["eta"]) == ("remdm-rescale", 128, 0.1)
    assert stories["nucleus_p"] == 0.9


def test_picture_models_bring_their_classes_and_guidance(pictures):
    halton = chosen(pictures, "halton-384-large")
    assert (halton["category"], halton["guidance_scale"], halton["temperature"]) == ("tench", 1.5, 0.8)
    assert chosen(pictures, "emoji")["category"] == "face"


@pytest.mark.parametrize(
    ("name", "says"), [("kuleshov-group/udlm-qm9", "uniform noise"), ("storys", "model must be one of stories")]
)
def test_a_model_that_will_not_do_is_a_toast(bench, name, says):
    with gr.Blocks():
        remodelled = guarded(Reactions(bench.panel).remodelled)
    with pytest.raises(gr.Error, match=says):
        remodelled(name)


def clicked(bench, model, lanes=1, **values):
    """What Run does with these values in the controls, the others as they stand."""
    panel, controls = bench.panel, bench.controls
    named = {panel.model: model} | {getattr(panel, name): value for name, value in values.items()}
    named[bench.lanes.count] = lanes
    inputs = {*panel.inputs, *bench.lanes.inputs}
    given = {control: named.get(control, control.value) for control in inputs}
    ticket = RUNS.begin()
    run = controls.guarded(lambda values, group: bench.written(panel.requests(values), values, group))
    return ticket, run({**given, controls.ticket: ticket})


def labels(changes, bench):
    return [change[bench.controls.run].value for change in changes if bench.controls.run in change]


def test_a_download_shows_on_the_button_and_then_it_runs(bench, hub):
    ticket, changes = clicked(bench, "mdlm-owt", length=64, steps=2)
    seen = labels(changes, bench)
    assert seen[0].startswith("Downloading 0% of 0.") and "Running …" in seen and seen[-1] == "Run"
    assert len(RUNS.group(ticket).runs) == 1


@pytest.mark.parametrize("lanes", [1, 2])
def test_runs_that_the_page_keeps_do_not_keep_their_network(bench, hub, lanes):
    """Only so can another model have its memory."""
    ticket, changes = clicked(bench, "mdlm-owt", lanes, length=64, steps=2)
    assert labels(changes, bench)[-1] == "Run"
    gone = weakref.ref(loading.MODEL_CACHE.peek("mdlm-owt").denoiser.network)
    loading.MODEL_CACHE.empty()
    assert gone() is None
    (shown, *_) = RUNS.group(ticket).runs
    assert "masked" not in made(shown).trace.text and len(json.loads(RUNS.frames(shown.run_id, 0, 9))) == 2


def test_stop_calls_a_download_off(bench, hub):
    hub.goes_on.clear()
    ticket, changes = clicked(bench, "mdlm-owt", length=64, steps=2)
    next(changes)
    RUNS.group(ticket).stop()
    hub.goes_on.set()
    assert all("Running" not in label for label in labels(changes, bench))
    assert loading.MODEL_CACHE.peek("mdlm-owt") is None and not RUNS.group(ticket).runs


def test_no_hub_is_a_toast_and_the_button_comes_back(bench, hub, monkeypatch):
    monkeypatch.setattr(download, "ENDPOINT", "http://127.0.0.1:9")
    _, changes = clicked(bench, "mdlm-owt", length=64, steps=2)
    assert next(changes)[bench.controls.run].value == "Run"
    with pytest.raises(gr.Error, match="The model hub cannot be reached"):
        next(changes)
