"""One domain's tab: the stage with its player, the settings next to it, and what a run leaves behind."""

from collections.abc import Callable, Generator, Iterator
from collections.abc import Set as AbstractSet
from html import escape
from pathlib import Path

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from remdm.app.components.run_controls import RunControls
from remdm.app.components.scripted_html import player, tiles
from remdm.app.components.tiles import Refresh, finished
from remdm.app.errors import refusal
from remdm.app.events import Changes, Values, on
from remdm.app.samples import Sample, checked
from remdm.app.streams import Stream, ended, made, steps_of, steps_together
from remdm.app.workbench.change import ChangeHere
from remdm.app.workbench.compare import Compare
from remdm.app.workbench.opening import opening
from remdm.app.workbench.outcome import Outcome
from remdm.app.workbench.recommended import Recommended
from remdm.app.workbench.schedule_preview import SchedulePreview
from remdm.app.workbench.settings import Panel
from remdm.app.workbench.settings_events import Reactions
from remdm.app.workbench.share import Share
from remdm.evaluation.measurement import Measurement
from remdm.hub.store import size
from remdm.models.network import compute
from remdm.runs.domain import Domain
from remdm.runs.record import PreparedRun, prepare
from remdm.runs.request import RunRequest
from remdm.runs.trace import TraceError, load
from remdm.serving.streamed_runs import RUNS, RunGroup

