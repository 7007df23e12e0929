"""Work on files that a visitor has opened, in a process of its own: it stops no one else, and it can be ended.

RDKit, the checkers and Pillow hold the interpreter's lock, and what they need grows without bounds with what a file
holds. The process starts when it is first asked, and ends after `IDLE_SECONDS` without work. It is a plain command
rather than one of `multiprocessing`'s, whose processes import the page again, of which this is a part.
"""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Made = TypeVar("Made")

IDLE_SECONDS = 300
START_SECONDS = 60
"""For its imports, on a busy machine."""
WHOSE: ContextVar[str | None] = ContextVar("whose", default=None)
"""The visit that the calling thread works for; None: nobody's."""


@dataclass(eq=False)
class _Ask:
    """A call that waits for its turn or has it: for which visit, and whether that is over."""

    visit: str | None
    left: bool = False


class TooLong(ValueError):
    """The work was ended before it was done, or its turn did not come."""


class Apart:
    """One process, which does one thing at a time for whoever asks."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._idle: threading.Timer | None = None
        self._asks: list[_Ask] = []
        self._now: _Ask | None = None

    def call(self, seconds: float, work: Callable[Given, Made], *args: Given.args, **more: Given.kwargs) -> Made:
        """Do `work` there, for the visit `WHOSE`; it and all that goes in and out is pickled.

        Args:
            seconds: after which it is ended; those that wait for their turn wait no longer than this either.
            work: a function of a module.
            *args: what it is given.
            **more: by name.

        Raises:
            TooLong: if it was ended, its turn did not come, or its visit is over.
            Exception: what the work raises.
        """
        ask = _Ask(WHOSE.get())
        self._asks.append(ask)
        try:
            done, made = self._done(ask, seconds, (work, args, more))
        finally:
            self._asks.remove(ask)
        if not done:
            raise made
        return made

    def _done(self, ask: _Ask, seconds: float, request: tuple[Any, ...]) -> tuple[bool, Any]:
        """Wait for the turn, and ask."""
        if not self._turn.acquire(timeout=seconds):
            raise TooLong("Others' files are being opened here; try again in a minute")
        try:
            self._rest()
            process = self._process if self._process and self._process.poll() is None else self._started()
            self._process, self._now = process, ask
            if ask.left:
                raise TooLong("Its visitor has left")
            return self._asked(process, seconds, pickle.dumps(request))
        finally:
            self._now = None
            self._idle = threading.Timer(IDLE_SECONDS, self.close)
            self._idle.daemon = True
            self._idle.start()
            self._turn.release()

    def leave(self, visit: str | None) -> None:
        """A visit is over: what is being done for it ends, and what waits for its turn is not begun.

        A page whose connection came back may ask again.
        """
        for ask in tuple(self._asks):
            if visit is not None and ask.visit == visit:
                ask.left = True
                if ask is self._now and self._process is not None:
                    self._process.kill()

    def close(self) -> None:
        """End the process; the next call starts another."""
        self._rest()
        process, self._process = self._process, None
        if process is not None:
            _end(process)

    def _rest(self) -> None:
        if self._idle is not None:
            self._idle.cancel()

    def _started(self) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(each for each in sys.path if each)
        process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,  # an interrupt at the keyboard is for the server
        )  # fmt: skip
        try:
            self._answered(process, START_SECONDS)
        except TooLong as error:
            raise RuntimeError("the process for opened files did not start") from error
        return process

    def _asked(self, process: subprocess.Popen[bytes], seconds: float, request: bytes) -> tuple[bool, Any]:
        assert process.stdin
        with suppress(OSError):  # it has gone: there is no answer either
            process.stdin.write(request)
            process.stdin.flush()
        return self._answered(process, seconds)

    def _answered(self, process: subprocess.Popen[bytes], seconds: float) -> tuple[bool, Any]:
        assert process.stdout
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        ending = threading.Timer(seconds, end)
        ending.start()
        try:
            return pickle.load(process.stdout)
        except (EOFError, pickle.UnpicklingError):
            _end(process)
            why = f"It takes longer than {seconds:.0f} s" if late.is_set() else "It takes more than this server has"
            raise TooLong(f"{why}, and a server has others to serve") from None
        finally:
            ending.cancel()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):
            pipe.close()  # type: ignore[union-attr]


APART = Apart()
"""That of this server."""


def _serve() -> None:
    """Answer one request after the other until the server goes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed meanwhile is not an answer
    pickle.dump((True, None), answers)
    answers.flush()
    while True:
        try:
            work, args, more = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = pickle.dumps((True, work(*args, **more)))
        except Exception as error:
            try:
                answer = pickle.dumps((False, error))
            except Exception:
                answer = pickle.dumps((False, RuntimeError(repr(error)[:400])))
        answers.write(answer)
        answers.flush()


if __name__ == "__main__":
    _serve()
