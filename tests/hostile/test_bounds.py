"""What one request may make the server do: addresses, bodies, uploads, work, memory, threads; and nobody left over."""

import asyncio
import math
import os
import threading
import time
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from gradio.context import LocalContext
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from remdm import limits
from remdm.app.components import run_controls
from remdm.app.components.board import of_samples
from remdm.app.components.run_controls import MOST_WAITING
from remdm.app.events import MODEL_QUEUE, Given, guarded, index_of, read_table
from remdm.app.gathered import chosen
from remdm.app.page import left as leaves
from remdm.app.page import page
from remdm.app.scaling import MOST_KEPT
from remdm.app.workbench.share import MOST_EDITS, query
from remdm.app.workbench.workbench import Workbench
from remdm.domains.registry import DOMAINS, measurements, tabs
from remdm.evaluation import curves
from remdm.evaluation.planted_errors import experiment
from remdm.runs.record import prepare
from remdm.runs.request import RunRequest
from remdm.runs.trace import Frame
from remdm.sampling.methods import settings
from remdm.sampling.presets import METHODS
from remdm.serving import streamed_runs
from remdm.serving.apart import APART, WHOSE
from remdm.serving.bounds import MOST_BODY, STALE, Bounded, remove_oldest
from remdm.serving.budget import work
from remdm.serving.streamed_runs import RUNS, Runs

TEXT = DOMAINS["text"]
STORIES = TEXT.models[0]


@pytest.fixture(scope="module")
def app():
    return page(DOMAINS, measurements(), tabs())


@pytest.fixture
def public(monkeypatch):
    monkeypatch.setattr(limits, "_row", limits.PUBLIC)


@pytest.fixture(scope="module")
def bench():
    with gr.Blocks():
        return Workbench(TEXT, Path("nothing"))


def callback(app, name):
    """The callback of that name."""
    return next(each for each in app.fns.values() if each.fn and each.fn.__qualname__.endswith(name))


def work_of(app, elem_id):
    """What waits in the model's queue and reads that control."""
    waits = [each for each in app.fns.values() if each.concurrency_id == "model"]
    return next(each for each in waits if elem_id in [getattr(read, "elem_id", "") for read in each.inputs])


# Addresses, bodies and uploads


async def size(request):
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture(scope="module")
def client():
    served = Starlette(routes=[Route("/{rest:path}", size, methods=["GET", "POST"])])
    served.add_middleware(Bounded)
    return TestClient(served)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200), ("/config", 200), ("/gradio_api/info", 200), ("/gradio_api/queue/join", 200),
        ("/gradio_api/file=/a/b.gz", 200), ("/gradio_api/openapi.json", 404), ("/gradio_api/deep_link", 404),
        ("/gradio_api/run/sample", 404), ("/gradio_api/api/sample", 404), ("/gradio_api/process_recording", 404),
        ("/gradio_api/vibe-edit", 404), ("/gradio_api/proxy=http://10.0.0.1/", 404), ("/monitoring/summary", 404),
        ("/a/prefix/gradio_api/openapi.json", 404), ("/gradio_api//openapi.json", 404), ("/gradio_api/", 404),
    ],
)  # fmt: skip
def test_only_what_the_page_needs_is_answered(client, path, status):
    assert client.get(path).status_code == status


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_is_read_up_to_its_bound(client, declared):
    def sent(count):
        parts = (b"x" * (1 << 16) for _ in range(count >> 16))
        return client.post("/gradio_api/queue/join", content=b"".join(parts) if declared else parts)

    assert sent(MOST_BODY).text == str(MOST_BODY)
    refused = sent(MOST_BODY + (1 << 16))
    assert refused.status_code == 413 and refused.text == "This is larger than 1 MB, the most that is read here."


def test_what_an_aborted_upload_left_is_removed(tmp_path):
    """And it is not an error: Bounded passes none on."""
    server = SimpleNamespace(uploaded_file_dir=str(tmp_path), get_blocks=lambda: SimpleNamespace(upload_file_set=set()))
    (tmp_path / "0abc").mkdir()

    async def goes_away(*_):
        for name, age in (("tmpnew", 0), ("tmpold", 2 * STALE)):
            (tmp_path / name).write_bytes(b"a part")
            os.utime(tmp_path / name, (time.time() - age,) * 2)
        raise ClientDisconnect

    bounded = Bounded(goes_away)
    for others, left in ((1, ["0abc", "tmpnew"]), (0, ["0abc"])):
        bounded._uploading = others
        scope = {"type": "http", "path": "/gradio_api/upload", "headers": [], "app": server}
        asyncio.run(bounded(scope, None, None))
        assert sorted(path.name for path in tmp_path.iterdir()) == left


