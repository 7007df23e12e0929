"""One domain's tab: the stage, a strip of controls, the settings in a drawer, and what a run leaves behind."""

from collections.abc import Callable, Generator, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from remdm.app.components.board import Comparison, Showing, of_samples
from remdm.app.components.controls import choices
from remdm.app.components.run_controls import RunControls
from remdm.app.components.scripted_html import stage, tiles
from remdm.app.components.tiles import finished
from remdm.app.errors import refusal
from remdm.app.events import EACH, IN_ORDER, LATEST, Changes, Values, on
from remdm.app.samples import Sample, opened
from remdm.app.streams import affordable
from remdm.app.workbench.acts import Act, acted, alternatives, read_act
from remdm.app.workbench.experiment import PlantMany
from remdm.app.workbench.lanes import COUNTS, Lanes
from remdm.app.workbench.opening import opening
from remdm.app.workbench.outcome import Outcome
from remdm.app.workbench.recommended import Recommended
from remdm.app.workbench.schedule_preview import SchedulePreview
from remdm.app.workbench.settings import Panel, another_seed
from remdm.app.workbench.settings_events import Reactions
from remdm.app.workbench.share import Link, Share, own_lane, query_pairs
from remdm.app.workbench.writing import Writing
from remdm.evaluation.measurement import Measurement
from remdm.models.checkpoints import CheckpointError
from remdm.runs.branch import BranchRequest, request_of
from remdm.runs.domain import Domain
from remdm.runs.record import PreparedRun, prepare
from remdm.runs.request import RunRequest
from remdm.runs.trace import TraceError, load
from remdm.sampling.methods import METHODS
from remdm.serving.streamed_runs import RUNS, RunGroup
from remdm.views.comparison import table
from remdm.views.messages import title

Made = Generator[Changes, None, list[Sample]]
"""Changes as they come, and the samples at the end; none of a run that was stopped."""
_DRAWER = """() => document.querySelectorAll(".bench").forEach((bench) => bench.classList.toggle("drawer"))"""


