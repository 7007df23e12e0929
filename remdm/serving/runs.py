"""The runs that the page has shown lately: so that the browser can ask for a step it missed."""

import json
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from remdm.recording import Live
from remdm.trace import Frame

KEPT = 64
MAX_ASKED = 20_000


@dataclass
class Shown:
    """A run as it is being shown: its frames, its step messages, the errors after each step."""

    live: Live
    frames: list[Frame] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)


class Runs:
    """The latest runs by unguessable id; old ones are dropped."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept, self._lock = kept, threading.Lock()
        self._runs: OrderedDict[str, Shown] = OrderedDict()

    def open(self, live: Live) -> tuple[str, Shown]:
        """Begin a run: its id and its record."""
        run_id, shown = secrets.token_urlsafe(12), Shown(live)
        with self._lock:
            self._runs[run_id] = shown
            while len(self._runs) > self._kept:
                self._runs.popitem(last=False)
        return run_id, shown

    def get(self, run_id: str | None) -> Shown | None:
        """A run by id, None if it is not known (any more)."""
        return self._runs.get(run_id) if isinstance(run_id, str) else None

    def frames(self, run_id: str, first: int, last: int) -> str:
        """Step messages `first` to `last` of a run as a JSON list; empty for an unknown run. Anyone may call this."""
        shown = self.get(run_id)
        if shown is None or not all(isinstance(place, int) and 0 <= place <= MAX_ASKED for place in (first, last)):
            return "[]"
        return json.dumps([json.loads(message) for message in shown.messages[first : last + 1]])


RUNS = Runs()
