"""One domain's tab: the stage with its player, the settings beside it, and what a run leaves behind."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from remdm.app.components.player import Player
from remdm.app.components.tiles import Refresh, Tiles, finished
from remdm.app.errors import failure, refusal
from remdm.app.events import UI_EVENT
from remdm.app.samples import Sample, checked
from remdm.app.stopping import cancels
from remdm.app.streams import Stream, ended, steps_of, steps_together
from remdm.app.streams import made as sample_of
from remdm.app.workbench.change import ChangeHere
from remdm.app.workbench.compare import MODEL_QUEUE, Compare
from remdm.app.workbench.outcome import Changes, Outcome
from remdm.app.workbench.recommended import BestKnown
from remdm.app.workbench.schedule_preview import ScheduleBench
from remdm.app.workbench.settings import Panel
from remdm.app.workbench.settings_events import Reactions
from remdm.app.workbench.share import Share
from remdm.evaluation.measurement import Measurement
from remdm.hub.store import size
from remdm.models.network import compute
from remdm.runs.domain import Domain
from remdm.runs.record import PreparedRun, RunRequest, prepare
from remdm.runs.trace import TraceError, load
from remdm.serving.streamed_runs import RUNS, RunGroup


class Workbench:
    """Builds the tab of a domain inside `gr.Blocks`; its callbacks are the methods below."""

    def __init__(
        self,
        domain: Domain,
        recorded: Path,
        measurement: Measurement | None = None,
        under: Callable[[], None] | None = None,
    ) -> None:
        """Build it; `under` adds a domain's own parts under the player."""
        self.domain, self._under = domain, under
        first = checked(domain, load(recorded)) if recorded.is_file() else None
        name = domain.name
        with gr.Row(elem_classes="bench"):
            with gr.Column(elem_classes="stage"):
                with gr.Tabs(elem_classes="views", selected="run") as self.views:
                    with gr.Tab("Run", id="run"):
                        self._run_view(first)
                    with gr.Tab("Compare", id="compare"):
                        self.compare = Compare(name)
            with gr.Column(elem_classes="side"):
                with gr.Row(elem_classes="actions"):
                    self.run = gr.Button("Run", variant="primary", elem_id=f"{name}-run", min_width=120)
                    self.stop = gr.Button("Stop", interactive=False, elem_id=f"{name}-stop", min_width=120)
                with gr.Column(elem_classes="controls"):
                    self.panel = Panel(domain)
        self.kept = gr.State([first] if first else [])
        self.current = gr.State(None)
        self.shown = gr.State(first)
        Reactions(self.panel)
        BestKnown(self.panel, measurement)
        ScheduleBench(self.panel)
        self._listen()
        self.compare.listen(self.panel)
        self.change.listen(self.panel, self.player, self.outcome, self.shown)
        self.share.listen(self.panel, self.shown)

    def _run_view(self, first: Sample | None) -> None:
        name = self.domain.name
        note = "a recorded run; press Run for one of your own"
        self.player = Player(first.message(note) if first else None, elem_id=f"{name}-player")
        self.samples = gr.Radio([], label="Samples", visible=False, interactive=True, elem_id=f"{name}-samples")
        self.tiled = any(model.tile for model in self.domain.models)
        self.tiles = Tiles(visible=self.tiled, elem_id=f"{name}-tiles")
        self.change = ChangeHere(name)
        self.share = Share(name)
        if self._under:
            self._under()
        self.outcome = Outcome(self.domain, first)

    def _listen(self) -> None:
        opened, about = self.outcome.opened, self.outcome.outputs
        buttons = [self.run, self.stop, opened]
        self.results = results = [
            self.player, self.tiles, *about, *buttons, self.samples, self.kept, self.current, self.shown,
        ]  # fmt: skip
        self.starting = [*buttons, self.samples, self.current, self.views]
        begun = self.run.click(self.begin, None, self.starting, queue=False, **UI_EVENT)
        sampling = begun.then(
            self.sample, [self.current, *self.panel.inputs], results, concurrency_id=MODEL_QUEUE, **UI_EVENT
        )
        cancels(self.stop, self.stopped, self.current, results, sampling, self._ready, buttons)
        shown = [self.player, self.tiles, *about, self.shown]
        self.samples.input(self.chosen, [self.samples, self.kept], shown, **UI_EVENT)
        self.tiles.select(self.picked, [self.current, self.kept], shown, **UI_EVENT)
        opened.upload(self.open_trace, opened, [*shown, self.samples, self.kept, self.current], **UI_EVENT)

    # A run

    def begin(self) -> Changes:
        """At once, before the run's turn has come."""
        return {
            **self._busy("Waiting …"),
            self.samples: gr.Radio(visible=False),
            self.current: RUNS.press(),
            self.views: gr.Tabs(selected="run"),
        }

    def sample(self, ticket: str | None, *values: Any) -> Iterator[Changes]:
        """Run the sampler for as many samples as asked, streaming each step as it is made."""
        yield from self.sampled(ticket, lambda: self.panel.orders(values))

    def sampled(self, ticket: str | None, ordering: Callable[[], list[RunRequest]]) -> Iterator[Changes]:
        """The same for orders made by others; `ordering` may raise ValueError with one sentence."""
        press = RUNS.pressed(ticket)
        try:
            orders = ordering()
            yield from self._fetched(orders[0], press)
            if press.halt.is_set():
                return
            lives = [prepare(order) for order in orders]
            if press.halt.is_set():  # stopped before it began
                return
            made: list[Sample] = []
            if self.domain.together and len(lives) > 1:
                yield from self._together(lives, ticket or "", press, made)
            else:
                for live in lives:
                    yield from self._one(live, press, made, len(lives))
                    if press.halt.is_set():
                        break
            if press.halt.is_set():  # `stopped` has told the page; a cancel alone may come some steps late
                return
        except Exception as error:
            yield self._ready()
            raise failure(error, "The run") from error
        yield self._after(made, press.focus if len(press.runs) == len(made) > 1 and self.domain.together else -1)

    def _fetched(self, order: RunRequest, press: RunGroup) -> Iterator[Changes]:
        """Download what the model lacks; Stop calls it off."""
        for made in order.model.fetch(compute(order.device)) if order.model.fetch else ():
            yield self._busy(f"Downloading {made.done / max(made.total, 1):.0%} of {size(made.total)} …")
            if press.halt.is_set():
                return

    def _one(self, live: PreparedRun, press: RunGroup, made: list[Sample], wanted: int) -> Iterator[Changes]:
        """One run, step by step."""
        shown = RUNS.open(live, press)
        stream = Stream(shown)
        label = "Running …" if wanted == 1 else f"Running {len(made) + 1} of {wanted} …"
        yield {self.player: stream.begin(), **self._busy(label)}
        for seen in steps_of(live.order):
            write = stream.take(seen)
            if write is None:
                return
            yield {self.player: write()}
        made.append(sample_of(shown))
        yield {self.player: stream.end(made[-1])}

    def _together(
        self, lives: list[PreparedRun], ticket: str, press: RunGroup, made: list[Sample]
    ) -> Iterator[Changes]:
        """All runs in one batch: the player follows the one looked at, the tiles show all of them."""
        streams = [Stream(RUNS.open(live, press)) for live in lives]
        starts = [stream.begin() for stream in streams]
        focus, refresh = press.focus, Refresh(ticket, lives[0].order.model, len(lives))
        yield {self.player: starts[focus], **self._busy(f"Running {len(lives)} …")}
        for step in steps_together([live.order for live in lives]):
            writes = [stream.take(seen) if seen else None for stream, seen in zip(streams, step, strict=True)]
            if press.halt.is_set():
                return
            if press.focus != focus:
                focus = press.focus
                yield {self.player: starts[focus]}  # the player asks for the steps before this one
            now = writes[focus]
            changes: Changes = {self.player: now()} if now else {}
            if self.tiled and refresh.due():
                words = [stream.live.words(stream.ids) for stream in streams]
                changes[self.tiles] = refresh.message(words, focus)
            if changes:
                yield changes
        made += [sample_of(shown) for shown in press.runs]
        ends = [stream.end(sample) for stream, sample in zip(streams, made, strict=True)]
        yield {self.player: ends[focus]}

    def stopped(self, ticket: str | None) -> Changes:
        """After a cancel: what was made so far stays, and can be looked at and saved."""
        press = RUNS.pressed(ticket)
        press.stop()
        begun = [shown for shown in press.runs if shown.steps]
        if not begun:  # nothing was made, and nothing must be made later
            ends = [ended(shown, sample_of(shown), stopped=True) for shown in press.runs]
            return {**self._ready(), **({self.player: ends[0]} if ends else {})}
        samples = [sample_of(shown) for shown in begun]
        for shown, sample in zip(begun, samples, strict=True):
            if not shown.end:
                ended(shown, sample, stopped=True)
        place = min(press.focus, len(begun) - 1) if self.domain.together else len(begun) - 1
        return {**self._after(samples, place), self.player: begun[place].end}

    # What is left of it

    def _busy(self, label: str) -> Changes:
        return {
            self.run: gr.Button(label, interactive=False),
            self.stop: gr.Button(interactive=True),
            self.outcome.opened: gr.UploadButton(interactive=False),
        }

    def _ready(self) -> Changes:
        return {
            self.run: gr.Button("Run", interactive=True),
            self.stop: gr.Button(interactive=False),
            self.outcome.opened: gr.UploadButton(interactive=True),
        }

    def _after(self, made: list[Sample], place: int = -1) -> Changes:
        """Numbers of the sample shown and of all, the list of all of them, and the buttons as they were."""
        place %= len(made)
        names = [(sample.title, each) for each, sample in enumerate(made)]
        tiles = {self.tiles: finished(secrets.token_urlsafe(8), made, place)} if self.tiled else {}
        radio = gr.Radio(choices=names, value=place, visible=len(made) > 1 and not self.tiled)
        done = {**self.outcome.of(made[place]), **self.outcome.of_all(made), **self._ready(), **tiles}
        return {**done, self.kept: made, self.samples: radio, self.shown: made[place]}

    def chosen(self, place: int, kept: list[Sample]) -> Changes:
        """Show another of the samples."""
        return {**self.outcome.of(kept[place]), self.player: kept[place].message(), self.shown: kept[place]}

    def picked(self, ticket: str | None, kept: list[Sample], event: gr.EventData) -> Changes:
        """A tile was clicked: the player follows that sample, or shows it if the run is over."""
        place, press = getattr(event, "index", None), RUNS.pressed(ticket)
        if type(place) is not int or place < 0:
            return {self.player: gr.skip()}
        running = press.runs and not press.halt.is_set() and not press.runs[-1].end
        if running:
            press.focus = min(place, len(press.runs) - 1)
            return {self.player: gr.skip()}
        return self.chosen(min(place, len(kept) - 1), kept) if kept else {self.player: gr.skip()}

    def open_trace(self, file: str) -> Changes:
        """Show a trace file of the visitor's."""
        try:
            trace = load(Path(file))
            if trace.run.get("domain") != self.domain.name:
                raise TraceError(f"It belongs to the domain {str(trace.run.get('domain'))[:40]}.")
            sample = checked(self.domain, trace)
        except TraceError as error:
            raise refusal(TraceError(f"This file cannot be shown. {error}")) from error
        hidden = gr.Radio(choices=[], value=None, visible=False)
        return {
            **self.outcome.of(sample), **self.outcome.of_all([sample]),
            self.player: sample.message("opened from a file"),
            **({self.tiles: finished("", [sample], 0)} if self.tiled else {}),
            self.samples: hidden, self.kept: [sample], self.current: None, self.shown: sample,
        }  # fmt: skip
