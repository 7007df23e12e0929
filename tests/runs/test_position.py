"""Runs that are left and taken up again give the frames of runs that were never left, to the last number."""

from dataclasses import replace
from weakref import ref

import pytest
import torch

from remdm.domains.registry import DOMAINS
from remdm.runs.record import Batch, Walk, prepare, together
from remdm.runs.request import RunRequest
from remdm.runs.trace_file import dumps
from remdm.sampling.methods import settings
from remdm.sampling.noise import Noise
from remdm.sampling.presets import METHODS

REMEMBER = {"klass", "wino", "saber", "t2m"}
"""What these carry from step to step no position has: they are taken up at their start."""
TEXT, IMAGE = DOMAINS["text"], DOMAINS["image"]


def order(sampler, steps=10, **more):
    stories = TEXT.models[0]
    return RunRequest(TEXT, stories, "", stories.length, settings(sampler, steps), 7, **more)


def walked(walk):
    """All rows, without their times, and where the runs stood after each."""
    return [([each and (each.frame, each.issues) for each in row], walk.position) for row in walk]


def same(rows, others):
    """Whether frames are the same; numpy arrays do not compare as a whole."""

    def plain(row):
        return [each and (replace(each[0], confidence=b""), each[0].confidence.tobytes(), each[1]) for each in row]

    return [plain(row) for row, _ in rows] == [plain(row) for row, _ in others]


@pytest.mark.parametrize("name", METHODS)
def test_a_run_is_taken_up_as_if_never_left(name):
    prepared = prepare(order(name))
    whole = walked(Walk([prepared]))
    offered = [place for place, (_, position) in enumerate(whole) if position is not None]
    assert bool(offered) == (name not in REMEMBER), "where it can be taken up"
    for place in {offered[0], offered[len(offered) // 2], offered[-1]} if offered else ():
        rest = walked(Walk([prepared], whole[place][1]))
        assert same(rest, whole[place + 1 :]), f"taken up after step {place}"


@pytest.mark.parametrize(
    "more", [{"coupled": True, "drafts": True}, {"watch": False}, {"watch": False, "coupled": True}], ids=str
)
def test_so_is_one_with_addressed_numbers_and_one_that_nobody_watches(more):
    prepared = prepare(order("remdm-conf", 24, **more))
    whole = walked(Walk([prepared]))
    offered = [place for place, (_, position) in enumerate(whole) if position is not None]
    for place in offered[::5]:
        assert same(walked(Walk([prepared], whole[place][1])), whole[place + 1 :]), f"taken up after step {place}"


def test_where_the_last_answer_still_holds_no_position_is_offered():
    """A run taken up there would need a network evaluation that the unbroken one does not."""
    whole = walked(Walk([prepare(order("mdlm", 200))]))
    before = 0
    for (made,), position in whole:
        frame = made[0]
        if not frame.decoded and not frame.remasked:
            assert position is None
        before += position is not None
    assert 0 < before < len(whole)


def test_a_batch_is_taken_up_together():
    model = IMAGE.models[0]
    request = RunRequest(IMAGE, model, "", model.length, settings("remdm-loop", 8), 3)
    batch = together([replace(request, index=index) for index in range(2)])
    whole = walked(Walk(batch.runs))
    offered = [place for place, (_, position) in enumerate(whole) if position is not None]
    place = offered[len(offered) // 2]
    assert same(walked(Walk(batch.runs, whole[place][1])), whole[place + 1 :])
    rows = list(Batch(batch.runs, whole[place][1]).steps())
    assert len(rows) == len(whole) - place - 1


def test_the_trace_is_the_same_byte_for_byte():
    prepared = prepare(order("remdm-loop", 12))
    whole = walked(Walk([prepared]))
    place = next(place for place, (_, position) in enumerate(whole) if place > 3 and position is not None)
    frames = [made[0] for (made,), _ in whole]
    rest = [row[0].frame for row in Batch((prepared,), whole[place][1]).steps()]
    assert dumps(prepared.trace(frames[: place + 1] + rest)) == dumps(prepared.trace(frames))


@pytest.mark.parametrize("precision", [64, 32])
def test_numbers_go_on_where_they_were_left(precision):
    one, other = Noise((1, 2), precision), Noise((8, 9), precision)
    rows = torch.tensor([[True, False], [True, True]])
    log_x = torch.full((3, 5), 0.2).log()
    one.uniform(2), one.draw(log_x, rows), one.gumbel(3)
    other.go_on(one.stand())
    assert one.uniform(2).equal(other.uniform(2)) and one.draw(log_x, rows).equal(other.draw(log_x, rows))
    assert one.gumbel(4).equal(other.gumbel(4))


def test_a_run_that_is_left_goes_with_all_it_remembers():
    """Without a search for garbage: the network's last answer may have hundreds of megabytes."""
    walk = Walk([prepare(order("remdm-loop", 8))])
    rows = iter(walk)
    next(rows)
    cache = ref(walk._running._caches[0])
    assert cache() is not None
    del walk, rows
    assert cache() is None
