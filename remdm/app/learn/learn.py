"""Learn: five stations of a minute, each with recorded runs on the stage and one thing to do that checks itself."""

import secrets
from collections.abc import Iterator
from dataclasses import replace

import gradio as gr

from remdm.app.components.board import Showing
from remdm.app.components.run_controls import RunControls
from remdm.app.components.scripted_html import ScriptedHTML, stage
from remdm.app.events import IN_ORDER, Changes, Values, ask_page, index_of, on, read_table
from remdm.app.learn.recorded import Recorded
from remdm.app.learn.stations import course
from remdm.app.samples import Sample
from remdm.runs.branch import BranchRequest, pane, state_after
from remdm.runs.domain import Domain
from remdm.runs.planting import chosen_token
from remdm.runs.request import RunRequest
from remdm.sampling.methods import settings
from remdm.serving.streamed_runs import RunGroup
from remdm.views import messages

PLANT = "plant"
_ON_STAGE = """() => {
  const board = document.querySelector("#learn-board .rp");
  const token = board && board.querySelector("[data-role=token][aria-selected=true]");
  const lanes = board ? [...board.querySelectorAll("[data-role=lane]")] : [];
  const lane = token ? lanes.findIndex((each) => each.contains(token)) : -1;
  const position = token ? Number(token.dataset.position) : -1;
  return JSON.stringify({ lane, position, step: board ? Number(board.dataset.step) : -1 });
}"""


class Learn:
    """Builds the tab; its callbacks are the methods below."""

    def __init__(self, domain: Domain) -> None:
        self.domain, self.runs = domain, Recorded(domain)
        self.course = course(self.runs)
        with gr.Column(elem_classes="learn"):
            self.panel = ScriptedHTML(
                "ReMDMLearn", '<div data-mount class="ls"></div>', self.course.message(), elem_id="learn-panel"
            )
            with gr.Row(elem_classes=["files", "learn-live"]):
                self.controls = RunControls(
                    "Put a wrong word there", "learn-plant", "learn-stop", "The runs", size="sm"
                )
            self.board = stage(self.runs.message(self.course.boards[0]), elem_id="learn-board")
        self.made = gr.State(())
        on(self.panel.select, self.picked, None, {self.board, self.made}, **IN_ORDER)
        asked, self.on_stage = ask_page(self.controls.run.click, _ON_STAGE)
        outputs = {self.board, self.panel, self.made}
        self.controls.begins(asked.then, self.plant, {self.on_stage, self.made}, outputs)
        self.controls.ends()

    def picked(self, event: gr.EventData) -> Changes:
        """A station was opened, or another run of it was asked for."""
        place, boards = index_of(event), self.course.boards
        if place is None or place >= len(boards):
            return {self.board: gr.skip()}
        return {self.board: self.runs.message(boards[place]), self.made: ()}

    def plant(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """Put a wrong word where the visitor chose one, and let both samplers go on from there."""
        lanes = self.runs.lanes(PLANT)
        shown: tuple[Sample, ...] = values[self.made] or self.runs.samples(PLANT)
        place, position, step = where(values[self.on_stage], shown)
        trace = shown[place].trace
        base = RunRequest(self.domain, self.domain.model(trace.run["model"]), "", trace.length,
                          settings(trace.run["sampler"], trace.run["steps"], **trace.run["settings"]),
                          trace.run["seed"])  # fmt: skip
        prepared = pane(BranchRequest(base, trace=trace, step=step)).prepared
        change = chosen_token(prepared, state_after(trace, step), position, "unlikely")
        requests = [
            BranchRequest(
                replace(base, settings=settings(lane["sampler"], trace.run["steps"], **lane["settings"])),
                lane["title"], lane["about"], trace, step, change,
            )
            for lane in lanes
        ]  # fmt: skip
        showing = Showing(requests, group)
        for message in showing:
            yield {self.board: message}
        comparison = showing.comparison
        yield {self.board: showing.end(comparison), self.made: comparison.samples}
        if not group.stopped.is_set():
            stands = [sample.trace.final[position] == change.token for sample in comparison.samples]
            yield {self.panel: answer(stands, comparison.outcomes, comparison.titles)}


def where(text: str, shown: tuple[Sample, ...]) -> tuple[int, int, int]:
    """The lane, the position and the step that the stage shows.

    Raises:
        ValueError: where no word is chosen, or nothing follows the step.
    """
    found = read_table(text)
    place, position, step = (found.get(name) for name in ("lane", "position", "step"))
    if type(place) is not int or not 0 <= place < len(shown):
        raise ValueError("Click a word on the stage first: the one that becomes wrong")
    trace = shown[place].trace
    if type(position) is not int or not 0 <= position < trace.length:
        raise ValueError("Click a word on the stage first: the one that becomes wrong")
    if type(step) is not int or not 0 <= step < len(trace.steps):
        raise ValueError("At the last step nothing follows: drag the slider back a little first")
    return place, position, step


def answer(stands: list[bool], outcomes: tuple[str, ...], titles: tuple[str, ...]) -> str:
    """What became of the wrong word, for the panel: as it should be if it stands in the first lane alone."""
    sentence = " ".join(f"{title}: {outcome}" for title, outcome in zip(titles, outcomes, strict=True))
    right = stands[0] and not stands[-1]
    if not right:
        sentence += " Chance decides which words go back: try another word, or an earlier step."
    return messages.dumps(
        {"v": 1, "kind": "answer", "id": secrets.token_urlsafe(6), "right": right, "sentence": sentence}
    )
