"""Coupled random numbers, runs taken up at a step, and what becomes of a planted error."""

from dataclasses import replace

import pytest
import torch

from remdm.domains.registry import DOMAINS
from remdm.evaluation.planted_errors import HEADINGS, experiment, planted, row
from remdm.models.ideal import letters
from remdm.runs.branch import PLANTED, BranchRequest, pane, pane_trace, side_by_side, state_after
from remdm.runs.planting import Change, chosen_token, outcome, outcome_sentence
from remdm.runs.record import record
from remdm.runs.request import RunRequest
from remdm.runs.trace_file import dumps, loads
from remdm.sampling.coupled_noise import Coupled, mixed, taken_up
from remdm.sampling.methods import build, run, settings

TEXT = DOMAINS["text"]
LOOP = settings("remdm-loop", 16, eta=0.3)


@pytest.fixture(scope="module")
def order() -> RunRequest:
    return RunRequest(TEXT, TEXT.models[0], "", TEXT.models[0].length, LOOP, 7)


@pytest.fixture(scope="module")
def trace(order):
    return record(order)


def shown(record) -> tuple:
    return record.step.index, record.after.tokens.tolist(), record.after.psi.tolist()


@pytest.mark.parametrize("name", ["mdlm", "remdm-conf", "remdm-loop", "maskgit", "remdm-llada"])
def test_a_run_taken_up_goes_on_as_if_never_left(name):
    chosen, tokens = settings(name, 10), torch.full((3, 5), 26)
    whole = list(run(letters(), chosen, tokens, (1, 2, 3), coupled=True))
    for first in (1, 4, 8):
        rest = list(run(letters(), chosen, whole[first - 1].after, (1, 2, 3), first=first, coupled=True))
        assert [shown(each) for each in rest[: len(whole) - first]] == [shown(each) for each in whole[first:]]


def test_a_coupled_draw_has_an_address():
    noise, log_x = Coupled((1, 2)), torch.zeros(3, 50).log_softmax(1)
    noise.at(4)
    few, many = torch.zeros(2, 6, dtype=torch.bool), torch.zeros(2, 6, dtype=torch.bool)
    few[0, 3] = few[1, 0] = few[1, 5] = True
    many[:] = True
    drawn = noise.draw(log_x, few)
    assert drawn.tolist() == noise.draw(log_x[:1].expand(12, 50), many)[few.flatten()].tolist()
    assert noise.uniform(6).equal(noise.uniform(6))
    before = noise.uniform(6)
    noise.at(5)
    assert not noise.uniform(6).equal(before) and not noise.draw(log_x, few).equal(drawn)


def test_coupled_draws_follow_their_distribution():
    wanted = torch.tensor([0.5, 0.3, 0.15, 0.05])
    noise, rows = Coupled((5,)), torch.ones(1, 400, dtype=torch.bool)
    counts, uniform = torch.zeros(4), []
    for step in range(20):
        noise.at(step)
        counts += torch.bincount(noise.draw(wanted.log().expand(400, 4), rows), minlength=4)
        uniform.append(noise.uniform(400))
    chi = float(((counts - 8000 * wanted) ** 2 / (8000 * wanted)).sum())
    assert chi < 16.3, "chi-squared with 3 degrees of freedom, p > 0.001"
    assert abs(float(torch.cat(uniform).mean()) - 0.5) < 4 * 0.289 / 8000**0.5
    assert len({mixed(a, b) for a in range(60) for b in range(60)}) == 3600


def test_another_sampler_goes_on_at_the_same_time():
    loop, plain = build(LOOP)[1], build(settings("mdlm", 16))[1]
    held = next(step for step in loop if step.held)
    assert loop[taken_up(loop, held.t)].index == held.index, "the beginning of the loop"
    assert plain[taken_up(plain, held.t)].t <= held.t < plain[taken_up(plain, held.t) - 1].t
    assert taken_up(plain, 0.0) == 16


def test_a_state_of_a_trace_is_the_state_of_its_run(order, trace):
    made = pane(BranchRequest(order))
    frames = [step.frame for step in made.steps()]
    whole = pane_trace(made, frames)
    again = pane(BranchRequest(order, trace=whole, step=9))
    assert again.first == 9 and len(again.past) == 9
    state = state_after(whole, 9)
    assert state.masked.sum() > 0 and (state.psi[state.masked] == torch.inf).all()
    rest = [step.frame for step in again.steps()]
    assert pane_trace(again, rest).final == whole.final, "the same settings, no change: the same run"
    assert loads(dumps(pane_trace(again, rest))).run["from_step"] == 9
    with pytest.raises(ValueError, match="step must be a whole number from 0 to"):
        state_after(trace, 999)


