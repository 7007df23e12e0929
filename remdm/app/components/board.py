"""Runs side by side on the page: they stream in turn into one view with one scrubber (assets/js/compare.js)."""

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from remdm.app.samples import Sample
from remdm.app.streams import Stream, work
from remdm.runs.branch import BranchRequest, Pane, pane, pane_trace, side_by_side
from remdm.runs.planting import outcome_sentence
from remdm.runs.record import TimedFrame
from remdm.runs.request import RunRequest
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
    """What a board has shown to its end, for each pane; `outcomes` say what became of planted tokens."""

    titles: tuple[str, ...]
    settings: tuple[list[tuple[str, str, bool]], ...]
    samples: tuple[Sample, ...]
    outcomes: tuple[str, ...]

    @property
    def title(self) -> str:
        """All of it in a few words."""
        return " · ".join(self.titles)

    def message(self, words: Sequence[str] = (), **more: Any) -> str:
        """All of it as one message of the board: `words` say what each lane is; more of it: `headline`, `play`."""
        panes, steps = [], []
        for place, sample in enumerate(self.samples):
            start, *frames, end = json.loads(sample.message())["messages"]
            about = {"title": self.titles[place], "settings": self.settings[place], "outcome": self.outcomes[place]}
            panes.append({**about, "about": words[place] if words else "", "start": start, "end": end})
            steps += [[place, step] for step in frames]
        whole = {"v": 1, "kind": "all", "id": secrets.token_urlsafe(12), "panes": panes, "steps": steps}
        return messages.dumps({**whole, **more})


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
    """The steps of all panes in turn, made where the model runs."""
    yield from side_by_side(panes)


class Showing:
    """Streams runs side by side into a board: iterate it for messages; `panes` hold what has been made."""

    def __init__(self, requests: Sequence[BranchRequest], group: RunGroup) -> None:
        self.requests, self.group, self.id = list(requests), group, secrets.token_urlsafe(12)
        self.panes = [PaneRun(each, Stream(RUNS.open(each.prepared, group))) for each in map(pane, requests)]
        self.settings = settings_shown([each.pane.prepared.request for each in self.panes])

    @property
    def comparison(self) -> Comparison:
        """What has been shown so far."""
        titles, outcomes = (each.title for each in self.requests), (each.outcome for each in self.panes)
        samples = (each.sample for each in self.panes)
        return Comparison(tuple(titles), tuple(self.settings), tuple(samples), tuple(outcomes))

    def __iter__(self) -> Iterator[str]:
        starts = [
            messages.dumps({"title": request.title, "settings": settings})[:-1] + f',"start":{each.stream.begin()}}}'
            for request, settings, each in zip(self.requests, self.settings, self.panes, strict=True)
        ]
        yield f'{{"v":1,"id":"{self.id}","kind":"open","panes":[{",".join(starts)}]}}'
        turn: list[str] = []
        fresh: set[int] = set()
        for which, step in _steps([each.pane for each in self.panes]):
            if which in fresh or len(turn) >= MOST_AT_ONCE:  # a round is over; what lies in the past comes in bulk
                yield self._round(turn)
                turn, fresh = [], set()
            write = self.panes[which].stream.take(step) if step else None
            if step and write:
                turn.append(f"[{which},{write()}]")
                fresh |= {which} if step.seconds else set()
            if self.group.stopped.is_set():
                return
        if turn:
            yield self._round(turn)

    def _round(self, turn: Sequence[str]) -> str:
        return f'{{"v":1,"id":"{self.id}","kind":"steps","list":[{",".join(turn)}]}}'

    def end(self, shown: Comparison) -> str:
        """The last message: each run's end, and what became of a planted token."""
        stopped = self.group.stopped.is_set()
        ends = [
            messages.dumps({"outcome": outcome})[:-1] + f',"end":{each.stream.end(sample, stopped)}}}'
            for each, sample, outcome in zip(self.panes, shown.samples, shown.outcomes, strict=True)
        ]
        return f'{{"v":1,"id":"{self.id}","kind":"end","panes":[{",".join(ends)}]}}'
