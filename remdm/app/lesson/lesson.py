"""The lesson: eight stations, each with one run and one thing to do, for someone who has never heard of all this."""

import json
from collections.abc import Iterator
from html import escape

import gradio as gr

from remdm.app.components.ranges import Dial
from remdm.app.components.run_controls import RunControls
from remdm.app.components.scripted_html import stage
from remdm.app.events import Changes, Values, ask_page, on
from remdm.app.lesson.stations import STATIONS, Seen, Station, Verdict
from remdm.app.samples import Sample
from remdm.app.streams import Stream, made, steps_of
from remdm.runs.domain import Domain
from remdm.runs.record import prepare
from remdm.runs.request import RunRequest
from remdm.sampling.methods import METHODS, settings
from remdm.serving.streamed_runs import RUNS, RunGroup

_IN_PLAYER = """() => {
  const player = document.querySelector("#lesson-player .rp").__stage;
  const { step, selected, masked, live, status } = player ? player.state() : { status: "empty" };
  return JSON.stringify({ step, selected, masked, live, status });
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
                self.text = gr.Markdown(text(0), elem_id="lesson-told")
                self.turned = Dial(
                    0.001, 0.2, step=0.001, value=FIRST_ETA, label="Strength · η", visible=False, buttons=[],
                    elem_id="lesson-turned",
                )  # fmt: skip
                with gr.Row(elem_classes="files"):
                    self.controls = RunControls("Run", "lesson-run", "lesson-stop", "The run", "Running …", size="sm")
                    self.check = gr.Button("Check", size="sm", elem_id="lesson-check")
                    self.next = gr.Button("Next station", size="sm", visible=False, elem_id="lesson-next")
                self.answer = gr.HTML("", elem_id="lesson-said", elem_classes="said")
            with gr.Column(scale=5, min_width=320):
                self.player = stage(elem_id="lesson-player")
        self.sample = gr.State(None)
        self.done, self.kept = gr.State(frozenset()), gr.State({})
        self._listen()

    def _listen(self) -> None:
        going = {self.text, self.turned, self.answer, self.next}
        on(self.where.input, self.gone, self.where, going)
        on(self.next.click, self.onward, self.where, {self.where, *going})
        controls, outputs = self.controls, {self.player, self.sample, self.answer}
        controls.begins(controls.run.click, self.runs, {self.where, self.turned}, outputs)
        controls.ends()
        asked, self.in_player = ask_page(self.check.click, _IN_PLAYER)
        on(
            asked.then, self.checked, {self.in_player, self.where, self.sample, self.done, self.kept},
            {self.answer, self.where, self.next, self.done, self.kept},
        )  # fmt: skip

    def gone(self, place: int) -> Changes:
        """To a station: its text, and the setting that is chosen there."""
        turned = STATIONS[place].turned
        dial = gr.update(visible=False)
        if turned:
            name, low, high, step = turned
            label = {"eta": "Strength · η", "steps": "Steps · T"}[name]
            value = FIRST_ETA if name == "eta" else STATIONS[place].steps
            dial = gr.update(visible=True, minimum=low, maximum=high, step=step, value=value, label=label)
        return {self.text: text(place), self.turned: dial, self.answer: "", self.next: gr.update(visible=False)}

    def onward(self, place: int) -> Changes:
        """To the next station."""
        place = min(place + 1, len(STATIONS) - 1)
        return {self.where: place, **self.gone(place)}

    def request(self, station: Station, turned: float) -> RunRequest:
        """The run of a station.

        Raises:
            ValueError: for a setting that is invalid.
        """
        steps, given = station.steps, dict(station.settings)
        if station.turned and station.turned[0] == "steps":
            steps = int(turned)
        elif station.turned:
            given["eta"] = float(turned)
        model = self.domain.models[0]
        chosen = settings(station.sampler, steps, **given)
        return RunRequest(self.domain, model, "", model.length, chosen, station.seed)

    def runs(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """Make the run of a station, step by step."""
        prepared = prepare(self.request(STATIONS[values[self.where]], values[self.turned]))
        shown = RUNS.open(prepared, group)
        stream = Stream(shown)
        yield {self.player: stream.begin(), self.answer: ""}
        for step in steps_of(prepared):
            write = stream.take(step)
            if write is None:  # stopped
                break
            yield {self.player: write()}
        sample = made(shown)
        yield {self.player: stream.end(sample, group.stopped.is_set()), self.sample: sample}

    def checked(self, values: Values) -> Changes:
        """Whether what the visitor did is what the station asks for."""
        place, done, kept = values[self.where], values[self.done], dict(values[self.kept])
        right, sentence = verdict(
            STATIONS[place], json.loads(values[self.in_player] or "{}"), values[self.sample], kept
        )
        done = done | {place} if right else done
        last = place == len(STATIONS) - 1
        if right and len(done) == len(STATIONS):
            sentence += " You have seen all of it: now try your own settings in the other tabs."
        return {
            self.answer: f'<p class="{"right" if right else "not-yet"}" role="status">{escape(sentence)}</p>',
            self.where: gr.Radio(choices=names(done), value=place), self.next: gr.update(visible=right and not last),
            self.done: done, self.kept: kept,
        }  # fmt: skip


def verdict(station: Station, seen: Seen, sample: Sample | None, kept: dict[str, int]) -> Verdict:
    """Whether the player shows what a station asks for, and a sentence."""
    if sample is None or seen.get("live") or type(seen.get("step")) is not int:
        return False, "Press Run first, and wait until the run has ended."
    run = sample.trace.run
    chosen = (station.turned or ("",))[0] == "steps"
    if run["sampler"] != station.sampler or not (chosen or run["steps"] == station.steps):
        return False, "The run on the stage belongs to another station: press Run."
    if not 0 <= seen["step"] <= len(sample.trace.steps):
        return False, "The run on the stage is not this one: press Run."
    return station.check(seen, sample, kept)


def names(done: frozenset[int]) -> list[tuple[str, int]]:
    """The stations as choices, those that were passed with a tick."""
    return [
        (f"{place + 1} {station.title}{' ✓' if place in done else ''}", place) for place, station in enumerate(STATIONS)
    ]


def text(place: int) -> str:
    """A station's text, and its task."""
    station = STATIONS[place]
    steps = "" if station.turned and station.turned[0] == "steps" else f", {station.steps} steps"
    of = f"*{METHODS[station.sampler].title}{steps}, seed {station.seed}*"
    return f"### {place + 1}. {station.title}\n{station.text}\n\n{station.task}\n\n{of}"
