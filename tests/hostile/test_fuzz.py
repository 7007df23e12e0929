"""Inputs that nobody thought of: prompts, traces, links, callbacks and files. Each is a sentence or a result.

None is above the budget of a public page: what is accepted is counted as the page counts it. `make hostile` tries
10,000 of them and prints what it found; `make test` the same few each time.
"""

import asyncio
import base64
import inspect
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.state_holder import SessionState
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remdm import limits
from remdm.app import samples
from remdm.app.errors import failure
from remdm.app.page import page
from remdm.app.samples import Sample
from remdm.app.streams import affordable, work
from remdm.app.workbench.settings import Panel
from remdm.app.workbench.share import read_link
from remdm.domains.registry import DOMAINS, measurements, tabs
from remdm.hub import loading
from remdm.hub.kinds import family_of
from remdm.hub.prompting import notes, segments, start
from remdm.models.network import compute
from remdm.models.weights import read_inert, read_json, read_safetensors
from remdm.runs.record import prepare
from remdm.runs.request import RunRequest
from remdm.runs.trace_file import dumps, loads
from remdm.runs.trace_file import load as load_trace
from remdm.sampling import methods
from remdm.studies.reproduce.public_files import llada_folder
from remdm.views import numbers

CASES = int(os.environ.get("HOSTILE_CASES", 0))


def some(share: float) -> Callable:
    """Such a share of all cases; without HOSTILE_CASES the same few each time."""
    return settings(
        max_examples=round(share * CASES) or max(4, round(300 * share)), deadline=None, derandomize=not CASES,
        database=None, suppress_health_check=list(HealthCheck),
    )  # fmt: skip


ASSETS = Path(__file__).parents[2] / "assets" / "recorded"
MOST = 700
"""Letters of a sentence."""
counts = {"results": 0, "sentences": 0}
most = {"letters": 0, "work": 0.0, "memory": 0, "seconds": 0.0}
"""Of a sentence; of a run, as a share of what one request may; of an opened file; of a case, on one core."""

TEXTS = st.one_of(
    st.text(st.characters(), max_size=80),  # surrogates too
    st.text("_0123456789[]<>|().… \n\tabcMASK\ud83d\u05d0#=", max_size=60),
    st.sampled_from(["[MASK]", "_", "...", "C1=n(C)-c=[cH-]1", "3, 5, 7 = 26", "\0", "a" * 30_000, "<img src=x>"]),
)
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.lists(st.integers(), max_size=3),
    st.sampled_from([1e308, -1, 0, 1, 2**63, float("nan"), float("inf"), "remdm-loop", "mdlm", "stories", "", []]),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def public_page():
    before, limits._row = limits._row, limits.PUBLIC
    yield
    limits._row = before
    results, sentences = counts["results"], counts["sentences"]
    print(
        f"\n{results + sentences:,} hostile inputs: {results:,} results, {sentences:,} sentences of at most "
        f"{most['letters']} letters. Most of a budget: {most['work']:.1%} of the work, {most['memory'] / 1e6:.1f} of "
        f"{limits.PUBLIC.held / 1e6:.0f} MB. The slowest took {most['seconds']:.1f} s of one core."
    )


def tried(job: Callable[[], object]) -> None:
    """A result, or an error whose sentence can be shown: short, of one line, and encodable."""
    begun = time.process_time()
    try:
        job()
    except (ValueError, gr.Error) as error:
        toast = failure(error)
        assert 0 < len(toast.message) <= MOST and toast.message.encode(), repr(error)
        assert not toast.print_exception and "broke off" not in toast.message, repr(error)
        counts["sentences"] += 1
        most["letters"] = max(most["letters"], len(toast.message))
    else:
        counts["results"] += 1
    most["seconds"] = max(most["seconds"], time.process_time() - begun)


def budgeted(requests: list[RunRequest]) -> None:
    """Prepare runs as a click does; what is not refused then is within the budget of a click."""
    runs = [prepare(request) for request in requests]
    affordable(runs)
    asked = [work([each]) for each in runs]
    share = sum(each.weights * each.passes * each.positions * each.steps for each in asked) / limits.PUBLIC.work
    assert share <= 1
    most["work"] = max(most["work"], share)