def test_mdlm_keeps_a_planted_error_and_remasking_may_not(order, trace):
    step = 12
    state = state_after(trace, step)
    place = int(state.decoded[0].nonzero()[5])
    made = pane(BranchRequest(order, trace=trace, step=step))
    change = chosen_token(made.prepared, state, place, "unlikely")
    assert 0 < change.probability < 0.01 and change.token != int(state.tokens[0, place])
    again = chosen_token(made.prepared, state, place, "unlikely")
    assert again == change, "derived from the seed"
    hot = settings("remdm-loop", 64, eta=0.9)
    requests = [
        BranchRequest(replace(order, settings=chosen), name, "", trace, step, change)
        for name, chosen in (("mdlm", settings("mdlm", 16)), ("loop", hot))
    ]
    panes = [pane(request) for request in requests]
    seen: list[list] = [[], []]
    for which, each in side_by_side(panes):
        if each:
            seen[which].append(each.frame)
    kept, looped = (pane_trace(each, frames) for each, frames in zip(panes, seen, strict=True))
    assert kept.final[place] == change.token and kept.steps[step].phase == PLANTED
    ends = [outcome(frames[step + 1 :], change, trace.mask_id) for frames in seen]
    assert ends[0].remasked is None and "stands to the end" in outcome_sentence(
        change, seen[0][step + 1 :], panes[0].prepared
    )
    assert ends[1].remasked is not None and ends[1].end != change.token
    assert loads(dumps(looped)).run["changed_position"] == place


def test_changes_that_cannot_be_made(order):
    given = RunRequest(TEXT, TEXT.models[0], "Rosa sat. ...", TEXT.models[0].length, LOOP, 7)
    whole = record(given)
    prepared = pane(BranchRequest(given)).prepared
    with pytest.raises(ValueError, match="Position 1 is part of the prompt"):
        pane(BranchRequest(given, trace=whole, step=3, change=Change(1, 9)))
    with pytest.raises(ValueError, match="is masked at this step already"):
        early = state_after(whole, 1)
        chosen_token(prepared, early, int(early.masked[0].nonzero()[0]), "mask")
    with pytest.raises(ValueError, match="“zebbra” is not a token of this model"):
        chosen_token(prepared, state_after(whole, 3), 9, "typed", "zebbra")
    typed = chosen_token(prepared, state_after(whole, 3), 9, "typed", "garden")
    assert prepared.pieces([typed.token])[typed.token].strip() == "garden" and 0 < typed.probability < 1


def test_a_run_is_taken_up_where_nothing_is_left_to_write():
    whole = list(run(letters(), settings("remdm-loop", 16), torch.full((1, 5), 26), (3,), coupled=True))
    full = next(each for each in whole if not each.after.masked.any())
    rest = run(letters(), settings("mdlm", 16), full.after, (3,), first=full.step.index + 1, coupled=True)
    assert [int(rest.forwards[0]) for _ in rest] == [0] * (15 - full.step.index), "no step has called the network"


@pytest.mark.slow
def test_planting_in_many_runs_tells_samplers_apart(order):
    samplers = {"plain": settings("mdlm", 16), "hot": settings("remdm-loop", 16, eta=0.9, t_on=0.9)}
    doing, tallies = [], {}
    for what, tallies in experiment(order, samplers, 10, 8):  # noqa: B007
        doing.append(what)
    plain, hot = tallies["plain"], tallies["hot"]
    assert doing[0] == "drafting" and {"plain", "hot", ""} < set(doing)
    assert (plain.planted, plain.remasked, plain.replaced, plain.control_changed) == (8, 0, 0, 0)
    assert plain.median_wait is None and plain.repair_rate.high > 0.3, "eight runs prove little"
    assert hot.remasked == len(hot.waits) >= 6 and hot.replaced >= hot.restored and hot.replaced >= 5
    assert all(wait >= 1 for wait in hot.waits) and hot.repair_rate.low < hot.replaced / 8 < hot.repair_rate.high + 1e-9
    assert len(row("hot", hot)) == len(HEADINGS)
    again = [dict(tallies) for _, tallies in experiment(order, samplers, 10, 8)][-1]
    assert again == tallies, "the same seeds, the same errors"
    with pytest.raises(ValueError, match="step must lie between 1 and 15"):
        list(planted(order, 0, 2))
    with pytest.raises(ValueError, match="runs must be a whole number from 1 to 256"):
        list(planted(order, 5, 10**6))
