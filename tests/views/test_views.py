"""Numbers, charts and messages of a small trace that was counted by hand."""

import base64
import json
import math

import numpy as np
import pytest

from remdm.runs.tokens import Issue
from remdm.runs.trace import Frame, Trace
from remdm.views import charts, messages, numbers

MASK, BOS, A, B, C, PAD = 0, 1, 2, 3, 4, 5
WORDS = {BOS: "<bos>", A: " a", B: " b", C: " c", PAD: "<pad>"}
EVIL = "<img src=x onerror=alert(1)>"


def frame(index: int, alphas: tuple, sigma, decoded: tuple, remasked: tuple = (), weights: tuple = ()) -> Frame:
    levels = np.array([255, 10, 20, 30, 40, 50], dtype=np.uint8)
    tops = tuple(((token, 0.5), (C, 0.25)) for _, token, _ in decoded)
    return Frame(1.0, 0.5, *alphas, sigma, "draft", decoded, remasked, levels, index + 1, tops, weights)


@pytest.fixture
def trace() -> Trace:
    """Six positions, the first one given. One token is remasked and revised, one is remasked and churned."""
    steps = (
        frame(0, (0.0, 0.4), 0.0, ((1, A, 0.9), (2, B, 0.8), (3, A, 0.7))),
        frame(1, (0.4, 0.4), 0.5, ((4, C, 0.6),), (1, 2)),
        frame(2, (0.4, 0.8), (0.0, 0.0, 0.0, 0.25, 0.75, 0.0), ((1, C, 0.5), (2, B, 0.4)), (4,), (0.75,)),
        frame(3, (0.8, 1.0), 0.0, ((4, A, 0.9), (5, PAD, 1.0))),
    )
    run = {"domain": "text", "model": "stories", "sampler": "remdm-cap", "steps": 4, "seed": 7, "index": 0}
    return Trace(run, 6, MASK, (BOS, MASK, MASK, MASK, MASK, MASK), WORDS, steps, "c b a a")


def evil(trace: Trace) -> Trace:
    run = {**trace.run, "sampler": EVIL, "model": EVIL * 100, "seed": [EVIL], "steps": {}, "index": EVIL}
    return Trace(run, 6, MASK, trace.start, {**WORDS, A: EVIL}, trace.steps, EVIL)


def test_counts(trace):
    total = numbers.counts(trace)
    assert total.masked.tolist() == [2, 3, 2, 0]
    assert total.expected_masked.tolist() == pytest.approx([3, 3, 1, 0]), "five free positions times 1 - alpha_s"
    assert total.decoded.tolist() == [3, 1, 2, 2] and total.remasked.tolist() == [0, 2, 1, 0]
    assert total.expected_remasked.tolist() == pytest.approx([0, 1.5, 1.0, 0]), "sigma over the decoded positions"
    assert (total.revised, total.churned) == (2, 1)


def test_counts_of_an_empty_trace(trace):
    empty = Trace(trace.run, 6, MASK, trace.start, WORDS, (), "")
    total = numbers.counts(empty)
    assert total.masked.tolist() == [] and (total.revised, total.churned) == (0, 0)
    assert "<b>0</b>" in numbers.html(empty)
    assert all(figure is None or len(figure.data[0].x) == 0 for figure in charts.run_charts(empty, None).values())


def test_entropy_and_distinct_grams():
    assert numbers.entropy(np.array([2, 2, 3, 3])) == pytest.approx(math.log(2))
    assert numbers.entropy(np.array([2, 2, 2])) == pytest.approx(0) and numbers.entropy(np.array([])) == 0
    assert numbers.distinct(np.array([2, 3, 2, 3, 4]), 2) == 3 / 4
    assert numbers.distinct(np.array([2]), 2) == 0


