"""The runs that the page has shown lately: so that the browser can ask for a step it missed."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from remdm.runs.record import PreparedRun, TimedFrame
from remdm.runs.tokens import Issue
from remdm.runs.trace import Frame

KEPT, HELD = 256, 256 << 20
"""Runs, and about how many bytes of them: what a page may still ask for."""
MAX_ASKED = 20_000


Step = tuple[TimedFrame, Callable[[], str]]
"""A step as it was shown, and what writes its message."""


@dataclass
class StreamedRun:
    """A run as it is being shown. `stopped` is shared by all the runs of a group: once set, nothing is added."""

    run_id: str
    prepared: PreparedRun
    stopped: threading.Event
    start: str = ""
    end: str = ""
    steps: list[Step] = field(default_factory=list)
    held: int = 0
    """About how many bytes of memory the steps take."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def frames(self) -> list[Frame]:
        """Of its steps so far."""
        return [step.frame for step, _ in self.steps]

    @property
    def issues(self) -> tuple[tuple[Issue, ...], ...] | None:
        """What the checker found after each step; None where the model has no checker."""
        return tuple(step.issues for step, _ in self.steps) if self.prepared.request.model.issues else None

    def add(self, step: TimedFrame, write: Callable[[], str]) -> bool:
        """Keep a step; False if the run was stopped meanwhile, and the step came too late."""
        with self._lock:
            if not self.stopped.is_set():
                self.steps.append((step, write))
                self.held += step.frame.held
            return not self.stopped.is_set()

    def stop(self) -> None:
        """Let nothing more be added: what is there now is the run."""
        with self._lock:
            self.stopped.set()


@dataclass
class RunGroup:
    """What one click began: whether it was stopped, its runs, and which of them the visitor looks at.

    `ending` says what the page shows once it was stopped, for runs side by side; `last_messages` are the messages sent
    then, by component. `session` is the visit that it belongs to.
    """

    stopped: threading.Event = field(default_factory=threading.Event)
    runs: list[StreamedRun] = field(default_factory=list)
    focus: int = 0
    ending: Callable[[], dict] | None = None
    last_messages: dict[Any, str] = field(default_factory=dict)
    session: str | None = None

    @property
    def held(self) -> int:
        """About how many bytes of memory its runs take so far."""
        return sum(shown.held for shown in self.runs)

    def stop(self) -> None:
        """End all of it; nothing is added any more."""
        self.stopped.set()
        for shown in self.runs:
            shown.stop()


CLOSING = "This server stops now. What was written so far stays on the page; try again in a minute"


class Runs:
    """The latest runs by unguessable id; old ones are dropped."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept, self._lock = kept, threading.Lock()
        self._runs: OrderedDict[str, StreamedRun] = OrderedDict()
        self._groups: OrderedDict[str, RunGroup] = OrderedDict()
        self.closing = threading.Event()

    def begin(self, session: str | None = None) -> str:
        """A ticket for a new group of runs of a visit, which can be stopped before any of them has begun."""
        ticket = secrets.token_urlsafe(12)
        with self._lock:
            self._groups[ticket] = RunGroup(session=session)
            while len(self._groups) > self._kept:
                self._groups.popitem(last=False)
        return ticket

    def close(self) -> None:
        """The server stops: end all runs; those who wait for them are told."""
        self.closing.set()
        for group in list(self._groups.values()):
            group.stop()

    def leave(self, session: str | None) -> None:
        """A visit has ended: end its runs, also those that are in the middle of a batch."""
        for group in list(self._groups.values()):
            if session and group.session == session:
                group.stop()

    def group(self, ticket: str | None) -> RunGroup:
        """The group of a ticket; one that nobody else holds for a ticket that is not known (any more)."""
        return self._groups.get(ticket or "", RunGroup())

    def open(self, prepared: PreparedRun, group: RunGroup) -> StreamedRun:
        """Begin a run of a group, under an id that nobody can guess. What is kept of it does not keep its network."""
        kept = replace(prepared, checkpoint=prepared.checkpoint.unloaded)
        shown = StreamedRun(secrets.token_urlsafe(12), kept, group.stopped)
        with self._lock:
            group.runs.append(shown)
            self._runs[shown.run_id] = shown
            held = sum(each.held for each in self._runs.values())
            while len(self._runs) > self._kept or held > HELD:
                held -= self._runs.popitem(last=False)[1].held
        return shown

    def get(self, run_id: str | None) -> StreamedRun | None:
        """A run by id, None if it is not known (any more)."""
        return self._runs.get(run_id) if isinstance(run_id, str) else None

    def frames(self, run_id: str, first: int, last: int) -> str:
        """Step messages `first` to `last` of a run as a JSON list; empty for an unknown run. Anyone may call this.

        A `first` below 0 asks for the start too (a page that opened late missed it), and for the end if there is one.
        """
        shown = self.get(run_id)
        if shown is None or not all(isinstance(place, int) and -1 <= place <= MAX_ASKED for place in (first, last)):
            return "[]"
        ends = (shown.start, shown.end) if first < 0 else ("", "")
        found = [ends[0], *(write() for _, write in shown.steps[max(0, first) : last + 1]), ends[1]]
        return f"[{','.join(message for message in found if message)}]"


RUNS = Runs()
