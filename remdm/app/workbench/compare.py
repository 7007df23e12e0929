"""Compare: two to four runs from the same seed, start and random numbers, under one scrubber."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components import Component

from remdm.app.components.board import Showing
from remdm.app.components.controls import choices
from remdm.app.components.run_controls import RunControls
from remdm.app.components.scripted_html import board
from remdm.app.events import Changes, Values, on
from remdm.app.samples import Sample
from remdm.app.workbench.settings import Panel, another_seed
from remdm.app.workbench.share import comparison_page
from remdm.runs.branch import BranchRequest
from remdm.runs.request import RunRequest
from remdm.sampling.answering import Answering
from remdm.sampling.denoiser import Truncation
from remdm.sampling.knobs import knobs, pairs
from remdm.sampling.methods import METHODS, Settings, drawn_as, parse, settings
from remdm.serving.streamed_runs import RunGroup
from remdm.views.comparison import table

AS_SET = ""
MOST_PANES = 4
FIRST_PANES = ("mdlm", AS_SET, "remdm-loop", "remdm-conf")
_DRAWER = """() => document.querySelectorAll(".bench").forEach((bench) => bench.classList.toggle("drawer"))"""


def resettled(base: Settings, sampler: str, changes: Mapping[str, Any]) -> Settings:
    """The settings of a pane: those at the side (`AS_SET`) or a preset with its paper's values, then the changes.

    A preset draws as the side says, unless its paper draws in a way of its own.
    """
    changes = dict(changes)
    steps = changes.pop("steps", base.steps)
    if not sampler:
        return settings(base.sampler, steps, **{**base.flat(), **changes})
    own = {name: getattr(base.truncation, name) for name in knobs(Truncation)}
    own |= {name: getattr(base.answering, name) for name in knobs(Answering)}
    return settings(sampler, steps, **{**drawn_as(own, sampler, steps), "precision": base.precision, **changes})


class BoardControls(RunControls):
    """Buttons that begin and stop runs side by side, and save them as one page; `show` adds the board below them."""

    def __init__(self, label: str, where: str, waiting: str = "") -> None:
        super().__init__(label, f"{where}-run", f"{where}-stop", "The runs", waiting, size="sm")
        self.page = gr.DownloadButton("Export as page", interactive=False, size="sm", elem_id=f"{where}-page")

    def build_board(self, board_id: str, table_id: str) -> None:
        """The board, and under it the numbers of its runs."""
        self.board = board(elem_id=board_id)
        self.table = gr.HTML("", elem_id=table_id)

    @property
    def outputs(self) -> set[Component]:
        """What `show` changes."""
        return {self.board, self.table, self.page}

    def show(
        self, requests: Sequence[BranchRequest], group: RunGroup, at_once: Changes
    ) -> Generator[Changes, None, tuple[Sample, ...]]:
        """Stream runs into the board, then their numbers below it, and all of it as a page; returns the runs."""
        showing = Showing(requests, group)
        more = {self.page: gr.DownloadButton(interactive=False), **at_once}
        for message in showing:
            yield {self.board: message, **more}
            more = {}
        shown = showing.comparison
        yield {self.board: showing.end(shown)}
        traces, left = zip(*((sample.trace, sample.errors_left) for sample in shown.samples), strict=True)
        yield {
            self.table: table(shown.titles, traces, left),
            self.page: gr.DownloadButton(value=comparison_page(shown), interactive=True),
        }
        return shown.samples


class Compare:
    """A view of a workbench; its callbacks are the methods below."""

    def __init__(self, where: str, opening: str | None = None) -> None:
        """Build it; `opening` is a recorded pair, which plays until there are runs of the visitor's own."""
        lanes = board(opening, elem_id=f"{where}-compare")
        with gr.Row(elem_classes=["files", "strip"]):
            self.another = gr.Button("Write another", variant="primary", size="sm", elem_id=f"{where}-compare-another")
            self.count = gr.Radio([2, 3, 4], value=2, label="Runs", elem_id=f"{where}-panes", elem_classes="inline")
            self.controls = BoardControls("Compare", f"{where}-compare")
            self.settings = gr.Button("All settings", size="sm", elem_id=f"{where}-drawer")
        with gr.Row(elem_classes="pane-controls"):
            self.panes = [self._pane(where, place) for place in range(MOST_PANES)]
        self.controls.board, self.controls.table = lanes, gr.HTML("", elem_id=f"{where}-compare-table")

    def _pane(self, where: str, place: int) -> tuple[gr.Column, gr.Dropdown, gr.Textbox]:
        with gr.Column(visible=place < 2, min_width=150) as column:
            sampler = gr.Dropdown(
                [("As set at the side", AS_SET), *choices()], value=FIRST_PANES[place], filterable=False,
                label=f"Run {'ABCD'[place]}", elem_id=f"{where}-pane-{place}",
            )  # fmt: skip
            changes = gr.Textbox(
                label="Changed", placeholder="eta=0.1, steps=32", max_length=200,
                elem_id=f"{where}-pane-{place}-changes",
            )  # fmt: skip
        return column, sampler, changes

    def listen(self, panel: Panel) -> None:
        """Connects it to the settings at the side."""
        self.panel, controls = panel, self.controls
        columns = {column: place for place, (column, _, _) in enumerate(self.panes)}
        chosen = {each for _, *pane in self.panes for each in pane}
        visible = lambda count: {column: gr.Column(visible=place < count) for column, place in columns.items()}
        on(self.count.input, visible, self.count, {*columns})
        inputs, outputs = {self.count, *chosen, *panel.inputs}, controls.outputs
        controls.begins(controls.run.click, self.compare, inputs, outputs)
        controls.begins(self.another.click, self.compare_anew, inputs, {*outputs, panel.seed})
        on(self.settings.click, None, None, None, js=_DRAWER)
        controls.ends()

    def compare(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """Stream all of them in turn."""
        base = self.panel.requests(values)[0]
        panes = self.panes[: int(values[self.count])]
        requests = [pane_request(base, values[sampler], values[changes] or "") for _, sampler, changes in panes]
        yield from self.controls.show(requests, group, {self.controls.run: gr.Button("Running …", interactive=False)})

    def compare_anew(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """The same from another seed."""
        seed = another_seed()
        yield {self.panel.seed: seed}
        yield from self.compare({**values, self.panel.seed: seed}, group)


def pane_request(base: RunRequest, sampler: str, changes: str) -> BranchRequest:
    """The run of a pane: the base's with a sampler's settings, changed as a text says."""
    request = replace(base, settings=resettled(base.settings, sampler, parse(pairs(changes))))
    return BranchRequest(request, METHODS[request.settings.sampler].title)