def test_numbers_leave_special_tokens_out(trace):
    assert numbers.printed(trace).tolist() == [C, B, A, A]
    said = {name: (value, meaning) for name, value, meaning in numbers.summary(trace)}
    assert {name: value for name, (value, _) in said.items()} == {
        "steps": "4", "NFE": "4", "remasked": "3", "revised": "2", "churned": "1", "entropy": "1.04",
        "distinct 2-grams": "100%",
    }  # fmt: skip
    assert said["remasked"][1].startswith("2.5 were")


def test_numbers_are_escaped(trace):
    html = numbers.html(evil(trace))
    assert "<img" not in html and "&lt;img" in html
    assert "remdm-cap, 4 steps, seed 7" in numbers.html(trace)


def test_charts_show_what_was_counted(trace):
    made = charts.run_charts(trace, [0, 1, 0, 2])
    lines = {name: [list(line.y) for line in figure.data] for name, figure in made.items()}
    assert lines["masks"] == [[2, 3, 2, 0], pytest.approx([3, 3, 1, 0])]
    assert lines["sigma"][0] == pytest.approx([0, 0.5, 0.5, 0]), "the mean over what was decoded"
    assert lines["sigma"][1] == pytest.approx([1, 1, 0.5, 0])
    assert lines["remasks"] == [[0, 2, 3, 3], pytest.approx([0, 1.5, 2.5, 2.5])]
    assert lines["errors"] == [[0, 1, 0, 2]]
    for figure in made.values():
        assert all(np.isfinite(np.asarray(line.y, dtype=float)).all() and len(line.x) == 4 for line in figure.data)
        json.loads(figure.to_json())
    assert charts.run_charts(trace, None)["errors"] is None, "nothing was checked"


def test_a_trace_as_messages(trace):
    issues = [[], [Issue((1, 3), "name", "a does not fit b")], [], []]
    made = json.loads(messages.trace_message("id", trace, issues, "recorded"))
    assert (made["v"], made["run"], made["kind"]) == (1, "id", "trace")
    start, *steps, end = made["messages"]
    assert (start["n"], start["length"], start["given"], start["start"]) == (4, 6, [0], [BOS, 0, 0, 0, 0, 0])
    assert start["words"] == {str(token): word for token, word in WORDS.items()} and start["note"] == "recorded"
    assert [step["i"] for step in steps] == [0, 1, 2, 3] and {step["run"] for step in steps} == {"id"}
    assert steps[0]["d"][0] == [1, A, 0.9, [[A, 0.5], [C, 0.25]]]
    assert steps[1]["r"] == [[1, 0.5, None], [2, 0.5, None]] and steps[2]["r"] == [[4, 0.75, 0.75]]
    assert steps[1]["e"] == [[[1, 3], "name", "a does not fit b"]] and steps[0]["e"] == []
    assert list(base64.b64decode(steps[0]["c"])) == [255, 10, 20, 30, 40, 50]
    assert steps[2]["sg"] == 0.5 and trace.steps[2].sigma_max == pytest.approx(0.5)
    assert (end["kind"], end["text"], end["n"], end["stopped"]) == ("end", "c b a a", 4, False)


def test_without_a_checker_there_are_no_errors(trace):
    made = json.loads(messages.trace_message("id", trace, None))
    assert all("e" not in step for step in made["messages"])


def test_hostile_facts_stay_short_and_are_only_data(trace):
    start = json.loads(messages.trace_message("id", evil(trace), None))["messages"][0]
    assert start["words"][str(A)] == EVIL and start["sampler"] == EVIL and len(start["model"]) == 40
    assert len(start["title"]) < 160


@pytest.mark.parametrize(
    "facts, title",
    [
        ({"sampler": "mdlm", "steps": 1, "seed": 0}, "mdlm, 1 step, seed 0"),
        ({"sampler": "mdlm", "steps": 8, "seed": 3, "index": 2}, "mdlm, 8 steps, seed 3, sample 3"),
        ({"index": "2"}, "?, ? steps, seed ?"),
        ({"sampler": "x", "steps": 2, "seed": 1, "index": True}, "x, 2 steps, seed 1"),
    ],
)
def test_titles(facts, title):
    assert messages.title(facts) == title
