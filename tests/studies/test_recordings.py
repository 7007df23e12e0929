"""Recorded pieces: found by their rule, told from their run, and what the gallery says of them is true."""

import argparse
import json

import pytest

from remdm.app.gallery import seen
from remdm.domains.registry import DOMAINS
from remdm.runs.record import prepare
from remdm.runs.tokens import Issue
from remdm.studies.recordings import GALLERY, RECORDED, STOOD, add_arguments, first_seen, request_again, run, sentences

PIECES = [each for each in json.loads((GALLERY / "index.json").read_text(encoding="utf-8")) if "rule" in each]
WRONG = (Issue((1,), "wrong", "2 + 2 is 4, not 5."),)


def test_the_error_of_a_piece_is_one_that_stays_or_one_that_stood_long_enough():
    assert first_seen([(), WRONG, (), WRONG, WRONG], "kept") == (4, 0, WRONG[0].message)
    assert first_seen([(), WRONG, ()], "kept") is None
    assert first_seen([(), *[WRONG] * STOOD, ()], "found") == (2, STOOD + 2, WRONG[0].message)
    assert first_seen([*[WRONG] * (STOOD - 1), ()], "found") is None
    assert first_seen([*[WRONG] * STOOD, (), WRONG], "found") is None
    assert first_seen([(), ()], "found") is None
    assert first_seen([*[WRONG] * (STOOD - 1), ()], "found", stood=2) == (1, STOOD, WRONG[0].message)


@pytest.mark.parametrize("piece", PIECES, ids=lambda each: each["file"])
def test_pieces_show_and_tell_what_their_rule_says(piece):
    sample = seen(GALLERY / piece["file"], DOMAINS)
    run, rule = sample.trace.run, piece["rule"]
    assert (run["domain"], run["sampler"], run["steps"]) == (rule["domain"], rule["sampler"], rule["steps"])
    found = first_seen(sample.issues, rule["show"], rule.get("stood", STOOD))
    assert found and piece["told"] == sentences(sample.trace, found)


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.json.gz")), ids=lambda path: path.name)
def test_recorded_runs_are_those_of_the_weights_of_today(path):
    """Their first tokens are as likely; the rest need not be the same where products are rounded otherwise."""
    trace = seen(path, DOMAINS).trace
    first = next(step.decoded for step in trace.steps if step.decoded)
    steps = prepare(request_again(trace)).steps()
    now = next(step.frame.decoded for step in steps if step and step.frame.decoded)
    assert [each[:2] for each in now] == [each[:2] for each in first]
    assert [each[2] for each in now] == pytest.approx([each[2] for each in first], abs=0.05)


def test_an_unknown_part_is_refused():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(ValueError, match="part must be one of runs, pairs, lesson, gallery, shown, got walls"):
        run(parser.parse_args(["walls"]))
