"""Inputs that nobody thought of: prompts, traces, links, settings and files. Each is a sentence or a result.

`make hostile` tries 10,000 of them; `make test` the same few each time.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remdm.app.errors import failure
from remdm.app.samples import checked
from remdm.app.workbench.settings import Panel
from remdm.app.workbench.share import read_link
from remdm.domains.registry import DOMAINS
from remdm.hub import loading
from remdm.hub.kinds import family_of
from remdm.hub.prompting import notes, segments, start
from remdm.models.network import compute
from remdm.models.weights import read_inert, read_json, read_safetensors
from remdm.runs.record import prepare
from remdm.runs.request import RunRequest
from remdm.runs.trace import replay
from remdm.runs.trace_file import dumps, loads
from remdm.runs.trace_file import load as load_trace
from remdm.sampling import methods
from remdm.studies.reproduce.public_files import llada_folder
from remdm.views import numbers

KINDS = 7
CASES = int(os.environ.get("HOSTILE_CASES", 0)) // KINDS or 40
SOME = settings(
    max_examples=CASES, deadline=None, derandomize="HOSTILE_CASES" not in os.environ, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
ASSETS = Path(__file__).parents[2] / "assets" / "recorded"
MOST = 700
"""Letters of a sentence."""
counts = {"results": 0, "sentences": 0}

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
def told():
    yield
    results, sentences = counts["results"], counts["sentences"]
    print(f"\n{results + sentences:,} hostile inputs: {results:,} results, {sentences:,} sentences")


def tried(work: Callable[[], object]) -> None:
    """A result, or an error whose sentence can be shown: short, of one line, and encodable."""
    try:
        work()
    except ValueError as error:
        toast = failure(error)
        assert 0 < len(toast.message) <= MOST and toast.message.encode(), repr(error)
        assert not toast.print_exception, repr(error)
        counts["sentences"] += 1
    else:
        counts["results"] += 1


@SOME
@given(st.sampled_from(sorted(DOMAINS)), TEXTS)
def test_prompts(name, prompt):
    domain = DOMAINS[name]
    model = domain.models[0]

    def work():
        request = RunRequest(domain, model, prompt, model.length, methods.settings("mdlm", 2), 3)
        loads(dumps(prepare(request).trace(())))

    tried(work)


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    folder = tmp_path_factory.mktemp("public") / "Base"
    llada_folder(folder)
    yield loading.load(str(folder), replace(compute("cpu")))
    loading.MODEL_CACHE.empty()


@SOME
@given(prompt=TEXTS, length=st.integers(1, 200))
def test_prompts_of_public_models(public, prompt, length):
    def work():
        request = RunRequest(DOMAINS["text"], DOMAINS["text"].models[0], prompt, 64, methods.settings("mdlm", 2), 3)
        segments(request.prompt)
        start(request.prompt, length, public)
        notes(request.prompt, public)

    tried(work)


def leaves(value, path=()):
    """Where a JSON document can be changed."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from leaves(inner, (*path, key))


SEEDS = {path.name.split(".")[0]: json.loads(dumps(load_trace(path))) for path in sorted(ASSETS.glob("*.json.gz"))
         if path.name.split(".")[0] in DOMAINS}  # fmt: skip
PLACES = {name: list(leaves(content)) for name, content in SEEDS.items()}


@SOME
@given(st.data(), st.sampled_from(sorted(SEEDS)), ODD)
def test_traces(data, name, odd):
    path = data.draw(st.sampled_from(PLACES[name]))
    content = json.loads(json.dumps(SEEDS[name]))
    if path:
        inner = content
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = odd
    else:
        content = odd

    def work():
        trace = loads(json.dumps(content).encode("utf-8", "surrogatepass"))
        sample = checked(DOMAINS[name], trace)
        list(replay(trace))
        json.loads(sample.message())
        numbers.html(trace)

    tried(work)


@SOME
@given(st.sampled_from(sorted(DOMAINS)), st.dictionaries(
    st.sampled_from(["sampler", "steps", "seed", "prompt", "model", "length", "eta", "nucleus_p", "category", "plan",
                     "property", "lanes", "edits", "at", "temperature", "t_on", "rule", "precision", "schedule"]),
    st.one_of(TEXTS, st.sampled_from(["1", "-1", "nan", "1e999", "mdlm", "remdm-loop", "[{}]", "a|b|c", "/etc", ".."])),
    max_size=8,
))  # fmt: skip
def test_links(name, pairs):
    tried(lambda: read_link(DOMAINS[name], {"sampler": "mdlm", **pairs}))


@pytest.fixture(scope="module")
def panels():
    with gr.Blocks():
        return {name: Panel(domain) for name, domain in DOMAINS.items()}


@SOME
@given(data=st.data(), name=st.sampled_from(sorted(DOMAINS)))
def test_settings_that_a_browser_sends(panels, data, name):
    panel = panels[name]
    controls = sorted(panel.inputs, key=lambda each: each._id)
    values = {each: each.value for each in controls}
    for each in data.draw(st.lists(st.sampled_from(controls), max_size=4)):
        values[each] = data.draw(ODD)
    tried(lambda: panel.requests(values))


@SOME
@given(st.one_of(ODD, st.fixed_dictionaries({}, optional={
    "model_type": ODD, "architecture": ODD, "graph": ODD, "noise": ODD, "diffusion": ODD, "shape": ODD})))  # fmt: skip
def test_configs(content):
    def work():
        if isinstance(content, dict):
            family_of(content, "it")
        else:
            raise ValueError("not an object")

    tried(work)


@SOME
@given(st.one_of(st.binary(max_size=400), st.binary(max_size=60).map(lambda data: b"PK\x03\x04" + data),
                 st.binary(max_size=60).map(lambda data: b"\x80\x02" + data),
                 st.binary(max_size=60).map(lambda data: (len(data)).to_bytes(8, "little") + data)))  # fmt: skip
def test_files(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "hostile"
    path.write_bytes(data)
    for read in (read_inert, read_json, lambda file: read_safetensors([file]), load_trace):
        tried(lambda read=read: read(path))
