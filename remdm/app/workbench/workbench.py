"""One domain's tab: the stage, a strip of controls, the settings in a drawer, and what a run leaves behind."""

from collections.abc import Callable, Generator, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from html import escape
from pathlib import Path

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from remdm import limits
from remdm.app.components.board import Comparison, Showing
from remdm.app.components.controls import choices
from remdm.app.components.run_controls import RunControls
from remdm.app.components.scripted_html import stage
from remdm.app.events import IN_ORDER, LATEST, SIDE_QUEUE, Changes, Values, index_of, on
from remdm.app.samples import Sample
from remdm.app.workbench.acts import Act, acted, read_act
from remdm.app.workbench.asked import Asked
from remdm.app.workbench.experiment import PlantMany
from remdm.app.workbench.lanes import Lanes
from remdm.app.workbench.opening import opening
from remdm.app.workbench.recommended import Recommended
from remdm.app.workbench.results import Results, alone
from remdm.app.workbench.schedule_preview import SchedulePreview
from remdm.app.workbench.settings import Panel, another_seed
from remdm.app.workbench.settings_events import Reactions
from remdm.app.workbench.share import MOST_EDITS, Link, own_lane, query_pairs
from remdm.app.workbench.writing import Writing
from remdm.evaluation.measurement import Measurement
from remdm.models.checkpoints import CheckpointError
from remdm.runs.branch import BranchRequest, request_of
from remdm.runs.domain import Domain
from remdm.runs.record import PreparedRun
from remdm.runs.request import RunRequest
from remdm.serving import engine
from remdm.serving.budget import affordable
from remdm.serving.streamed_runs import RUNS, RunGroup

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
        self.domain = domain
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
                self.results = Results(domain, self.player, shown, under)
                self.many = PlantMany(name)
        results, self.link = self.results, gr.State()
        self.writing = Writing(domain, self.player, results.tiles if results.tiled else None, self.controls)
        self.asks = Asked(self.player, self.panel, self.lanes, Reactions(self.panel), results.made)
        Recommended(self.panel, measurement)
        self.preview = SchedulePreview(self.panel)
        self._opens_with(shown)
        self._listen()

    def _opens_with(self, shown: Comparison | None) -> None:
        """The controls say what the stage shows from the beginning."""
        if shown is not None:
            self.panel.stands_for(request_of(shown.samples[-1].trace, self.domain))
        values = {each: each.value for each in (*self.panel.inputs, *self.lanes.inputs)}
        self.asked = gr.State(self._signature(values))

    def _listen(self) -> None:
        results, opener = self.results, self.results.outcome.opened
        self.controls.others = [self.write, opener, self.many.controls.run]
        inputs = {*self.panel.inputs, *self.lanes.inputs, self.link}
        job = {*inputs, self.asks.act, results.made, self.asked}
        outputs = {*results.outputs, self.asked, self.link, self.panel.seed}
        begins = lambda event, work: self.controls.begins(event, work, job, outputs, results.at_once)
        running = [
            begins(self.controls.run.click, self.run), begins(self.write.click, self.write_another),
            begins(self.asks.settled.success, self.acts),
        ]  # fmt: skip
        self.controls.cancels(*running, stopped=self.stopped, outputs=results.outputs)
        on(results.samples.input, results.chosen, {results.samples, results.kept}, results.views, **LATEST)
        on(results.tiles.select, self.picked, {self.controls.ticket, results.kept}, results.views, **IN_ORDER)
        opened = on(
            opener.upload, self.open_trace, opener,
            {*results.outputs, self.controls.ticket, *self.panel.controls, *self.lanes.outputs}, **SIDE_QUEUE,
        )  # fmt: skip
        on(opened.success, self.settled, inputs, {self.asked, self.changed})
        changes = [each.change for each in inputs if each is not self.link]  # type: ignore[attr-defined]
        for moved in (changes, self.asked.change):
            on(moved, self.stale, {*inputs, self.asked}, {self.changed, self.panel.outlook}, **LATEST)
        on(self.lanes.count.input, self.lanes.counted, self.lanes.count, self.lanes.outputs, **LATEST)
        for each in (self.settings, self.close):
            on(each.click, None, None, None, js=_DRAWER)
        results.share.listen(results.made, results.shown)
        self.many.listen(self.panel)

    def runs_on(
        self, event: Callable[..., Dependency], requests: Callable[[Values], list[RunRequest]],
        inputs: AbstractSet[Component] = frozenset(),
    ) -> Dependency:  # fmt: skip
        """Let an event run what `requests` makes of the values of the settings and of `inputs`.

        It may raise ValueError with one sentence.
        """
        outputs = {*self.results.outputs, self.asked}
        return self.controls.begins(
            event, lambda values, group: self.written(requests(values), values, group),
            {*self.panel.inputs, *self.lanes.inputs, *inputs}, outputs, self.results.at_once,
        )  # fmt: skip

    # What the controls say

    def _signature(self, values: Values, count: int = 0) -> str:
        """What would be run, in `count` lanes if given, as a text; empty where the controls are invalid."""
        try:
            requests = self.panel.requests(values)
            lanes = self.lanes.chosen({**values, self.lanes.count: count} if count else values)
        except (ValueError, CheckpointError):
            return ""
        return repr((requests[0].settings, query_pairs(requests[0]), len(requests), lanes))

    def settled(self, values: Values) -> Changes:
        """The controls say what the stage shows."""
        return {self.asked: self._signature(values), self.changed: ""}

    def stale(self, values: Values) -> Changes:
        """Whether the controls have changed since, and what they will do."""
        same = values[self.asked] in ("", self._signature(values))
        note = "" if same else '<p role="status">Changed since: press Run to see it.</p>'
        return {self.changed: note, self.panel.outlook: self.preview.drawn(values)}

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

        earlier = before and before.shortened(MOST_EDITS - 1, limits.current().held)

        def shown() -> Comparison:
            return replace(showing.comparison, before=earlier, edits=edits)

        def ended(made: Comparison) -> Changes:
            return self.results.of_lanes(made, showing.end(made))

        group.ending = lambda: ended(shown())
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
        yield ended(made)
        return made

    def sample(self, requests: list[RunRequest], group: RunGroup) -> Generator[Changes, None, Comparison | None]:
        """Run the sampler once for each request."""
        prepared = [engine.configured().prepare(request) for request in requests]
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
        yield self.results.of(samples, place)
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
        changes = self.results.of(samples, place) if samples else {}
        return {**changes, self.player: message} if message else changes

    def acts(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """Do it."""
        act, shown = values[self.asks.act], values[self.results.made]
        if isinstance(act, Act):
            yield from self.side_by_side(acted(act, shown), group, shown, act)
        elif act == "undo" and shown is not None and shown.before is not None:
            yield self.results.of_lanes(shown.before, shown.before.message())
        elif act == "alone" and shown is not None and len(shown.samples) > 1:
            count = len(shown.samples)
            same = values[self.asked] == self._signature(values, count)
            now = {self.asked: self._signature(values)} if same else {}
            yield self.results.of_one(shown.samples[min(own_lane(count), count - 1)]) | now
        else:
            yield from self.run(values, group)

    def picked(self, values: Values, event: gr.EventData) -> Changes:
        """A tile was clicked: the player follows that sample, or shows it if the run is over."""
        place, kept = index_of(event), values[self.results.kept]
        group = RUNS.group(values[self.controls.ticket])
        if place is None:
            return {self.player: gr.skip()}
        if group.runs and not group.stopped.is_set() and not group.runs[-1].end:  # it still runs
            group.focus = min(place, len(group.runs) - 1)
            return {self.player: gr.skip()}
        return self.results.of_one(kept[min(place, len(kept) - 1)]) if kept else {self.player: gr.skip()}

    def open_trace(self, file: str) -> Changes:
        """Show a trace file of the visitor's; the controls say how it was made, where the page can tell."""
        changes = self.results.opened(file)
        return {**changes, self.controls.ticket: None, **self._settings_of(changes[self.results.shown])}

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
