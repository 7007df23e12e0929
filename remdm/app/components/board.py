"""Runs side by side on the page: they stream in turn into one view with one scrubber (assets/js/compare.js)."""

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr

from remdm.app.components.player import frames
from remdm.app.samples import Sample
from remdm.app.streams import Stream, work
from remdm.runs.branch import BranchRequest, Pane, pane, pane_trace, side_by_side, told
from remdm.runs.record import RunRequest
from remdm.serving.gpu import lend, seconds
from remdm.serving.streamed_runs import RUNS, RunGroup
from remdm.views import messages

_MOUNT = """
window.ReMDMCompare.mount(element.querySelector(".compare"), {
  value: () => props.value,
  watch: (call) => watch("value", call),
  frames: (run, first, last) => server.frames(run, first, last),
});
"""
MOST_AT_ONCE = 240
"""Steps in one message."""
ALWAYS = ("steps",)
"""Settings that every pane names; of the others only those that differ."""


class Board(gr.HTML):
    """Its value is a message of this module."""

    def __init__(self, value: str | None = None, **more: object) -> None:
        shell = '<div class="compare"></div>'
        more = {"html_template": shell, "css_template": "", "js_on_load": _MOUNT, "server_functions": [frames], **more}
        super().__init__(value=value, **more)

    def api_info(self) -> dict[str, str]:
        """A message, for API users."""
        return {"type": "string"}


@dataclass(frozen=True)
class PaneRun:
    """A pane with what has come of it."""

    pane: Pane
    stream: Stream

    @property
    def sample(self) -> Sample:
        """What has been made so far."""
        shown, order = self.stream.shown, self.pane.live.order
        trace = pane_trace(self.pane, [each for each, _, _ in shown.steps])
        notes = tuple(notes for _, notes, _ in shown.steps) if order.model.notes else None
        return Sample(trace, notes, order.domain)

    @property
    def fate(self) -> str:
        """What became of the token that was planted here, if one was."""
        change, start = self.pane.wish.change, len(self.pane.past)
        if change is None or change.token == self.pane.state.mask_id:
            return ""
        return told(change, [each for each, _, _ in self.stream.shown.steps[start:]], self.pane.live)


@dataclass(frozen=True)
class Comparison:
    """What a board has shown to its end: for each pane its title, the settings told of it, its run and its fate."""

    titles: tuple[str, ...]
    settings: tuple[list[tuple[str, str, bool]], ...]
    samples: tuple[Sample, ...]
    fates: tuple[str, ...]

    @property
    def title(self) -> str:
        """All of it in a few words."""
        return " · ".join(self.titles)

    def message(self) -> str:
        """All of it as one message of the board."""
        panes, steps = [], []
        for place, sample in enumerate(self.samples):
            start, *made, end = json.loads(sample.message())["messages"]
            about = {"title": self.titles[place], "settings": self.settings[place], "fate": self.fates[place]}
            panes.append({**about, "start": start, "end": end})
            steps += [[place, step] for step in made]
        return messages.dumps({"v": 1, "kind": "all", "id": secrets.token_urlsafe(12), "panes": panes, "steps": steps})


def told_settings(orders: Sequence[RunRequest]) -> list[list[tuple[str, str, bool]]]:
    """For each order its sampler, steps and whatever differs among them: (name, value, whether it differs)."""
    tables: list[dict[str, Any]] = [
        {"sampler": each.settings.sampler, "steps": each.settings.steps, **each.settings.flat(), **asdict(each.asked)}
        for each in orders
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


@lend(lambda wishes: seconds(*(work([wish.order]) for wish in wishes)))
def _steps(wishes: list[BranchRequest]) -> Iterator[tuple[int, Any]]:
    """The steps of all panes in turn, made where the model runs."""
    yield from side_by_side(wishes)


class Showing:
    """Streams wishes into a board: iterate it for messages; `shelves` hold what has been made."""

    def __init__(self, wishes: Sequence[BranchRequest], press: RunGroup) -> None:
        self.wishes, self.press, self.id = list(wishes), press, secrets.token_urlsafe(12)
        panes = [pane(wish) for wish in wishes]
        self.shelves = [PaneRun(each, Stream(RUNS.open(each.live, press))) for each in panes]

        self.settings = told_settings([shelf.pane.live.order for shelf in self.shelves])

    @property
    def comparison(self) -> Comparison:
        """What has been shown so far."""
        titles, fates = (wish.title for wish in self.wishes), (shelf.fate for shelf in self.shelves)
        samples = (shelf.sample for shelf in self.shelves)
        return Comparison(tuple(titles), tuple(self.settings), tuple(samples), tuple(fates))

    def __iter__(self) -> Iterator[str]:
        panes = [
            messages.dumps({"title": wish.title, "settings": told})[:-1] + f',"start":{shelf.stream.begin()}}}'
            for wish, told, shelf in zip(self.wishes, self.settings, self.shelves, strict=True)
        ]
        yield f'{{"v":1,"id":"{self.id}","kind":"open","panes":[{",".join(panes)}]}}'
        turn: list[str] = []
        fresh: set[int] = set()
        for which, seen in _steps(self.wishes):
            if which in fresh or len(turn) >= MOST_AT_ONCE:  # a round is over; what lies in the past comes in bulk
                yield self._round(turn)
                turn, fresh = [], set()
            write = self.shelves[which].stream.take(seen) if seen else None
            if seen and write:
                turn.append(f"[{which},{write()}]")
                fresh |= {which} if seen[2] else set()
            if self.press.halt.is_set():
                return
        if turn:
            yield self._round(turn)

    def _round(self, turn: Sequence[str]) -> str:
        return f'{{"v":1,"id":"{self.id}","kind":"steps","list":[{",".join(turn)}]}}'

    def end(self, made: Comparison, stopped: bool = False) -> str:
        """The last message: each run's end, and what became of a planted token."""
        ends = [
            messages.dumps({"fate": fate})[:-1] + f',"end":{shelf.stream.end(sample, stopped)}}}'
            for shelf, sample, fate in zip(self.shelves, made.samples, made.fates, strict=True)
        ]
        return f'{{"v":1,"id":"{self.id}","kind":"end","panes":[{",".join(ends)}]}}'
