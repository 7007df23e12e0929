"""Compare: two to four runs from the same seed, start and random numbers, under one scrubber."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from remdm.app.components.board import Board, Showing
from remdm.app.components.controls import choices
from remdm.app.errors import failure
from remdm.app.events import UI_EVENT
from remdm.app.samples import Sample
from remdm.app.workbench.outcome import Changes
from remdm.app.workbench.settings import Panel
from remdm.app.workbench.share import comparison_page
from remdm.runs.branch import BranchRequest
from remdm.runs.record import RunRequest
from remdm.sampling.denoiser import Truncation
from remdm.sampling.knobs import knobs, pairs
from remdm.sampling.methods import METHODS, Settings, parse, settings
from remdm.serving.streamed_runs import RUNS, RunGroup
from remdm.views.comparison import table

MODEL_QUEUE = "model"
"""The queue that all sampling waits in; runs that are under way share forwards (remdm/serving/batcher.py)."""
AS_SET = ""
MOST_PANES = 4
FIRST_PANES = ("mdlm", "remdm-loop", "remdm-conf", "remdm-rescale")


def resettled(base: Settings, sampler: str, changes: Mapping[str, Any]) -> Settings:
    """The settings of a pane: those at the side (`AS_SET`) or a preset with its paper's values, then the changes.

    A preset draws as the side says, unless its paper draws in a way of its own.
    """
    changes = dict(changes)
    steps = changes.pop("steps", base.steps)
    if not sampler:
        return settings(base.sampler, steps, **{**base.flat(), **changes})
    drawing = {name: getattr(base.truncation, name) for name in knobs(Truncation)} | {"precision": base.precision}
    return settings(sampler, steps, **{**drawing, **METHODS[sampler].defaults(steps), **changes})


def name_of(sampler: str, order: RunRequest) -> str:
    """The heading of a pane."""
    return METHODS[sampler or order.settings.sampler].title


class Compare:
    """A view of a workbench; its callbacks are the methods below."""

    def __init__(self, where: str) -> None:
        gr.Markdown(
            "The same seed, the same start, and the same random number at each step and position: what differs "
            "follows from the settings alone.", elem_classes="hint",
        )  # fmt: skip
        with gr.Row(elem_classes="pane-controls"):
            self.panes = [self._pane(where, place) for place in range(MOST_PANES)]
        with gr.Row(elem_classes="files"):
            self.count = gr.Radio([2, 3, 4], value=2, label="Runs", elem_id=f"{where}-panes", elem_classes="inline")
            self.go = gr.Button("Compare", variant="primary", elem_id=f"{where}-compare-run", size="sm")
            self.stop = gr.Button("Stop", interactive=False, elem_id=f"{where}-compare-stop", size="sm")
            self.page = gr.DownloadButton(
                "Export as page", interactive=False, elem_id=f"{where}-compare-page", size="sm"
            )
        self.board = Board(elem_id=f"{where}-compare")
        self.table = gr.HTML("", elem_id=f"{where}-compare-table")
        self.ticket = gr.State(None)

    def _pane(self, where: str, place: int) -> tuple[gr.Column, gr.Dropdown, gr.Textbox]:
        with gr.Column(visible=place < 2, min_width=150) as column:
            sampler = gr.Dropdown(
                [("As set at the side", AS_SET), *choices()], value=FIRST_PANES[place], filterable=False,
                label=f"Run {'ABCD'[place]}", elem_id=f"{where}-pane-{place}",
            )  # fmt: skip
            changes = gr.Textbox(
                label="Changed",
                placeholder="eta=0.1, steps=32",
                max_length=200,
                elem_id=f"{where}-pane-{place}-changes",
            )
        return column, sampler, changes

    def listen(self, panel: Panel) -> None:
        """Connects it to the settings at the side."""
        self.panel = panel
        columns = [column for column, _, _ in self.panes]
        chosen = [each for _, sampler, changes in self.panes for each in (sampler, changes)]
        outputs = [self.board, self.table, self.page, self.go, self.stop]
        self.count.input(self.counted, self.count, columns, **UI_EVENT)
        begun = self.go.click(self.begin, None, [self.go, self.stop, self.ticket], queue=False, **UI_EVENT)
        begun.then(
            self.compare, [self.ticket, self.count, *chosen, *self.panel.inputs], outputs, concurrency_id=MODEL_QUEUE,
            **UI_EVENT,
        )  # fmt: skip
        self.stop.click(self.stopped, self.ticket, [self.go, self.stop], cancels=None, queue=False, **UI_EVENT)

    def counted(self, count: int) -> list[gr.Column]:
        """So many panes."""
        return [gr.Column(visible=place < count) for place in range(MOST_PANES)]

    def begin(self) -> Changes:
        """At once, before its turn has come."""
        return {
            self.go: gr.Button("Waiting …", interactive=False), self.stop: gr.Button(interactive=True),
            self.ticket: RUNS.press(),
        }  # fmt: skip

    def _ready(self) -> Changes:
        return {self.go: gr.Button("Compare", interactive=True), self.stop: gr.Button(interactive=False)}

    def stopped(self, ticket: str | None) -> Changes:
        """The runs see it within a step."""
        RUNS.pressed(ticket).stop()
        return {self.stop: gr.Button(interactive=False)}

    def wishes(self, base: RunRequest, chosen: Sequence[str]) -> list[BranchRequest]:
        """The panes: sampler and changes of each in turn."""
        made = []
        for sampler, changes in zip(chosen[::2], chosen[1::2], strict=True):
            order = replace(base, settings=resettled(base.settings, sampler, parse(pairs(changes or ""))))
            made.append(BranchRequest(order, name_of(sampler, order)))
        return made

    def compare(self, ticket: str | None, count: int, *values: Any) -> Iterator[Changes]:
        """Stream all of them in turn."""
        press = RUNS.pressed(ticket)
        try:
            chosen, rest = values[: 2 * MOST_PANES], values[2 * MOST_PANES :]
            wishes = self.wishes(self.panel.orders(rest)[0], chosen[: 2 * int(count)])
            parts = (self.board, self.table, self.page)
            yield from show(wishes, press, *parts, {self.go: gr.Button("Running …", interactive=False)})
        except Exception as error:
            yield self._ready()
            raise failure(error, "The runs") from error
        yield self._ready()


def show(
    wishes: Sequence[BranchRequest],
    press: RunGroup,
    board: Board,
    told: gr.HTML,
    page: gr.DownloadButton,
    more: Changes,
) -> Generator[Changes, None, tuple[Sample, ...]]:
    """Stream wishes into a board, then their numbers into a table below it, and all of it as a page; returns them."""
    showing = Showing(wishes, press)
    more = {page: gr.DownloadButton(interactive=False), **more}
    for message in showing:
        yield {board: message, **more}
        more = {}
    made = showing.comparison
    yield {board: showing.end(made, press.halt.is_set())}
    left = [None if sample.notes is None else len(sample.notes[-1]) if sample.notes else 0 for sample in made.samples]
    yield {
        told: table(made.titles, [sample.trace for sample in made.samples], left),
        page: gr.DownloadButton(value=comparison_page(made), interactive=True),
    }
    return made.samples
