"""What a visitor has made or opened: a trace with what the checker says of each of its steps."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from remdm import limits
from remdm.runs.domain import Domain, Model
from remdm.runs.tokens import Issue, TokenView
from remdm.runs.trace import Trace, TraceError, replay
from remdm.runs.trace_file import load, save
from remdm.sampling.presets import METHODS
from remdm.serving.apart import APART, TooLong
from remdm.serving.temporary import offered
from remdm.views import messages

MOST_CHECKED = 4_000_000
"""Positions x steps of a trace that are still checked."""
OPENING_SECONDS = 40
"""For reading, checking and drawing a trace that a visitor opened."""
LONGEST_WORD = 64
"""Letters of a token that is still checked and drawn as its model's."""

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

    def __deepcopy__(self, memo: object) -> "Sample":
        """Itself: it never changes, and Gradio copies what a visit begins with."""
        return self

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
            secrets.token_urlsafe(12), self.trace, self.issues, note, self.layout, self._shown(),
            sampler_title(self.trace.run),
        )  # fmt: skip

    def _shown(self) -> Scenes | None:
        scenes, model = self.drawn or self.scenes(), self.model
        return [started(model, scenes[0]), *scenes[1:]] if scenes and model else scenes

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
        return drawn


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


def opened(file: Any, domains: Mapping[str, Domain]) -> Sample:
    """A trace from a visitor's file, read, checked and drawn where that stops nobody else and can be ended.

    Raises:
        TraceError: in one sentence, for a file that is not a trace of these domains, takes too long or holds too much.
    """
    try:
        if not isinstance(file, str):
            raise TraceError("Choose a file first.")
        trace, issues, drawn = APART.call(OPENING_SECONDS, _read, Path(file), dict(domains), limits.current().held)
    except TooLong as error:
        raise TraceError(f"This file cannot be shown. To read, check and draw it is too much here: {error}") from error
    except TraceError as error:
        raise TraceError(f"This file cannot be shown. {error}") from error
    return Sample(trace, issues, domains[trace.run["domain"]], drawn)


def _read(file: Path, domains: Mapping[str, Domain], most: float) -> tuple[Trace, Found | None, Scenes | None]:
    trace = load(file)
    domain = domains.get(trace.run.get("domain", ""))
    if domain is None:
        raise TraceError(
            f"It belongs to the domain {str(trace.run.get('domain'))[:40]}; here it must be {' or '.join(domains)}."
        )
    too_much = f"It takes more than {most / 1e6:.0f} MB of memory, the most that this server keeps of a file."
    if trace.held > most:
        raise TraceError(too_much)
    sample = checked(domain, trace)
    drawn, issues = sample.scenes(), sample.issues
    shown = sum(len(str(each)) for each in drawn or ()) + 300 * sum(map(len, issues or ()))
    if trace.held + shown > most:
        raise TraceError(too_much)
    return trace, issues, drawn


def _view(trace: Trace, ids: Iterable[int]) -> TokenView:
    return TokenView(tuple(map(int, ids)), trace.mask_id, trace.words)


def file_name(trace: Trace) -> str:
    """What a file of a run is called, without its ending."""
    name = "-".join(str(trace.run.get(part, ""))[:40] for part in ("domain", "sampler", "steps", "seed", "index"))
    safe = "".join(letter for letter in name if letter.isascii() and (letter.isalnum() or letter == "-"))
    return safe.strip("-") or "trace"


def file_of(trace: Trace) -> str:
    """The path of a fresh trace file.

    Raises:
        ValueError: if it cannot be written.
    """
    with offered(f"{file_name(trace)}.json.gz") as path:
        save(trace, path)
    return str(path)
