"""Steps are made in a thread of their own, as fast as they come, and handed over in handfuls as a page shows them.

What a page asks of a step, its message and its way to the browser, takes about as long as the step itself; so a run
that waits for the page has half the speed of one that does not.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Made = TypeVar("Made")

EVERY = 1 / 25
"""Seconds between two handfuls, at least: what an eye can follow."""


class _Ahead(Generic[Made]):
    """What the thread has made, and whether anyone still wants it."""

    def __init__(self, steps: Iterable[Made]) -> None:
        self.queue: SimpleQueue[Made | _Ahead] = SimpleQueue()
        self.left = threading.Event()
        self.error: BaseException | None = None
        self._steps: Iterable[Made] | None = steps

    def make(self) -> None:
        """Make them all, or until nobody wants them; itself is the last thing in the queue."""
        steps, self._steps = self._steps or (), None
        try:
            for step in steps:
                self.queue.put(step)
                if self.left.is_set():
                    break
        except BaseException as error:  # it is raised again where the steps are taken
            self.error = error
        finally:
            del steps  # a generator ends here, and with it its place among those who share a network
            self.queue.put(self)


def ahead(steps: Iterable[Made], every: float = EVERY) -> Iterator[list[Made]]:
    """The steps in handfuls of one or more, in their order; the first one comes alone, as soon as it is there.

    Whoever closes this, or lets go of it, ends the making after the step that is under way.

    Args:
        steps: what makes them when it is iterated, in the other thread.
        every: seconds between two handfuls, at least.

    Raises:
        Exception: what the making of a step raises, after the steps before it.
    """
    making = _Ahead(steps)
    del steps
    threading.Thread(target=copy_context().run, args=(making.make,), daemon=True).start()
    ended, due = False, time.monotonic()
    try:
        while not ended:
            handful, ended = _taken(making)
            if handful:
                yield handful
            if not ended:
                due = max(due + every, time.monotonic())
                time.sleep(max(0.0, due - time.monotonic()))
    finally:
        making.left.set()
    if making.error is not None:
        raise making.error


def _taken(making: _Ahead[Made]) -> tuple[list[Made], bool]:
    """All that is there, at least one thing; whether it was the last."""
    handful: list[Made] = []
    each: Made | _Ahead = making.queue.get()
    while each is not making:
        handful.append(each)  # type: ignore[arg-type]
        try:
            each = making.queue.get_nowait()
        except Empty:
            return handful, False
    return handful, True