def test_the_oldest_uploads_give_way(tmp_path):
    files = [tmp_path / str(place) for place in range(5)]
    for place, file in enumerate(files):
        file.write_bytes(b"x" * 100)
        os.utime(file, (place, place))
    remove_oldest([*files, tmp_path / "gone"], 250)
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["3", "4"]


def test_no_call_goes_past_the_queue(app):
    assert app.api_open is False


# Threads: whatever reads a file, draws or asks a network on a click waits for a place, and settings do not


@pytest.mark.parametrize(
    "name",
    ["Workbench.open_trace", "Gallery.open_trace", "Share.exported", "Share.linked", "Asked.alternatives",
     "ImageTab._filing.<locals>.file", "Theory.measured", "Theory.paired", "Theory.stood_still"],
)  # fmt: skip
def test_what_takes_long_cannot_take_every_thread(app, name):
    found = callback(app, name)
    assert found.concurrency_id == "side" and found.concurrency_limit == 4


def test_settings_do_not_wait(app):
    for name in ("Reactions.preset", "Workbench.stale", "begins.<locals>.begin"):
        assert callback(app, name).concurrency_limit is None, name


def waiting(monkeypatch, count):
    """So many runs in line."""
    line = {MODEL_QUEUE: SimpleNamespace(queue=[None] * count)}
    served = SimpleNamespace(_queue=SimpleNamespace(event_queue_per_concurrency_id=line))
    monkeypatch.setattr(run_controls.LocalContext, "blocks", SimpleNamespace(get=lambda _: served))


def test_whoever_waits_is_told_the_place_in_line_and_a_full_line_is_refused(app, bench, monkeypatch):
    begin = callback(app, "begins.<locals>.begin").fn
    endpoint = next(each for each in app.fns.values() if each.api_name == "sample").fn
    visit = SimpleNamespace(session_hash="a")
    for count, says in ((0, "Waiting …"), (1, "Waiting behind 1 …"), (MOST_WAITING - 1, "Waiting behind 31 …")):
        waiting(monkeypatch, count)
        assert says in [getattr(each, "value", None) for each in begin(visit).values()]
    waiting(monkeypatch, MOST_WAITING)
    for refused in (lambda: begin(visit), lambda: endpoint(visit)):
        with pytest.raises(gr.Error, match="32 runs wait here already: try again in a minute"):
            refused()


# Work


def values_of(controls, **named):
    by_id = {each.elem_id: each for each in controls}
    return {each: each.value for each in controls} | {by_id[name]: value for name, value in named.items()}


def test_an_experiment_with_planted_errors_has_a_budget(bench, public):
    many = bench.many
    controls = {many.count, many.share, many.samplers, *bench.panel.inputs}
    asked = {"text-many-samplers": list(METHODS), "text-many-runs": 64, "text-steps": 1024}
    with pytest.raises(ValueError, match="times as much as this server computes"):
        next(many.plant(values_of(controls, **asked), RUNS.group(None)))
    with pytest.raises(ValueError, match="Choose at least one sampler"):
        next(many.plant(values_of(controls, **{"text-many-samplers": []}), RUNS.group(None)))
    assert next(many.plant(values_of(controls), RUNS.group(None)))


def test_its_drafts_can_be_stopped_at_every_step():
    request = RunRequest(TEXT, STORIES, "", STORIES.length, settings("mdlm", 8), 1)
    doing = [what for what, _ in experiment(request, {"MDLM": settings("mdlm", 8)}, 5, 8)]
    assert doing.count("drafting") == 5 and doing.count("MDLM") == 4


def test_a_run_that_asks_the_network_twice_a_step_counts_twice():
    request = RunRequest(TEXT, STORIES, "", STORIES.length, settings("mdlm", 8), 1)
    guided = replace(request, settings=settings("mdlm", 8, prompt_guidance=2.0))
    assert [work([prepare(each)]).passes for each in (request, guided)] == [1, 2]


def test_a_measurement_counts_the_steps_that_it_really_takes(app, public):
    """The settings of the tab have a T of their own."""
    race = work_of(app, "countdown-race-seeds")
    fn, controls = race.fn, [each for each in race.inputs if each.elem_id]
    asked = {"countdown-race-samplers": ["as set on its tab"], "countdown-race-steps": 1, "countdown-steps": 1024,
             "countdown-race-problems": 1000, "countdown-race-seeds": 5}  # fmt: skip
    made = fn({**{each: None for each in race.inputs}, **values_of(controls, **asked)})
    next(made)  # the buttons come back
    with pytest.raises(gr.Error, match="times as much as this server computes"):
        next(made)


