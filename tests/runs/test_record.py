"""What a domain can bring: conditions, prompts that it draws, scenes; and runs that are made in one batch."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from remdm.app.components.scripted_html import frames
from remdm.app.samples import checked
from remdm.app.streams import Stream, ended, made, steps_of
from remdm.domains.registry import DOMAINS
from remdm.runs.domain import Domain
from remdm.runs.record import prepare, record, together
from remdm.runs.request import RunRequest
from remdm.runs.trace import replay
from remdm.runs.trace_file import dumps, loads
from remdm.sampling import knobs
from remdm.sampling.knobs import knob
from remdm.sampling.methods import settings
from remdm.serving.streamed_runs import RUNS

TEXT = DOMAINS["text"]
STORIES = TEXT.models[0]


@dataclass(frozen=True)
class Ask:
    """A condition and a number."""

    kind: str = knob("any", choices=("any", "warm", "cold"), help="What it is about.")
    scale: float = knob(1.0, 0, 10, help="How strongly.")
    times: int = knob(1, 1, 3, step=1, help="How often.")

    def __post_init__(self) -> None:
        knobs.check(self)


def drawn(seed: int) -> str:
    """A prompt of one blank less than the seed's last digit."""
    return f"Rosa _{1 + seed % 7} ..."


def counted(view):
    return {"filled": len(view.ids) - view.masked}


MODEL = replace(STORIES, name="made-up", draw=drawn, scene=counted, layout="", choices={"kind": ("any", "warm")})
DOMAIN = Domain("made-up", "Made up", (MODEL,), Ask, 64, True, "grid")


def order(**more) -> RunRequest:
    return RunRequest(
        DOMAIN, MODEL, more.pop("prompt", ""), MODEL.length, settings("remdm-loop", 6, eta=0.2), 5, **more
    )


def test_a_condition_is_checked_and_recorded():
    trace = record(order(asked=Ask("warm", 2.5)))
    assert trace.run["asked"] == {"kind": "warm", "scale": 2.5, "times": 1} and loads(dumps(trace)).run == trace.run
    with pytest.raises(ValueError, match="kind must be one of any, warm, got cold"):
        prepare(order(asked=Ask("cold")))
    with pytest.raises(ValueError, match="scale must lie between 0 and 10"):
        Ask(scale=11)
    fields = knobs.knobs(Ask)
    texts = {"kind": "warm", "scale": "2", "times": "3"}
    assert knobs.parse(texts, fields) == {"kind": "warm", "scale": 2.0, "times": 3} and Ask(
        **knobs.parse(texts, fields)
    )
    with pytest.raises(ValueError, match="times must be a whole number, got 1.5"):
        knobs.parse({"times": "1.5"}, fields)
    assert "asked" not in record(RunRequest(TEXT, STORIES, "", STORIES.length, settings("mdlm", 2), 5)).run


def test_what_is_recorded_changes_no_token():
    """Confidences of decoded tokens alone: no more calls of the network, a map blank where masked, the same run."""
    watched, unwatched = (record(order(prompt="Rosa sat. ...", watch=watch)) for watch in (True, False))
    assert [each.decoded for each in unwatched.steps] == [each.decoded for each in watched.steps]
    assert unwatched.steps[-1].forwards <= watched.steps[-1].forwards
    assert unwatched.run.pop("confidence") == "decoded" and unwatched.run == watched.run
    for plain, told, ids in zip(unwatched.steps, watched.steps, replay(watched), strict=True):
        masked = np.array(ids) == watched.mask_id
        assert not plain.confidence[masked].any()
        assert told.confidence[[place for place in np.flatnonzero(masked) if place not in told.remasked]].all()
        assert (plain.confidence[~masked] == told.confidence[~masked]).all()


def test_runs_without_a_prompt_draw_their_own():
    runs = [prepare(order(index=index)) for index in range(6)]
    assert len({prepared.request.prompt for prepared in runs}) > 1 and all(prepared.request.prompt for prepared in runs)
    trace = record(order(index=2))
    assert trace.run["prompt"] == runs[2].request.prompt
    again = record(order(index=2, prompt=trace.run["prompt"]))
    assert again.final == trace.final, "the prompt in the trace makes the same run"


def test_an_explicit_start_takes_the_prompts_place():
    prepared = prepare(order(prompt="Rosa sat. ..."))
    start = list(prepared.start)
    start[9] = prepared.start[1]
    trace = record(order(start=tuple(start)))
    assert trace.start == tuple(start) and 9 in trace.given and trace.final[9] == start[9]
    with pytest.raises(ValueError, match="start must hold"):
        prepare(order(start=(1, 2)))


def test_runs_made_together_are_those_made_alone():
    orders = [order(index=index) for index in range(3)]
    alone = [record(each) for each in orders]
    seen: list[list] = [[], [], []]
    for step in together(orders).steps():
        for row, each in enumerate(step):
            if each is not None:
                seen[row].append(each.frame)
    for prepared, taken, trace in zip(together(orders).runs, seen, alone, strict=True):
        batched = prepared.trace(taken)
        assert batched.final == trace.final and len(batched.steps) == len(trace.steps)
        assert [each.forwards for each in batched.steps] == [each.forwards for each in trace.steps]


def test_a_browser_can_ask_for_what_it_missed():
    prepared = prepare(order())
    shown = RUNS.open(prepared, RUNS.group(RUNS.begin()))
    stream = Stream(shown)
    begun = json.loads(stream.begin())
    written = [write() for seen in steps_of(prepared) if (write := stream.take(seen))]
    ended(shown, made(shown))
    assert begun["layout"] == "grid" and begun["domain"] == "made-up" and begun["x"]["filled"] > 0
    assert json.loads(frames([shown.run_id, 1, 3])) == [json.loads(each) for each in written[1:4]]
    whole = json.loads(frames([shown.run_id, -1, 99]))
    assert [each["kind"] for each in whole] == ["start", *["step"] * len(written), "end"]
    for wrong in (["nobody", 0, 1], [shown.run_id, 0], "x", None, [shown.run_id, "0", 1], [shown.run_id, 0, 10**9]):
        assert frames(wrong) == "[]"
    shown.stop()
    assert stream.take(next(steps_of(prepared))) is None, "after a stop nothing is added"


def test_a_scene_is_sent_where_it_changed():
    sample = checked(DOMAIN, record(order()))
    messages = json.loads(sample.message())["messages"]
    steps = [each for each in messages if each["kind"] == "step"]
    filled = [messages[0]["x"]["filled"]]
    for each in steps:
        assert "x" not in each or each["x"]["filled"] != filled[-1]
        filled.append(each["x"]["filled"] if "x" in each else filled[-1])
    assert filled[-1] == MODEL.length and filled[0] < MODEL.length
