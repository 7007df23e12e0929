"""Runs side by side on the page: they stream in turn onto the stage, under one slider (assets/js/board.js)."""

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from remdm import limits
from remdm.app.samples import Sample
from remdm.app.streams import Stream
from remdm.runs.branch import BranchRequest, Pane, pane, pane_trace
from remdm.runs.planting import outcome_sentence
from remdm.runs.record import TimedFrame
from remdm.runs.request import RunRequest
from remdm.serving import engine
from remdm.serving.ahead import ahead
from remdm.serving.budget import affordable, work
from remdm.serving.gpu import lend, seconds
from remdm.serving.streamed_runs import RUNS, RunGroup
from remdm.views import messages

MOST_AT_ONCE = 240
"""Steps in one message."""
ALWAYS = ("steps",)
"""Settings that every pane names; of the others only those that differ."""


@dataclass(frozen=True)
class PaneRun:
    """A pane with what has come of it."""

    pane: Pane
    stream: Stream

    @property
    def sample(self) -> Sample:
        """What has been made so far."""
        shown, request = self.stream.shown, self.pane.prepared.request
        trace = pane_trace(self.pane, shown.frames)
        return Sample(trace, shown.issues, request.domain)

    @property
    def outcome(self) -> str:
        """What became of the token that was planted here, if one was."""
        change, start = self.pane.branch.change, len(self.pane.past)
        if change is None or change.token == self.pane.state.mask_id:
            return ""
        return outcome_sentence(change, self.stream.shown.frames[start:], self.pane.prepared)


@dataclass(frozen=True)
class Comparison:
    """What the stage shows, lane by lane.

    Attributes:
        titles: of the lanes. words: what each of them is, in a few words.
        settings: (name, value, whether it differs) of each. outcomes: what became of a token planted there.
        samples: the runs.
        before: what was gone on from; None for runs from their start.
        edits: what was asked for, one after the other, on the way here.
    """

    titles: tuple[str, ...]
    settings: tuple[list[tuple[str, str, bool]], ...]
    samples: tuple[Sample, ...]
    outcomes: tuple[str, ...]
    words: tuple[str, ...] = ()
    before: "Comparison | None" = None
    edits: tuple[str, ...] = ()

    def __deepcopy__(self, memo: object) -> "Comparison":
        """Itself: it never changes, and Gradio copies what a visit begins with."""
        return self

    @property
    def title(self) -> str:
        """All of it in a few words."""
        return " · ".join(self.titles)

    def shortened(self, most: int, room: float) -> "Comparison":
        """The same with at most so many comparisons before it, and in so many bytes: what lies further back goes."""
        room -= sum(sample.trace.held for sample in self.samples)
        before = self.before.shortened(most - 1, room) if self.before and most > 0 and room > 0 else None
        return replace(self, before=before)

    def message(self, **more: Any) -> str:
        """All of it as one message of the stage; more of it: `headline`, `play`."""
        panes, steps = [], []
        for place, sample in enumerate(self.samples):
            start, *frames, end = json.loads(sample.message())["messages"]
            about = {"title": self.titles[place], "settings": self.settings[place], "outcome": self.outcomes[place]}
            panes.append({**about, "about": self.words[place] if self.words else "", "start": start, "end": end})
            steps += [[place, step] for step in frames]
        whole = {"v": 1, "kind": "all", "id": secrets.token_urlsafe(12), "panes": panes, "steps": steps}
        return messages.dumps({**whole, **more})


def of_samples(samples: Sequence[Sample], titles: Sequence[str], words: Sequence[str] = ()) -> Comparison:
    """Runs that are there already, as the stage shows them."""
    nothing: tuple[list, ...] = ([],) * len(samples)
    return Comparison(tuple(titles), nothing, tuple(samples), ("",) * len(samples), tuple(words))