@pytest.mark.parametrize(("count", "there", "says"), [(512, 0, "times as much"), (8, MOST_KEPT, "clear your")])
def test_so_does_a_measurement_of_ones_own(app, public, count, there, says):
    measured = work_of(app, "scaling-count")
    state = next(each for each in measured.inputs if isinstance(each, gr.State) and each.value == {})
    begun = curves.begin(measurements()["image"], "mdlm", 4)
    drawn = replace(begun, groups=(range(there),))
    controls = [each for each in measured.inputs if each.elem_id]
    asked = {"scaling-domain": "image", "scaling-steps": 1024, "scaling-count": count}
    values = {**{each: None for each in measured.inputs}, **values_of(controls, **asked)}
    made = measured.fn({**values, state: {("image", "mdlm", 4): drawn}})
    next(made)
    with pytest.raises(gr.Error, match=says):
        next(made)


# Memory


def frame(entries):
    many = tuple((place, 1, 0.5) for place in range(entries))
    return Frame(0.5, 0.4, 0.5, 0.6, 0.1, "draft", many, (), np.zeros(160, dtype=np.uint8), 1)


def test_runs_that_remask_without_end_are_stopped_and_what_was_made_is_kept(bench, monkeypatch):
    monkeypatch.setattr(limits, "_row", replace(limits.PUBLIC, held=60_000))
    asked = [RunRequest(TEXT, STORIES, "", STORIES.length, settings("remdm-cap", 64, eta=1.0), 3, index=k)
             for k in range(2)]  # fmt: skip
    ticket = RUNS.begin("me")
    job = bench.controls.guarded(lambda values, group: bench.sample(asked, group))
    with pytest.raises(gr.Error, match="more than the 0 MB of memory .* take fewer steps"):
        changes = []
        changes.extend(job({bench.controls.ticket: ticket}))
    assert 0 < len(RUNS.group(ticket).runs[0].steps) < 64


def test_what_pages_may_ask_for_again_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(streamed_runs, "HELD", 40_000)
    runs, opened = Runs(), []
    prepared = prepare(RunRequest(TEXT, STORIES, "", STORIES.length, settings("mdlm", 8), 1))
    for _ in range(6):
        opened.append(runs.open(prepared, runs.group(None)))
        opened[-1].add(SimpleNamespace(frame=frame(100)), str)
    assert opened[-1].held > 15_000
    assert [runs.get(each.run_id) is not None for each in opened] == [False] * 3 + [True] * 3


@pytest.mark.parametrize(("room", "most"), [(math.inf, MOST_EDITS), (40_000, 4)])
def test_only_the_last_changes_by_hand_can_be_taken_back(room, most):
    trace = SimpleNamespace(held=10_000)
    made = of_samples([SimpleNamespace(trace=trace)], ["run"])
    shown = made
    for place in range(20):
        shown = replace(made, before=shown.shortened(MOST_EDITS - 1, room), edits=(*shown.edits, str(place)))
    kept, each = 0, shown
    while each.before is not None:
        kept, each = kept + 1, each.before
    assert kept == most
    with pytest.raises(ValueError, match="A link says at most 8 changes by hand"):
        query(shown, {})


# Visitors who leave


def in_a_context_of(session, step):
    """What a step of a callback gives in a context of its own, as Gradio calls it; None: its request is not known."""

    def call():
        LocalContext.request.set(session and SimpleNamespace(session_hash=session))
        return step()

    return copy_context().run(call)


def test_what_is_drawn_for_a_visitor_who_left_ends(bench, monkeypatch):
    """The first step of an export is answered in the context of its request, those behind it are not."""
    asked, gone = [], []
    monkeypatch.setattr(APART, "call", lambda seconds, work, *_: asked.append(WHOSE.get()) or b"")
    monkeypatch.setattr(APART, "leave", gone.append)
    share, pair = bench.results.share, bench.first.shown
    steps = guarded(share.exported)({share.made: pair, share.shown: pair.samples[-1]})
    in_a_context_of("a", lambda: next(steps))
    in_a_context_of(None, lambda: next(steps))
    assert asked and set(asked) == {"a"}
    assert in_a_context_of("b", guarded(WHOSE.get)) == "b" and WHOSE.get() is None
    leaves(SimpleNamespace(session_hash="a"))
    assert gone == ["a"]