class Workbench:
    """Builds the tab of a domain inside `gr.Blocks`; its callbacks are the methods below."""

    def __init__(
        self,
        domain: Domain,
        recorded: Path,
        measurement: Measurement | None = None,
        under: Callable[[], None] | None = None,
    ) -> None:
        """Build it; `under` adds a domain's own parts under the stage."""
        self.domain, self._under = domain, under
        self.first = opening(domain, recorded)
        name, shown = domain.name, self.first.shown if self.first else None
        with gr.Column(elem_classes="bench"):
            with gr.Row(elem_classes="strip") as strip:  # before the stage, for the keyboard; drawn under it
                self.write = gr.Button(
                    domain.another, variant="primary", elem_id=f"{name}-write", elem_classes="write", size="sm"
                )
            with gr.Column(elem_classes="stage"):
                self.player = stage(
                    self.first.message if self.first else None, elem_id=f"{name}-player", where=name,
                    samplers=choices(),
                )  # fmt: skip
            with gr.Column(elem_classes="side"):
                self.close = gr.Button("Close", size="sm", elem_id=f"{name}-close", elem_classes="close")
                with gr.Column(elem_classes="controls"):
                    self.panel = Panel(domain, strip)
                    self.lanes = Lanes(name, len(shown.samples) if shown else 1)
            with strip:
                self.controls = RunControls("Run", f"{name}-run", f"{name}-stop", "The run", size="sm")
                self.settings = gr.Button("All settings", size="sm", elem_id=f"{name}-drawer", elem_classes="settings")
            self.changed = gr.HTML("", elem_id=f"{name}-changed", elem_classes="changed")
            with gr.Column(elem_classes="below"):
                self._below(shown)
        self.made, self.shown = gr.State(shown), gr.State(shown.samples[-1] if shown else None)
        self.kept, self.act, self.link = gr.State(list(shown.samples[-1:]) if shown else []), gr.State(), gr.State()
        self.writing = Writing(domain, self.player, self.tiles if self.tiled else None, self.controls)
        self.reactions = Reactions(self.panel)
        Recommended(self.panel, measurement)
        SchedulePreview(self.panel)
        self._opens_with(shown)
        self._listen()

    def _below(self, shown: Comparison | None) -> None:
        name, first = self.domain.name, shown.samples[-1] if shown else None
        self.samples = gr.Radio([], label="Samples", visible=False, interactive=True, elem_id=f"{name}-samples")
        self.tiled = any(model.tile for model in self.domain.models)
        self.tiles = tiles(visible=self.tiled, elem_id=f"{name}-tiles")
        if self._under:
            self._under()
        with gr.Accordion("Numbers, charts and files", open=False, elem_id=f"{name}-more", elem_classes="parts"):
            self.share = Share(name)
            self.compared = gr.HTML(compared(shown), elem_id=f"{name}-compare-table")
            self.outcome = Outcome(self.domain, first)
        self.many = PlantMany(name)

    def _opens_with(self, shown: Comparison | None) -> None:
        """The controls say what the stage shows from the beginning."""
        if shown is not None:
            self.panel.stands_for(request_of(shown.samples[-1].trace, self.domain))
        values = {each: each.value for each in (*self.panel.inputs, *self.lanes.inputs)}
        self.asked = gr.State(self._signature(values))

    def _listen(self) -> None:
        self.controls.others = [self.write, self.outcome.opened, self.many.controls.run]
        shown = {
            self.player,
            self.tiles,
            *self.outcome.outputs,
            self.compared,
            self.shown,
            self.made,
            *self.share.outdated,
        }
        self._results = {*shown, self.samples, self.kept}
        inputs = {*self.panel.inputs, *self.lanes.inputs, self.link}
        job = {*inputs, self.act, self.made}
        outputs = {*self._results, self.asked, self.link, self.panel.seed}
        begins = lambda event, work: self.controls.begins(event, work, job, outputs, self._at_once)
        noted = on(self.player.submit, self.noted, None, self.act)
        asked_for = on(
            noted.success, self.requested,
            {self.act, self.made, self.panel.steps, self.panel.model, *self.lanes.inputs},
            {self.act, *self.panel.controls, *self.lanes.outputs},
        )  # fmt: skip
        running = [
            begins(self.controls.run.click, self.run), begins(self.write.click, self.write_another),
            begins(asked_for.success, self.acts),
        ]  # fmt: skip
        self.controls.cancels(*running, stopped=self.stopped, outputs=self._results)
        on(self.player.edit, self.alternatives, {self.made}, self.player, **EACH)
        on(self.samples.input, self.chosen, {self.samples, self.kept}, shown, **LATEST)
        on(self.tiles.select, self.picked, {self.controls.ticket, self.kept}, shown, **IN_ORDER)
        opened = on(
            self.outcome.opened.upload, self.open_trace, self.outcome.opened,
            {*self._results, self.controls.ticket, *self.panel.controls, *self.lanes.outputs},
        )  # fmt: skip
        on(opened.success, self.settled, inputs, {self.asked, self.changed})
        changes = [each.change for each in inputs if each is not self.link]  # type: ignore[attr-defined]
        on(changes, self.stale, {*inputs, self.asked}, self.changed, **LATEST)
        on(self.asked.change, self.stale, {*inputs, self.asked}, self.changed, **LATEST)
        on(self.lanes.count.input, self.lanes.counted, self.lanes.count, self.lanes.outputs, **LATEST)
        for each in (self.settings, self.close):
            on(each.click, None, None, None, js=_DRAWER)
        self.share.listen(self.made, self.shown)
        self.many.listen(self.panel)

    @property
    def _at_once(self) -> Changes:
        return {self.samples: gr.update(visible=False)}

    def runs_on(
        self, event: Callable[..., Dependency], requests: Callable[[Values], list[RunRequest]],
        inputs: AbstractSet[Component] = frozenset(),
    ) -> Dependency:  # fmt: skip
        """Let an event run what `requests` makes of the values of the settings and of `inputs`.

        It may raise ValueError with one sentence.
        """
        return self.controls.begins(
            event, lambda values, group: self.written(requests(values), values, group),
            {*self.panel.inputs, *self.lanes.inputs, *inputs}, {*self._results, self.asked}, self._at_once,
        )  # fmt: skip

    # What the controls say

    def _signature(self, values: Values) -> str:
        """What would be run, as a text; empty where the controls are invalid."""
        try:
            requests = self.panel.requests(values)
        except (ValueError, CheckpointError):
            return ""
        return repr((requests[0].settings, query_pairs(requests[0]), len(requests), self.lanes.chosen(values)))

    def settled(self, values: Values) -> Changes:
        """The controls say what the stage shows."""
        return {self.asked: self._signature(values), self.changed: ""}

    def stale(self, values: Values) -> Changes:
        """Whether the controls have changed since."""
        same = values[self.asked] in ("", self._signature(values))
        return {self.changed: "" if same else '<p role="status">Changed since: press Run to see it.</p>'}

    # A run

    def run(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """Write with the settings as they stand, and then what a link asks for besides."""
        link: Link | None = values[self.link]
        shown = yield from self.written(self.panel.requests(values), values, group)
        for edit in link.edits if link else ():
            if shown is None or group.stopped.is_set():
                return
            act = read_act(edit, shown)
            shown = yield from self.side_by_side(acted(act, shown), group, shown, act)
        if link:
            yield {self.link: None}

    def write_another(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """The same from another seed."""
        seed = another_seed()
        yield {self.panel.seed: seed}
        values = {**values, self.panel.seed: seed}
        yield from self.written(self.panel.requests(values), values, group)

    def written(
        self, requests: list[RunRequest], values: Values, group: RunGroup
    ) -> Generator[Changes, None, Comparison | None]:
        """Run all lanes, or one for each request, streaming each step as it is made."""
        lanes = self.lanes.requests(requests[0], values)
        yield from self.writing.fetched(requests[0], group)
        if group.stopped.is_set():
            return None
        yield {self.asked: self._signature(values)}
        if len(lanes) > 1:
            return (yield from self.side_by_side(lanes, group))
        return (yield from self.sample(requests, group))

    def side_by_side(
        self, branches: list[BranchRequest], group: RunGroup, before: Comparison | None = None, act: Act | None = None
    ) -> Generator[Changes, None, Comparison | None]:
        """Stream lanes; `before` is what they go on from, by an act."""
        showing = Showing(branches, group)
        edits = (*(before.edits if before else ()), act.text) if act else ()

        def shown() -> Comparison:
            return replace(showing.comparison, before=before, edits=edits)

        group.ending = lambda: self._ended(showing, shown())
        busy = self.controls.busy("Running …")
        noted(showing.panes[0].pane.prepared)
        try:
            for message in showing:
                yield {self.player: message, **busy}
                busy = {}
        except Exception:
            yield self._broken_off(group)
            raise
        if group.stopped.is_set():  # `stopped` has told the page
            return None
        made = shown()
        yield self._ended(showing, made)
        return made

    def _ended(self, showing: Showing, shown: Comparison) -> Changes:
        samples = list(shown.samples[-1:])
        return {**self._after(samples), self.player: showing.end(shown), **self._stands(shown)}

    def _stands(self, shown: Comparison) -> Changes:
        """What the stage shows now."""
        return {self.made: shown, self.compared: compared(shown), **self.share.outdated}

    def sample(self, requests: list[RunRequest], group: RunGroup) -> Generator[Changes, None, Comparison | None]:
        """Run the sampler once for each request."""
        prepared = [prepare(request) for request in requests]
        affordable(prepared)
        noted(prepared[0])
        try:
            samples = yield from self.writing.runs(prepared, group)
        except Exception:
            yield self._broken_off(group)
            raise
        if group.stopped.is_set():  # `stopped` has told the page; a cancel alone may come some steps late
            return None
        place = group.focus if self.writing.together(prepared) else -1
        yield self._after(samples, place)
        return alone(samples[place])

    def _broken_off(self, group: RunGroup) -> Changes:
        """What was made before it broke off can be looked at and saved."""
        group.stop()
        return self.stopped(group)

    def stopped(self, group: RunGroup) -> Changes:
        """After a cancel: what was made so far stays, and can be looked at and saved."""
        if group.ending is not None:
            return group.ending()
        message, samples, place = self.writing.stopped(group)
        changes = self._after(samples, place) if samples else {}
        return {**changes, self.player: message} if message else changes

    # What a visitor does on the stage

    def noted(self, event: gr.EventData) -> Changes:
        """Keep what the stage asks for."""
        return {self.act: event._data if isinstance(event._data, dict) else {}}

    def requested(self, values: Values) -> Changes:
        """What the stage asks for: other lanes, another sampler in one, an act at a token, or the run before."""
        asked = values[self.act]
        if asked.get("kind") == "lanes":
            count = asked.get("lanes")
            if type(count) is not int or count not in COUNTS:
                raise ValueError(f"lanes must be one of {', '.join(map(str, COUNTS))}")
            return {self.act: "alone" if count == 1 else "run", **self.lanes.counted(count)}
        if asked.get("kind") == "sampler":
            return {self.act: "run", **self._resampled(values, asked.get("lane"), asked.get("sampler"))}
        if asked.get("kind") == "undo":
            return {self.act: "undo"}
        return {self.act: read_act(asked, values[self.made])}

    def _resampled(self, values: Values, lane: Any, sampler: Any) -> Changes:
        """Another sampler in a lane; in that of the panel with all its values there."""
        if type(lane) is not int or not isinstance(sampler, str) or sampler not in METHODS:
            raise ValueError("That sampler is not known here; load the page again.")
        chosen = self.lanes.chosen(values)
        if lane >= len(chosen):
            raise ValueError("That lane is not on the stage any more.")
        if lane == own_lane(len(chosen)):
            panel = self.panel
            given: dict[Component, Any] = {
                panel.sampler: sampler,
                panel.steps: values[panel.steps],
                panel.model: values[panel.model],
            }
            return {panel.sampler: sampler, **self.reactions.preset(given)}
        chosen[lane] = (sampler, "")
        return self.lanes.turned_to(chosen)

    def acts(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """Do it."""
        act, shown = values[self.act], values[self.made]
        if isinstance(act, Act):
            yield from self.side_by_side(acted(act, shown), group, shown, act)
        elif act == "undo" and shown is not None and shown.before is not None:
            yield self._brought_back(shown.before)
        elif act == "alone" and shown is not None and len(shown.samples) > 1:
            yield self._show(shown.samples[min(own_lane(len(shown.samples)), len(shown.samples) - 1)])
        else:
            yield from self.run(values, group)

    def _brought_back(self, shown: Comparison) -> Changes:
        sample = shown.samples[-1]
        return {**self._after([sample]), self.player: shown.message(), **self._stands(shown)}

    def alternatives(self, values: Values, event: gr.EventData) -> Changes:
        """The likeliest tokens of a position, for the stage that asks."""
        asked, shown = event._data if isinstance(event._data, dict) else {}, values[self.made]
        try:
            act = read_act({**asked, "kind": "on"}, shown)
            return {self.player: alternatives(str(asked.get("key")), act, shown)}
        except (ValueError, CheckpointError):  # nothing but a list is missing
            return {self.player: gr.skip()}

    # What is left of it

    def _after(self, samples: list[Sample], place: int = -1) -> Changes:
        """Numbers of the sample shown and of all, and the list of all of them."""
        place %= len(samples)
        names = [(sample.title, each) for each, sample in enumerate(samples)]
        return {
            **self.outcome.of(samples[place]), **self.outcome.of_all(samples), **self._tiles(samples, place),
            self.samples: gr.Radio(choices=names, value=place, visible=len(samples) > 1 and not self.tiled),
            self.kept: samples, self.shown: samples[place], **self._stands(alone(samples[place])),
        }  # fmt: skip

    def _tiles(self, samples: list[Sample], focus: int) -> Changes:
        return {self.tiles: finished(samples, focus)} if self.tiled else {}

    def chosen(self, values: Values) -> Changes:
        """Show another of the samples."""
        return self._show(values[self.kept][values[self.samples]])

    def _show(self, sample: Sample, note: str = "") -> Changes:
        message = sample.message(note)
        return {
            **self.outcome.of(sample), self.player: message, self.shown: sample, **self._stands(alone(sample)),
        }  # fmt: skip

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
        """Show a trace file of the visitor's; the controls say how it was made, where the page can tell."""
        try:
            trace = load(Path(file))
            if trace.run.get("domain") != self.domain.name:
                raise TraceError(f"It belongs to the domain {str(trace.run.get('domain'))[:40]}.")
            sample = opened(self.domain, trace)
        except TraceError as error:
            raise refusal(TraceError(f"This file cannot be shown. {error}")) from error
        return {
            **self._after([sample]), **self._show(sample, sample.opened_as), self.controls.ticket: None,
            **self._settings_of(sample),
        }  # fmt: skip

    def _settings_of(self, sample: Sample) -> Changes:
        try:
            request = request_of(sample.trace, self.domain)
        except (ValueError, CheckpointError):  # made by a model or a setting that is not known here
            return self.lanes.counted(1)
        return {**self.panel.shows(request), **self.lanes.counted(1)}

    def linked(self, link: Link) -> Changes:
        """The controls as a link has them, and what is left to do when its run is made."""
        return {**self.panel.shows(link.request), **self.lanes.turned_to(link.lanes), self.link: link}


def noted(prepared: PreparedRun) -> None:
    """What is to be known of a run before it begins."""
    for note in prepared.notes:
        gr.Info(escape(note))


def alone(sample: Sample) -> Comparison:
    """One run as what the stage shows."""
    return of_samples([sample], [title(sample.trace.run)])


def compared(shown: Comparison | None) -> str:
    """The numbers of lanes side by side."""
    if shown is None or len(shown.samples) < 2:
        return ""
    return table(shown.titles, [each.trace for each in shown.samples], [each.errors_left for each in shown.samples])