@some(0.12)
@given(st.sampled_from(sorted(DOMAINS)), TEXTS)
def test_prompts(name, prompt):
    domain = DOMAINS[name]
    model = domain.models[0]

    def job():
        request = RunRequest(domain, model, prompt, model.length, methods.settings("mdlm", 2), 3)
        budgeted([request])
        loads(dumps(prepare(request).trace(())))

    tried(job)


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    folder = tmp_path_factory.mktemp("public") / "Base"
    llada_folder(folder)
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv(limits.MODELS, str(folder.parent))  # a public page takes no other folder
    yield loading.load(str(folder), replace(compute("cpu")))
    loading.MODEL_CACHE.empty()
    monkeypatch.undo()


@some(0.12)
@given(prompt=TEXTS, length=st.integers(1, 200))
def test_prompts_of_public_models(public, prompt, length):
    def job():
        request = RunRequest(DOMAINS["text"], DOMAINS["text"].models[0], prompt, 64, methods.settings("mdlm", 2), 3)
        segments(request.prompt)
        start(request.prompt, length, public)
        notes(request.prompt, public)

    tried(job)


def leaves(value, path=()):
    """Where a JSON document can be changed."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from leaves(inner, (*path, key))


SEEDS = {path.name.split(".")[0]: json.loads(dumps(load_trace(path))) for path in sorted(ASSETS.glob("*.json.gz"))
         if path.name.split(".")[0] in DOMAINS}  # fmt: skip
PLACES = {name: list(leaves(content)) for name, content in SEEDS.items()}


def opened(content, tmp_path_factory):
    """Open a trace as the process for opened files does, then show it as the page does."""
    path = tmp_path_factory.getbasetemp() / "opened.json"
    path.write_bytes(json.dumps(content).encode("utf-8", "surrogatepass"))
    trace, issues, drawn = samples._read(path, DOMAINS, limits.PUBLIC.held)
    assert trace.held <= limits.PUBLIC.held
    most["memory"] = max(most["memory"], trace.held)
    sample = Sample(trace, issues, DOMAINS[trace.run["domain"]], drawn)
    json.loads(sample.message())
    numbers.html(trace)


@some(0.06)
@given(st.data(), st.sampled_from(sorted(SEEDS)), ODD)
def test_traces(tmp_path_factory, data, name, odd):
    path = data.draw(st.sampled_from(PLACES[name]))
    content = json.loads(json.dumps(SEEDS[name]))
    if path:
        inner = content
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = odd
    else:
        content = odd
    tried(lambda: opened(content, tmp_path_factory))


@some(0.01)
@given(st.sampled_from(sorted(SEEDS)), st.integers(1, 60), st.integers(1, 50), st.integers(1, 30))
def test_traces_that_grow(tmp_path_factory, name, steps, alternatives, words):
    """Valid ones that hold more and more: steps that go back and forth, alternatives, words."""
    content = json.loads(json.dumps(SEEDS[name]))
    mask = content["mask_id"]
    length = content["length"] = 8 * words
    token = next(token for token, word in content["words"].items() if int(token) != mask)
    there = {"t": 0.5, "s": 0.5, "alpha_t": 0.5, "alpha_s": 0.5, "phase": "loop", "forwards": 1}
    there["confidence"] = base64.b64encode(bytes(length)).decode()
    decoded = [[place, int(token), 0.5] for place in range(length)]
    likely = [[[int(token), 0.5]] * min(alternatives, 50)] * length
    back_and_forth = [
        {**there, "sigma": 0.5, "decoded": decoded, "remasked": [], "alternatives": likely},
        {**there, "sigma": 0.5, "decoded": [], "remasked": list(range(length))},
    ]
    content |= {"start": [mask] * length, "steps": (back_and_forth * steps)[: 2 * steps - 1]}
    content["words"] |= {str(1000 + place): "w" * words for place in range(10 * words)}
    content["final"] = {"ids": [int(token)] * length, "text": "x" * words}
    tried(lambda: opened(content, tmp_path_factory))


@some(0.16)
@given(st.sampled_from(sorted(DOMAINS)), st.dictionaries(
    st.sampled_from(["sampler", "steps", "seed", "prompt", "model", "length", "eta", "nucleus_p", "category", "plan",
                     "property", "lanes", "edits", "at", "temperature", "t_on", "rule", "precision", "schedule"]),
    st.one_of(TEXTS, st.sampled_from(["1", "-1", "nan", "1e999", "mdlm", "remdm-loop", "[{}]", "a|b|c", "/etc", ".."])),
    max_size=8,
))  # fmt: skip
def test_links(name, pairs):
    tried(lambda: budgeted([read_link(DOMAINS[name], {"sampler": "mdlm", **pairs}).request]))


@pytest.fixture(scope="module")
def panels():
    with gr.Blocks():
        return {name: Panel(domain) for name, domain in DOMAINS.items()}


@some(0.12)
@given(data=st.data(), name=st.sampled_from(sorted(DOMAINS)))
def test_settings_that_a_browser_sends(panels, data, name):
    panel = panels[name]
    controls = sorted(panel.inputs, key=lambda each: each._id)
    values = {each: each.value for each in controls}
    for each in data.draw(st.lists(st.sampled_from(controls), max_size=4)):
        values[each] = data.draw(ODD)
    tried(lambda: budgeted(panel.requests(values)))


@pytest.fixture(scope="module")
def served():
    made = page(DOMAINS, measurements(), tabs())
    direct = [each for each in made.fns.values() if each.fn and each.concurrency_id != "model" and each.inputs]
    named = ("Theory", "exported", "file", "linked", "open_trace")  # those ask for more than an answer at once
    quick = [each for each in direct if not any(part in each.fn.__qualname__ for part in named)]
    return made, SessionState(made), quick


@some(0.13)
@given(data=st.data())
def test_callbacks(served, data):
    """All that the page answers at once, with what a browser may send in place of its values."""
    made, state, direct = served
    event = direct[data.draw(st.integers(0, len(direct) - 1))]
    sent = [None if each.stateful else each.value for each in event.inputs]
    for place in data.draw(st.lists(st.integers(0, len(sent) - 1), max_size=3)):
        sent[place] = data.draw(ODD)
    if event._id in made.forms:
        controls = [value for each, value in zip(event.inputs, sent, strict=True) if not each.stateful]
        sent = [json.dumps(controls), *(None for each in event.inputs if each.stateful)]
    extra = [SimpleNamespace(_data=data.draw(ODD))] if "event" in inspect.signature(event.fn).parameters else []

    def job():
        given = asyncio.run(made.preprocess_data(event, sent, state))
        arguments = [dict(zip(event.inputs, given, strict=True))] if event.inputs_as_dict else given
        json.dumps(str(event.fn(*arguments, *extra)))

    tried(job)


@some(0.08)
@given(st.one_of(ODD, st.fixed_dictionaries({}, optional={
    "model_type": ODD, "architecture": ODD, "graph": ODD, "noise": ODD, "diffusion": ODD, "shape": ODD})))  # fmt: skip
def test_configs(content):
    def job():
        if isinstance(content, dict):
            family_of(content, "it")
        else:
            raise ValueError("not an object")

    tried(job)


@some(0.05)
@given(st.one_of(st.binary(max_size=400), st.binary(max_size=60).map(lambda data: b"PK\x03\x04" + data),
                 st.binary(max_size=60).map(lambda data: b"\x80\x02" + data),
                 st.binary(max_size=60).map(lambda data: (len(data)).to_bytes(8, "little") + data)))  # fmt: skip
def test_files(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "hostile"
    path.write_bytes(data)
    for read in (read_inert, read_json, lambda file: read_safetensors([file]), load_trace):
        tried(lambda read=read: read(path))