def test_the_runs_of_a_visitor_who_left_end_and_no_others(app):
    runs = Runs()
    mine, others, nobodys = (runs.group(runs.begin(session)) for session in ("a", "b", None))
    runs.leave("a")
    runs.leave(None)
    assert [each.stopped.is_set() for each in (mine, others, nobodys)] == [True, False, False]
    (gone,) = [each for each in app.fns.values() if ("unload" in [event for _, event in each.targets])]
    group = RUNS.group(RUNS.begin("session"))
    gone.fn(SimpleNamespace(session_hash="session"))
    assert group.stopped.is_set()


def test_a_run_of_the_endpoint_ends_with_its_visit(app):
    endpoint = next(each for each in app.fns.values() if each.api_name == "sample")
    ended = []

    def asks():
        try:
            endpoint.fn(SimpleNamespace(session_hash="mine"), "", "text", "remdm-loop", 8000, 1, None)
        except gr.Error as error:
            ended.append(error.message)

    thread = threading.Thread(target=asks)
    thread.start()
    while thread.is_alive():  # before it has begun there is nothing to end
        RUNS.leave("mine")
        time.sleep(0.05)
    assert ended and ended[0].startswith("This server stops now")


# Links


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ({"model": "kuleshov-group/udlm-qm9"}, "uniform noise"), ({"model": "../../etc"}, "not among the models"),
        ({"domain": "music"}, "domain must be one of"), ({"edits": "[" * 1600}, "edits must be a list"),
        ({"prompt": "x" * 3000}, "at most 2,000 letters"), ({"steps": "inf"}, "steps must be a whole number"),
    ],
)  # fmt: skip
def test_a_link_that_cannot_be_followed_is_one_sentence_and_settings_live_on(app, bench, public, pairs, says):
    followed = callback(app, "open_link.<locals>.opened").fn
    with pytest.raises(gr.Error, match=f"This link cannot be followed: .*{says}") as toast:
        followed(SimpleNamespace(query_params={"sampler": "mdlm", **pairs}))
    assert toast.value.print_exception is False and len(toast.value.message) < 600
    values = {each: each.value for each in (*bench.panel.inputs, *bench.lanes.inputs)}
    assert bench._signature({**values, bench.panel.model: pairs.get("model", "x")}) == ""


# What a script of the page says


@pytest.mark.parametrize("text", ["[1]", "nope", "7", "[" * 50_000, {"a": 1}, "null", '"x"'])
def test_what_the_page_does_not_send_is_one_sentence(text):
    with pytest.raises(ValueError, match="load it again"):
        read_table(text)
    assert read_table("") == {} and read_table('{"step": 3}') == {"step": 3}


@pytest.mark.parametrize("data", [None, [], 7, {}, {"index": None}, {"index": -1}, {"index": True}, {"index": "1"}])
def test_an_event_about_nothing_is_none(data):
    assert index_of(SimpleNamespace(_data=data)) is None
    assert index_of(SimpleNamespace(_data={"index": 4})) == 4


@pytest.mark.parametrize("sent", ["x" * 1_000_000, ["x" * 1_000_000], {"x": "y" * 1_000_000}, 10**400])
def test_what_a_control_refuses_is_not_repeated_at_length(app, sent):
    """Neither in the toast nor in the log, which print_exception would fill."""
    lanes = callback(app, "Lanes.counted")
    with pytest.raises(gr.Error) as refused:
        asyncio.run(app.preprocess_data(lanes, [sent], None))
    assert len(refused.value.message) < 600 and refused.value.print_exception is False


@pytest.mark.parametrize(
    ("control", "good", "bad"),
    [
        (gr.Dropdown(["a", "b"], value="a", label="When · t"), ["b"], [None, ["a"], {"a": 1}]),
        (gr.Dropdown(["a"], value=None, label="When"), ["a", None], [["a"], {}]),
        (gr.Dropdown(["a"], value=["a"], multiselect=True, label="When"), [["a"], []], [None, "a", {}]),
        (gr.CheckboxGroup(["a"], value=[], label="When"), [["a"], []], [None, "a", 7]),
        (gr.Radio([1, 2], value=1, label="When"), [2], [None, [1], {}]),
    ],
)
def test_a_choice_that_the_page_never_sends_is_one_sentence(control, good, bad):
    assert [chosen(control, each) for each in good] == good
    for each in bad:
        with pytest.raises(ValueError, match="When.* must be (one|a list) of its choices, got"):
            Given({control: chosen(control, each)})[control]
