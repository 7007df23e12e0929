"""What a visitor has made or opened: a trace with what the checker says of each of its steps."""

import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from remdm.runs.domain import Domain, Model
from remdm.runs.tokens import Issue, TokenView
from remdm.runs.trace import Trace, TraceError, replay
from remdm.runs.trace_file import save
from remdm.sampling.presets import METHODS
from remdm.serving.apart import APART, TooLong
from remdm.views import messages

MOST_CHECKED = 4_000_000
"""Positions x steps of a trace that are still checked."""
OPENING_SECONDS = 40
"""For checking and drawing a trace that a visitor opened."""
LONGEST_WORD = 64
"""Letters of a token that is still checked and drawn as its model's."""
KEPT_SECONDS = 3600

Found = tuple[tuple[Issue, ...], ...]
Scenes = list[dict | None]


@dataclass(frozen=True)
class Sample:
    """A trace and the errors found after each of its steps (None where nothing can be checked)."""

    trace: Trace
    issues: Found | None
    domain: Domain
    drawn: Scenes | None = None
    """What the stage shows at the start and after each step, where it was drawn beforehand."""

    @property
    def model(self) -> Model | None:
        """The model that made it; None for one that is not known here, and for a trace that it cannot have made."""
        named = next((each for each in self.domain.models if each.name == self.trace.run.get("model")), None)
        return named if named and fits(self.trace, named) else None

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

    @property
    def opened_as(self) -> str:
        """What the stage says of it when it comes from a file."""
        known = self.trace.run.get("model") in [each.name for each in self.domain.models]
        odd = "; its model cannot have written this, so nothing is checked or drawn" if known and not self.model else ""
        return f"opened from a file{odd}"

    def message(self, note: str = "") -> str:
        """All of it for the player, under an id of its own, so that the same trace can be shown again."""
        return messages.trace_message(
            secrets.token_urlsafe(12), self.trace, self.issues, note, self.layout, self.drawn or self.scenes(),
            sampler_title(self.trace.run),
        )  # fmt: skip

    def scenes(self) -> Scenes | None:
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


def sampler_title(run: Mapping[str, Any]) -> str:
    """How the page names the sampler of a run; nothing for one that is not known here."""
    method = METHODS.get(str(run.get("sampler", "")))
    return method.title if method else ""


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


def fits(trace: Trace, model: Model) -> bool:
    """Whether a model can have made a trace: what it checks and draws need not be ready for anything else."""
    too_long = model.lengths is None and trace.length > model.length
    return not too_long and all(len(word) <= LONGEST_WORD for word in trace.words.values())


def opened(domain: Domain, trace: Trace) -> Sample:
    """A trace from a visitor's file, checked and drawn where that stops nobody else and can be ended.

    Raises:
        TraceError: if it takes too long.
    """
    try:
        issues, drawn = APART.call(OPENING_SECONDS, _found, domain, trace)
    except TooLong as error:
        raise TraceError(f"To check and draw it is too much here: {error}") from error
    return Sample(trace, issues, domain, drawn)


def _found(domain: Domain, trace: Trace) -> tuple[Found | None, Scenes | None]:
    sample = checked(domain, trace)
    return sample.issues, sample.scenes()


def _view(trace: Trace, ids: Iterable[int]) -> TokenView:
    return TokenView(tuple(map(int, ids)), trace.mask_id, trace.words)


@cache
def _own_folder() -> TemporaryDirectory:
    """That of this process alone, for the files that it offers; it goes with the process."""
    return TemporaryDirectory(prefix="remdm-")


def file_of(trace: Trace) -> str:
    """The path of a fresh trace file, named after its run; the page copies it, so old ones can go.

    Raises:
        ValueError: if it cannot be written.
    """
    name = "-".join(str(trace.run.get(part, ""))[:40] for part in ("domain", "sampler", "steps", "seed", "index"))
    safe = "".join(letter for letter in name if letter.isascii() and (letter.isalnum() or letter == "-"))
    try:
        root = Path(_own_folder().name)
        for old in root.iterdir():
            with suppress(OSError):  # another thread may be clearing up too
                if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                    shutil.rmtree(old)
        path = Path(mkdtemp(dir=root)) / f"{safe.strip('-') or 'trace'}.json.gz"
        save(trace, path)
    except OSError as error:
        raise ValueError(f"This server cannot write the file ({error.strerror}); the run itself stays") from error
    return str(path)