Made = Generator[Changes, None, list[Sample]]
"""Changes as they come, and the samples at the end; none of a run that was stopped."""


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
                pair = opening(domain)
                with gr.Tabs(elem_classes="views", selected="compare" if pair else "run") as self.views:
                    with gr.Tab("Compare", id="compare"):
                        self.compare = Compare(name, pair)
                    with gr.Tab("Run", id="run"):
                        self._run_view(first)
            with gr.Column(elem_classes="side"):
                with gr.Row(elem_classes="actions"):
                    self.controls = RunControls("Run", f"{name}-run", f"{name}-stop", "The run", min_width=120)
                    self.controls.others = [self.outcome.opened]
                with gr.Column(elem_classes="controls"):
                    self.panel = Panel(domain)
        self.kept, self.shown = gr.State([first] if first else []), gr.State(first)
        Reactions(self.panel)
        Recommended(self.panel, measurement)
        SchedulePreview(self.panel)
        self._listen()
        self.compare.listen(self.panel)
        self.change.listen(self.panel, self.player, self.outcome, self.shown)
        self.share.listen(self.panel, self.shown)

    def _run_view(self, first: Sample | None) -> None:
        name = self.domain.name
        note = "a recorded run; press Run for one of your own"
        self.player = player(first.message(note) if first else None, elem_id=f"{name}-player")
        self.samples = gr.Radio([], label="Samples", visible=False, interactive=True, elem_id=f"{name}-samples")
        self.tiled = any(model.tile for model in self.domain.models)
        self.tiles = tiles(visible=self.tiled, elem_id=f"{name}-tiles")
        self.change = ChangeHere(name)
        self.share = Share(name)
        if self._under:
            self._under()
        self.outcome = Outcome(self.domain, first)

    def _listen(self) -> None:
        shown = {self.player, self.tiles, *self.outcome.outputs, self.shown}
        self._results = {*shown, self.samples, self.kept}
        running = self.runs_on(self.controls.run.click, self.panel.requests)
        self.controls.cancels(running, self.stopped, self._results)
        on(self.samples.input, self.chosen, {self.samples, self.kept}, shown)
        on(self.tiles.select, self.picked, {self.controls.ticket, self.kept}, shown)
        opened = self.outcome.opened
        on(opened.upload, self.open_trace, opened, {*self._results, self.controls.ticket})

    def runs_on(
        self, event: Callable[..., Dependency], requests: Callable[[Values], list[RunRequest]],
        inputs: AbstractSet[Component] = frozenset(),
    ) -> Dependency:  # fmt: skip
        """Let an event run what `requests` makes of the values of the settings and of `inputs`.

        It may raise ValueError with one sentence.
        """
        at_once = {self.samples: gr.update(visible=False), self.views: gr.update(selected="run")}
        return self.controls.begins(
            event, lambda values, group: self.sample(requests(values), group), {*self.panel.inputs, *inputs},
            self._results, at_once,
        )  # fmt: skip

    # A run

    def sample(self, requests: list[RunRequest], group: RunGroup) -> Iterator[Changes]:
        """Run the sampler once for each request, streaming each step as it is made."""
        yield from self._fetched(requests[0], group)
        if group.stopped.is_set():
            return
        prepared = [prepare(request) for request in requests]
        if group.stopped.is_set():  # stopped before it began
            return
        for note in prepared[0].notes:
            gr.Info(escape(note))
        together = self.domain.together and len(prepared) > 1
        try:
            samples = yield from self._together(prepared, group) if together else self._in_turn(prepared, group)
        except Exception:
            group.stop()
            yield self.stopped(group)  # what was made before it broke off can be looked at and saved
            raise
        if not group.stopped.is_set():  # else `stopped` has told the page; a cancel alone may come some steps late
            yield self._after(samples, group.focus if together else -1)

    def _fetched(self, request: RunRequest, group: RunGroup) -> Iterator[Changes]:
        """Download what the model lacks; Stop calls it off."""
        for fetched in request.model.fetch(compute(request.device)) if request.model.fetch else ():
            yield self.controls.busy(
                f"Downloading {fetched.done / max(fetched.total, 1):.0%} of {size(fetched.total)} …"
            )
            if group.stopped.is_set():
                return

    def _in_turn(self, prepared: list[PreparedRun], group: RunGroup) -> Made:
        """One run after the other, step by step."""
        samples: list[Sample] = []
        for each in prepared:
            shown = RUNS.open(each, group)
            stream = Stream(shown)
            label = "Running …" if len(prepared) == 1 else f"Running {len(samples) + 1} of {len(prepared)} …"
            yield {self.player: stream.begin(), **self.controls.busy(label)}
            for step in steps_of(each):
                write = stream.take(step)
                if write is None:
                    return []
                yield {self.player: write()}
            samples.append(made(shown))
            yield {self.player: stream.end(samples[-1])}
            if group.stopped.is_set():
                return []
        return samples

    def _together(self, prepared: list[PreparedRun], group: RunGroup) -> Made:
        """All runs in one batch: the player follows the one looked at, the tiles show all of them."""
        streams = [Stream(RUNS.open(each, group)) for each in prepared]
        starts = [stream.begin() for stream in streams]
        focus, refresh = group.focus, Refresh(prepared[0].request.model, len(prepared))
        yield {self.player: starts[focus], **self.controls.busy(f"Running {len(prepared)} …")}
        for step in steps_together(prepared):
            writes = [stream.take(one) if one else None for stream, one in zip(streams, step, strict=True)]
            if group.stopped.is_set():
                return []
            if group.focus != focus:
                focus = group.focus
                yield {self.player: starts[focus]}  # the player asks for the steps before this one
            now = writes[focus]
            changes: Changes = {self.player: now()} if now else {}
            if self.tiled and refresh.due():
                states = [stream.prepared.view(stream.ids) for stream in streams]
                changes[self.tiles] = refresh.message(states, focus)
            if changes:
                yield changes
        samples = [made(shown) for shown in group.runs]
        ends = [stream.end(sample) for stream, sample in zip(streams, samples, strict=True)]
        yield {self.player: ends[focus]}
        return samples

    def stopped(self, group: RunGroup) -> Changes:
        """After a cancel: what was made so far stays, and can be looked at and saved."""
        begun = [shown for shown in group.runs if shown.steps]
        if not begun:  # nothing was made, and nothing must be made later
            ends = [ended(shown, made(shown), stopped=True) for shown in group.runs]
            return {self.player: ends[0]} if ends else {}
        samples = [made(shown) for shown in begun]
        for shown, sample in zip(begun, samples, strict=True):
            if not shown.end:
                ended(shown, sample, stopped=True)
        place = min(group.focus, len(begun) - 1) if self.domain.together else len(begun) - 1
        return {**self._after(samples, place), self.player: begun[place].end}

    # What is left of it

    def _after(self, samples: list[Sample], place: int = -1) -> Changes:
        """Numbers of the sample shown and of all, and the list of all of them."""
        place %= len(samples)
        names = [(sample.title, each) for each, sample in enumerate(samples)]
        return {
            **self.outcome.of(samples[place]), **self.outcome.of_all(samples), **self._tiles(samples, place),
            self.samples: gr.Radio(choices=names, value=place, visible=len(samples) > 1 and not self.tiled),
            self.kept: samples, self.shown: samples[place],
        }  # fmt: skip

    def _tiles(self, samples: list[Sample], focus: int) -> Changes:
        return {self.tiles: finished(samples, focus)} if self.tiled else {}

    def chosen(self, values: Values) -> Changes:
        """Show another of the samples."""
        return self._show(values[self.kept][values[self.samples]])

    def _show(self, sample: Sample, note: str = "") -> Changes:
        return {**self.outcome.of(sample), self.player: sample.message(note), self.shown: sample}

    def picked(self, values: Values, event: gr.EventData) -> Changes:
        """A tile was clicked: the player follows that sample, or shows it if the run is over."""
        place, kept, group = getattr(event, "index", None), values[self.kept], RUNS.group(values[self.controls.ticket])
        if type(place) is not int or place < 0:
            return {self.player: gr.skip()}
        if group.runs and not group.stopped.is_set() and not group.runs[-1].end:  # it still runs
            group.focus = min(place, len(group.runs) - 1)
            return {self.player: gr.skip()}
        return self._show(kept[min(place, len(kept) - 1)]) if kept else {self.player: gr.skip()}

    def open_trace(self, file: str) -> Changes:
        """Show a trace file of the visitor's."""
        try:
            trace = load(Path(file))
            if trace.run.get("domain") != self.domain.name:
                raise TraceError(f"It belongs to the domain {str(trace.run.get('domain'))[:40]}.")
            sample = checked(self.domain, trace)
        except TraceError as error:
            raise refusal(TraceError(f"This file cannot be shown. {error}")) from error
        return {
            **self._after([sample]), **self._show(sample, "opened from a file"), self.controls.ticket: None,
        }  # fmt: skip
