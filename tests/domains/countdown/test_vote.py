"""Temporal voting: what the steps of a run elect, from its trace alone."""

from dataclasses import replace
from math import exp

import numpy as np
import pytest

from remdm import cli
from remdm.domains.countdown import problems
from remdm.domains.countdown.domain import COUNTDOWN, DOMAIN
from remdm.domains.countdown.problems import IDS, LENGTH, PROMPT, row
from remdm.domains.countdown.scores import Answers
from remdm.domains.countdown.vote import ALPHA, guesses, vote
from remdm.models.network import compute
from remdm.runs.record import record
from remdm.runs.request import RunRequest
from remdm.runs.trace import Frame, Trace
from remdm.sampling.methods import settings

MASK = IDS["<mask>"]
FIRST = [IDS[word] for word in "7 * 3 = 21 , 21 + 5 = 26".split()]
OTHER = [IDS[word] for word in "5 * 3 = 15 , 15 + 7 = 22".split()]
START = tuple(row((3, 5, 7), 26, ())[:PROMPT]) + (MASK,) * (LENGTH - PROMPT)


def step(decoded=(), remasked=(), drafts=()):
    return Frame(
        0.5, 0.4, 0.5, 0.6, 0.5, "draft", tuple((PROMPT + p, token, 0.5) for p, token in decoded),
        tuple(PROMPT + p for p in remasked), np.zeros(LENGTH, np.uint8), 1,
        drafts=tuple((PROMPT + p, token) for p, token in drafts),
    )  # fmt: skip


def by_hand():
    """The right answer as a guess at steps 1 and 2, of which a half is written; then the other one, written in full."""
    places = range(LENGTH - PROMPT)
    steps = (
        step(drafts=enumerate(FIRST)),
        step(decoded=enumerate(FIRST[:5])),
        step(remasked=range(5), drafts=enumerate(OTHER)),
        step(decoded=[(place, OTHER[place]) for place in places]),
    )
    return Trace({}, LENGTH, MASK, START, {}, steps, "")


def test_a_masked_word_is_what_the_network_would_write_there():
    found = [each[PROMPT:] for each in guesses(by_hand())]
    assert found == [tuple(FIRST), tuple(FIRST), tuple(OTHER), tuple(OTHER)]
    without = replace(by_hand(), steps=tuple(replace(each, drafts=()) for each in by_hand().steps))
    assert [each.count(MASK) for each in guesses(without)] == [11, 6, 11, 0]


def test_later_steps_count_exponentially_more():
    first, other = (exp(ALPHA * (one / 4 - 1)) + exp(ALPHA * (two / 4 - 1)) for one, two in ((1, 2), (3, 4)))
    winner, share = vote(by_hand())
    assert list(winner[PROMPT:]) == OTHER and share == pytest.approx(other / (first + other))


def test_an_answer_left_at_the_last_step_still_wins():
    trace = by_hand()
    long = replace(trace, steps=(*[trace.steps[0], trace.steps[1]], *[step()] * 60, *trace.steps[2:]))
    assert list(vote(long)[0][PROMPT:]) == FIRST


def test_what_is_not_complete_does_not_count():
    trace = by_hand()
    open_ = replace(trace, steps=(step(decoded=enumerate(FIRST[:5])),))
    assert vote(open_) is None


def test_the_measurement_elects_what_the_traces_elect():
    """The same seeds, one by one with a trace and together without."""
    chosen, asked = settings("remdm-cap", 12, eta=0.3), problems.test_problems(problems.SMALL)[:6]
    loaded = COUNTDOWN.load(compute("cpu"))
    together = Answers(loaded.denoiser, chosen, 3, asked, 6, elect=True)(0, 6).tokens
    for place, problem in enumerate(asked):
        prompt = f"{', '.join(map(str, problem.numbers))} = {problem.target}"
        trace = record(RunRequest(DOMAIN, COUNTDOWN, prompt, LENGTH, chosen, 3, place, "cpu", drafts=True))
        assert vote(trace)[0] == tuple(together[place].tolist())


def test_the_command_counts_the_votes_of_files(tmp_path, capsys):
    flags = ["--sampler", "mdlm", "--steps", "6", "--count", "2", "--out", str(tmp_path)]
    cli.main(["sample", "countdown", "--drafts", *flags])
    capsys.readouterr()
    files = sorted(map(str, tmp_path.iterdir()))
    cli.main(["vote", *files])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith(("last", "vote"))] == ["last", "vote"] * 2
    assert lines[-1].startswith("right: last answers ") and "% of the weight)" in lines[-2]
    cli.main(["sample", "text", "--sampler", "mdlm", "--steps", "2", "--out", str(tmp_path / "text.json")])
    with pytest.raises(SystemExit):
        cli.main(["vote", str(tmp_path / "text.json")])
    assert "text.json is not a run of countdown or countdown-99" in capsys.readouterr().err
