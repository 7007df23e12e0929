"""What a visitor has made or opened: a trace with what the checker says of each of its steps."""

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from remdm.runs.domain import Domain, Model
from remdm.runs.tokens import Issue, TokenView
from remdm.runs.trace import Trace, replay, save
from remdm.views import messages

MOST_CHECKED = 4_000_000
"""Positions x steps of an opened trace that are still checked: what takes longer than some seconds is only shown."""
KEPT_SECONDS = 3600

Found = tuple[tuple[Issue, ...], ...]


@dataclass(frozen=True)
class Sample:
    """A trace and the errors found after each of its steps (None where nothing can be checked)."""

    trace: Trace
    issues: Found | None
    domain: Domain

    @property
    def model(self) -> Model | None:
        """The model that made it, None for one that is not known here."""
        return next((each for each in self.domain.models if each.name == self.trace.run.get("model")), None)

    @property
    def layout(self) -> str:
        """How its tokens are laid out."""
        return (self.model and self.model.layout) or self.domain.layout

    @property
    def view(self) -> TokenView:
        """Its last state as the domain sees it."""
        return _view(self.trace, self.trace.final)

    @property
    def errors(self) -> list[int] | None:
        """How many errors each step leaves."""
        return None if self.issues is None else [len(found) for found in self.issues]

    @property
    def errors_left(self) -> int | None:
        """How many errors there are at the end."""
        return None if self.issues is None else len(self.issues[-1]) if self.issues else 0

    @property
    def title(self) -> str:
        """How the list of samples names it."""
        title = f"Sample {self.trace.run.get('index', 0) + 1}"
        left = self.errors_left
        if left is None:
            return title
        return f"{title} · {left or 'no'} error{'' if left == 1 else 's'}"

    def message(self, note: str = "") -> str:
        """All of it for the player, under an id of its own, so that the same trace can be shown again."""
        return messages.trace_message(
            secrets.token_urlsafe(12), self.trace, self.issues, note, self.layout, self._scenes()
        )

    def _scenes(self) -> list[dict | None] | None:
        """What the stage shows at the start and after each step; a state that comes again is not drawn again."""
        model = self.model
        draw = model.scene if model else None
        if model is None or draw is None or self.trace.length * len(self.trace.steps) > MOST_CHECKED:
            return None
        states = [_view(self.trace, self.trace.start), *(_view(self.trace, ids) for ids in replay(self.trace))]
        drawn: list[dict | None] = []
        for place, state in enumerate(states):
            drawn.append(drawn[-1] if place and state == states[place - 1] else draw(state))
        return [started(model, drawn[0]), *drawn[1:]]


def started(model: Model, scene: dict | None) -> dict | None:
    """The scene of a run's start: with what the model's scene needs once."""
    return scene if model.once is None else {**model.once(), **(scene or {})}


def checked(domain: Domain, trace: Trace) -> Sample:
    """A trace with its errors; needs no model, only the checker of the one that made it."""
    sample = Sample(trace, None, domain)
    model = sample.model
    if model is None or model.issues is None or trace.length * len(trace.steps) > MOST_CHECKED:
        return sample
    return replace(sample, issues=tuple(model.issues(_view(trace, ids)) for ids in replay(trace)))


def _view(trace: Trace, ids: Iterable[int]) -> TokenView:
    return TokenView(tuple(map(int, ids)), trace.mask_id, trace.words)


def file_of(trace: Trace) -> str:
    """The path of a fresh trace file, named after its run; the page copies it, so old ones can go."""
    root = Path(tempfile.gettempdir()) / "remdm-traces"
    root.mkdir(exist_ok=True)
    for old in root.iterdir():
        with suppress(OSError):  # another process may be clearing up too
            if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(old)
    name = "-".join(str(trace.run.get(part, ""))[:40] for part in ("domain", "sampler", "steps", "seed", "index"))
    safe = "".join(letter for letter in name if letter.isascii() and (letter.isalnum() or letter == "-"))
    path = Path(tempfile.mkdtemp(dir=root)) / f"{safe.strip('-') or 'trace'}.json.gz"
    save(trace, path)
    return str(path)
