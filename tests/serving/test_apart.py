"""The process for opened files: it answers, raises, is ended when it takes too long, and starts again."""

import os
import threading
import time
from contextvars import copy_context
from operator import truediv

import pytest

from remdm.serving.apart import WHOSE, Apart, TooLong


@pytest.fixture(scope="module")
def apart():
    made = Apart()
    yield made
    made.close()


def test_work_is_done_in_another_process_that_stays(apart):
    first = apart.call(30, os.getpid)
    assert first != os.getpid() and apart.call(30, os.getpid) == first
    assert apart.call(30, int, "77", base=8) == 63


def test_what_it_raises_is_raised_here(apart):
    with pytest.raises(ZeroDivisionError):
        apart.call(30, truediv, 1, 0)
    assert apart.call(30, truediv, 1, 2) == 0.5


def test_what_is_printed_there_is_no_answer(apart):
    assert apart.call(30, print, "noise") is None
    assert apart.call(30, truediv, 1, 2) == 0.5


def test_what_takes_too_long_is_ended_and_the_next_one_is_answered(apart):
    before = apart.call(30, os.getpid)
    with pytest.raises(TooLong, match="longer than 1 s"):
        apart.call(1, time.sleep, 600)
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    assert apart.call(30, os.getpid) != before


def test_what_is_done_for_a_visit_ends_with_it_and_no_other(apart):
    apart.call(30, os.getpid)  # it has started
    ended, visitors = {}, {}

    def ask(visit, seconds):
        WHOSE.set(visit)
        try:
            ended[visit] = apart.call(60, time.sleep, seconds)
        except TooLong as error:
            ended[visit] = str(error)

    for visit, seconds in (("first", 600), ("second", 0.1), ("third", 600)):
        visitors[visit] = threading.Thread(target=copy_context().run, args=(ask, visit, seconds))
        visitors[visit].start()
        while len(apart._asks) < len(visitors) or apart._now is None:
            time.sleep(0.01)
    assert apart._now.visit == "first"
    for visit in ("third", "nobody", None, "first"):
        apart.leave(visit)
    for each in visitors.values():
        each.join(30)
    assert ended["second"] is None and "server" in ended["first"] and ended["third"] == "Its visitor has left"
    copy_context().run(ask, "third", 0.1)  # only its connection had been gone
    assert ended["third"] is None


def test_a_process_that_dies_is_a_sentence(apart):
    with pytest.raises(TooLong, match="more than this server has"):
        apart.call(30, os._exit, 1)
    assert apart.call(30, truediv, 1, 2) == 0.5


def test_whoever_waits_too_long_for_a_turn_is_told(apart):
    with apart._turn, pytest.raises(TooLong, match="Others"):
        apart.call(0.01, os.getpid)
