"""The lesson: eight stations, each with one run and one thing to do, for someone who has never heard of all this."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from remdm.app.components.controls import Dial
from remdm.app.components.player import Player
from remdm.app.errors import refusal
from remdm.app.events import UI_EVENT
from remdm.app.lesson.stations import STATIONS, Station
from remdm.app.samples import Sample
from remdm.app.streams import Stream, made, steps_of
from remdm.app.workbench.compare import MODEL_QUEUE
from remdm.app.workbench.outcome import Changes
from remdm.models.checkpoints import CheckpointError
from remdm.runs.domain import Domain
from remdm.runs.record import RunRequest, prepare
from remdm.sampling.methods import METHODS, settings
from remdm.serving.streamed_runs import RUNS, RunGroup

_SEEN = """(...values) => {
  const player = document.querySelector("#lesson-player .rp").__player;
  const { step, selected, masked, live, status } = player ? player.state() : { status: "empty" };
  return [JSON.stringify({ step, selected, masked, live, status }), ...values.slice(1)];
}"""

FIRST_ETA = 0.005
"""Too weak for the station that asks for a strength: there is something to do."""


class Lesson:
    """Builds the tab; its callbacks are the methods below."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        with gr.Row(elem_classes="lesson"):
            with gr.Column(elem_classes="lesson-side", scale=2, min_width=280):
                self.where = gr.Radio(
                    choices=names(frozenset()), value=0, label="Eight stations, about ten minutes",
                    info="At each: read, press Run, do what is asked for, then press Check.", elem_id="lesson-where",
                    elem_classes="stations",
                )  # fmt: skip
                self.told = gr.Markdown(text(0), elem_id="lesson-told")
                self.turned = Dial(
                    0.001, 0.2, step=0.001, value=FIRST_ETA, label="Strength · η", visible=False, buttons=[],
                    elem_id="lesson-turned",
                )  # fmt: skip
                with gr.Row(elem_classes="files"):
                    self.run = gr.Button("Run", variant="primary", size="sm", elem_id="lesson-run")
                    self.check = gr.Button("Check", size="sm", elem_id="lesson-check")
                    self.next = gr.Button("Next station", size="sm", visible=False, elem_id="lesson-next")
                self.said = gr.HTML("", elem_id="lesson-said", elem_classes="said")
            with gr.Column(scale=5, min_width=320):
                self.player = Player(elem_id="lesson-player")
        self.seen = gr.Textbox("", visible=False)
        self.sample = gr.State(None)
        self.done, self.kept = gr.State(frozenset()), gr.State({})
        self._listen()

    def _listen(self) -> None:
        going = [self.told, self.turned, self.said, self.next]
        self.where.input(self.gone, self.where, going, **UI_EVENT)
        self.next.click(self.onward, self.where, [self.where, *going], **UI_EVENT)
        self.run.click(
            self.made, [self.where, self.turned], [self.player, self.run, self.sample, self.said],
            concurrency_id=MODEL_QUEUE, **UI_EVENT,
        )  # fmt: skip
        self.check.click(
            self.checked, [self.seen, self.where, self.sample, self.done, self.kept],
            [self.said, self.where, self.next, self.done, self.kept], js=_SEEN, **UI_EVENT,
        )  # fmt: skip

    def gone(self, place: int) -> list[Any]:
        """To a station: what it tells, and the setting that is chosen there."""
        turned = STATIONS[place].turned
        dial = gr.update(visible=False)
        if turned:
            name, low, high, step = turned
            label = {"eta": "Strength · η", "steps": "Steps · T"}[name]
            value = FIRST_ETA if name == "eta" else STATIONS[place].steps
            dial = gr.update(visible=True, minimum=low, maximum=high, step=step, value=value, label=label)
        return [text(place), dial, "", gr.update(visible=False)]

    def onward(self, place: int) -> list[Any]:
        """To the next station."""
        place = min(place + 1, len(STATIONS) - 1)
        return [place, *self.gone(place)]

    def order(self, station: Station, turned: float | None) -> RunRequest:
        """The run of a station.

        Raises:
            ValueError: for a setting that will not do.
        """
        steps, given = station.steps, dict(station.settings)
        if station.turned and turned is None:
            raise ValueError("Give the setting a value first")
        if station.turned and station.turned[0] == "steps":
            steps = int(turned or steps)
        elif station.turned:
            given["eta"] = float(turned or 0)
        model = self.domain.models[0]
        chosen = settings(station.sampler, steps, **given)
        return RunRequest(self.domain, model, "", model.length, chosen, station.seed)

    def made(self, place: int, turned: float | None) -> Iterator[Changes]:
        """Make the run of a station, step by step."""
        try:
            live = prepare(self.order(STATIONS[place], turned))
        except (ValueError, CheckpointError) as error:
            raise refusal(error) from error
        shown = RUNS.open(live, RunGroup())
        stream = Stream(shown)
        yield {self.player: stream.begin(), self.run: gr.Button("Running …", interactive=False), self.said: ""}
        for seen in steps_of(live.order):
            if write := stream.take(seen):
                yield {self.player: write()}
        sample = made(shown)
        yield {self.player: stream.end(sample), self.sample: sample, self.run: gr.Button("Run", interactive=True)}

    def checked(
        self, seen: str, place: int, sample: Sample | None, done: frozenset[int], kept: dict[str, int]
    ) -> list[Any]:
        """Whether what the visitor did is what the station asks for."""
        state, station = json.loads(seen or "{}"), STATIONS[place]
        model, steps = (sample.trace.run["sampler"], sample.trace.run["steps"]) if sample else ("", 0)
        right = False
        if sample is None or state.get("live") or type(state.get("step")) is not int:
            said = "Press Run first, and wait until the run has ended."
        elif model != station.sampler or not (steps == station.steps or (station.turned or ("",))[0] == "steps"):
            said = "The run on the stage belongs to another station: press Run."
        elif not 0 <= state["step"] <= len(sample.trace.steps):
            said = "The run on the stage is not this one: press Run."
        else:
            kept = dict(kept)
            right, said = station.check(state, sample, kept)
        done = done | {place} if right else done
        last = place == len(STATIONS) - 1
        if right and len(done) == len(STATIONS):
            said += " You have seen all of it: now try your own settings in the other tabs."
        radio = gr.Radio(choices=names(done), value=place)
        return [sentence(said, right), radio, gr.update(visible=right and not last), done, kept]


def names(done: frozenset[int]) -> list[tuple[str, int]]:
    """The stations as choices, those that were passed with a tick."""
    return [
        (f"{place + 1} {station.title}{' ✓' if place in done else ''}", place) for place, station in enumerate(STATIONS)
    ]


def text(place: int) -> str:
    """What a station tells, and its task."""
    station = STATIONS[place]
    steps = "" if station.turned and station.turned[0] == "steps" else f", {station.steps} steps"
    of = f"*{METHODS[station.sampler].title}{steps}, seed {station.seed}*"
    return f"### {place + 1}. {station.title}\n{station.told}\n\n{station.task}\n\n{of}"


def sentence(said: str, right: bool) -> str:
    """The answer as HTML; words from a model are escaped."""
    return f'<p class="{"right" if right else "not-yet"}" role="status">{escape(said)}</p>'