def settings_shown(requests: Sequence[RunRequest]) -> list[list[tuple[str, str, bool]]]:
    """For each request its sampler, steps and whatever differs among them: (name, value, whether it differs)."""
    tables: list[dict[str, Any]] = [
        {"sampler": each.settings.sampler, "steps": each.settings.steps, **each.settings.flat(), **asdict(each.asked)}
        for each in requests
    ]
    names = list(dict.fromkeys(name for table in tables for name in table))
    differs = {name: len({str(table.get(name)) for table in tables}) > 1 for name in names}
    return [
        [
            (name, _brief(table[name]), differs[name])
            for name in names
            if name in table and name != "sampler" and (name in ALWAYS or differs[name])
        ]
        for table in tables
    ]


def _brief(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@lend(lambda panes: seconds(*(work([each.prepared]) for each in panes)))
def _steps(panes: Sequence[Pane]) -> Iterator[tuple[int, TimedFrame | None]]:
    """The steps of all lanes in turn, made where the model runs."""
    yield from engine.configured().side_by_side(panes)


class Showing:
    """Streams runs side by side onto the stage: iterate it for messages; `panes` hold what has been made."""

    def __init__(self, requests: Sequence[BranchRequest], group: RunGroup) -> None:
        self.requests, self.group, self.id = list(requests), group, secrets.token_urlsafe(12)
        self._asked = [pane(each, engine.configured().prepare) for each in requests]
        affordable([each.prepared for each in self._asked])
        self.panes = [self._opened(each) for each in self._asked]
        self.settings = settings_shown([each.pane.prepared.request for each in self.panes])

    def _opened(self, asked: Pane) -> PaneRun:
        shown = RUNS.open(asked.prepared, self.group)
        return PaneRun(replace(asked, prepared=shown.prepared), Stream(shown, asked.facts))

    @property
    def comparison(self) -> Comparison:
        """What has been shown so far."""
        titles, outcomes = (each.title for each in self.requests), (each.outcome for each in self.panes)
        samples, words = (each.sample for each in self.panes), (each.words for each in self.requests)
        return Comparison(tuple(titles), tuple(self.settings), tuple(samples), tuple(outcomes), tuple(words))

    def __iter__(self) -> Iterator[str]:
        starts = [
            messages.dumps({"title": request.title, "about": request.words, "settings": settings})[:-1]
            + f',"start":{each.stream.begin()}}}'
            for request, settings, each in zip(self.requests, self.settings, self.panes, strict=True)
        ]
        # what lies in the past comes with the start: of two messages at once the page may see the last alone
        past: list[str] = []
        live = not any(each.pane.past for each in self.panes)
        opening = f'{{"v":1,"id":"{self.id}","kind":"open","panes":[{",".join(starts)}],"steps":[%s]}}'
        if live:
            yield opening % ""
        asked, self._asked = self._asked, []  # with their networks, which nothing keeps after the last step
        for handful in ahead(_steps(asked)):
            turn: list[tuple[int, str]] = []
            for which, step in handful:
                if not live and step and step.seconds:
                    live = True
                    yield opening % ",".join(past)
                write = self.panes[which].stream.take(step) if step else None
                if write and live:
                    turn.append((which, write()))
                elif write:
                    past.append(f"[{which},{write()}]")
            if self.group.stopped.is_set():
                return
            limits.hold(self.group.held)
            for first in range(0, len(turn), MOST_AT_ONCE):
                yield messages.steps_message(self.id, turn[first : first + MOST_AT_ONCE])
        if not live:
            yield opening % ",".join(past)

    def end(self, shown: Comparison) -> str:
        """The last message: each run's end, and what became of a planted token."""
        stopped = self.group.stopped.is_set()
        ends = [
            messages.dumps({"outcome": outcome})[:-1] + f',"end":{each.stream.end(sample, stopped)}}}'
            for each, sample, outcome in zip(self.panes, shown.samples, shown.outcomes, strict=True)
        ]
        return f'{{"v":1,"id":"{self.id}","kind":"end","panes":[{",".join(ends)}]}}'
