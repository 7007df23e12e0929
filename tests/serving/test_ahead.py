"""Runs that do not wait for whoever looks at them: nothing is lost, faults arrive, and who leaves ends the making."""

import threading
from contextvars import ContextVar

import pytest

from remdm.serving.ahead import ahead

LONGEST = 60  # seconds after which a thread is held to be stuck
WHERE: ContextVar[str] = ContextVar("WHERE", default="nowhere")


def test_all_steps_arrive_in_their_order_the_first_one_alone():
    go = threading.Event()

    def steps():
        yield 0
        assert go.wait(LONGEST)
        yield from range(1, 100)

    handfuls = ahead(steps(), every=0.0)
    assert next(handfuls) == [0]
    go.set()
    assert [each for handful in handfuls for each in handful] == list(range(1, 100))


def test_who_is_slow_gets_more_at_a_time():
    made = threading.Event()

    def steps():
        yield from range(5)
        made.set()

    handfuls = ahead(steps())
    first = next(handfuls)
    assert made.wait(LONGEST), "the making does not wait"
    rest = list(handfuls)
    assert first + sum(rest, []) == list(range(5)) and len(rest) <= 1


def test_a_fault_comes_after_the_steps_before_it():
    def steps():
        yield 1
        yield 2
        raise ValueError("no more")

    taken = []
    with pytest.raises(ValueError, match="no more"):
        for handful in ahead(steps()):
            taken += handful
    assert taken == [1, 2]


def test_who_leaves_ends_the_making_after_the_step_under_way():
    begun, go, ended = threading.Semaphore(0), threading.Semaphore(0), threading.Event()
    count = 0

    def steps():
        nonlocal count
        try:
            while True:
                begun.release()
                assert go.acquire(timeout=LONGEST)
                count += 1
                yield count
        finally:
            ended.set()

    handfuls = ahead(steps())
    go.release()
    assert next(handfuls) == [1] and begun.acquire(timeout=LONGEST) and begun.acquire(timeout=LONGEST)
    handfuls.close()
    go.release()
    assert ended.wait(LONGEST) and count == 2


def test_steps_are_made_in_the_context_of_whoever_asks():
    WHERE.set("here")
    assert [each for handful in ahead(WHERE.get() for _ in range(2)) for each in handful] == ["here"] * 2
