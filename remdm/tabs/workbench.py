"""One domain's tab: the stage with its player, the settings beside it, and what a run leaves behind."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from threading import Event
from typing import Any

import gradio as gr

from remdm.checkpoints import CheckpointError
from remdm.domains.base import Domain
from remdm.recording import Live, Order, facts, prepare
from remdm.serving.gpu import lend
from remdm.serving.runs import RUNS, Shown
from remdm.tabs.outcome import Changes, Outcome
from remdm.tabs.player import Player
from remdm.tabs.reactions import QUIET, Reactions
from remdm.tabs.samples import Sample, checked, listed
from remdm.tabs.settings import Panel
from remdm.trace import TraceError, load
from remdm.views import messages

MODEL_QUEUE = "model"
"""All sampling waits in one line: two cores, or one GPU, do one run at a time best."""


def _seconds(order: Order) -> int:
    """How long a lent GPU is asked for: a few seconds to begin, then well under 20 ms a step."""
    return 10 + order.settings.steps // 50


@lend(_seconds)
def _steps(order: Order) -> Iterator[tuple]:
    """The steps of a run, made where the model runs; what comes out is plain numpy."""
    yield from prepare(order).steps()


def _stream(live: Live, run_id: str, shown: Shown, known: set[int]) -> Iterator[str]:
    """Each step's message as it is made, remembered in `shown`; `known` are the tokens the player can print."""
    is_checked = live.order.model.notes is not None
    held: frozenset[int] = frozenset()
    for index, (frame, notes, took) in enumerate(_steps(live.order)):
        ids = {token for _, token, _ in frame.decoded} | {token for top in frame.alternatives for token, _ in top}
        fresh = live.pieces(ids - known)
        known |= ids
        found = listed(notes) if is_checked else None
        text = messages.dumps(messages.step_message(run_id, index, frame, held, fresh, found, took))
        held = messages.held_after(frame, held)
        if not shown.add((frame, notes, text)):
            return
        yield text


def _made(shown: Shown) -> Sample:
    """The sample of a run that has ended or was stopped."""
    trace = shown.live.trace([frame for frame, _, _ in shown.steps])
    return Sample(trace, tuple(notes for _, notes, _ in shown.steps) if shown.live.order.model.notes else None)


def _refusal(error: Exception) -> gr.Error:
    """One sentence as a toast, which the browser reads as HTML."""
    return gr.Error(escape(f"{str(error).rstrip('.')}."), print_exception=False)


class Workbench:
    """Builds the tab of a domain inside `gr.Blocks`; its callbacks are the methods below."""

    def __init__(self, domain: Domain, recorded: Path) -> None:
        self.domain = domain
        first = checked(domain, load(recorded))
        name = domain.name
        with gr.Row(elem_classes="bench"):
            with gr.Column(elem_classes="stage"):
                note = "a recorded run; press Run for one of your own"
                self.player = Player(first.message(note), elem_id=f"{name}-player")
                self.samples = gr.Radio([], label="Samples", visible=False, interactive=True, elem_id=f"{name}-samples")
                self.outcome = Outcome(first, name)
            with gr.Column(elem_classes="side"):
                with gr.Row(elem_classes="actions"):
                    self.run = gr.Button("Run", variant="primary", elem_id=f"{name}-run", min_width=120)
                    self.stop = gr.Button("Stop", interactive=False, elem_id=f"{name}-stop", min_width=120)
                with gr.Column(elem_classes="controls"):
                    self.panel = Panel(domain)
        self.kept = gr.State([first])
        self.current = gr.State(None)
        Reactions(self.panel)
        self._listen()

    def _listen(self) -> None:
        opened, about = self.outcome.opened, self.outcome.outputs
        buttons = [self.run, self.stop, opened]
        results = [self.player, *about, *buttons, self.samples, self.kept, self.current]
        begun = self.run.click(self.begin, None, [*buttons, self.samples, self.current], queue=False, **QUIET)
        sampling = begun.then(
            self.sample, [self.current, *self.panel.inputs], results, concurrency_id=MODEL_QUEUE, **QUIET
        )
        self.stop.click(self.stopped, [self.current, self.kept], results, cancels=[sampling], queue=False, **QUIET)
        self.samples.input(self.chosen, [self.samples, self.kept], [self.player, *about], **QUIET)
        opened.upload(self.open_trace, opened, [self.player, *about, self.samples, self.kept, self.current], **QUIET)

    # A run

    def begin(self) -> Changes:
        """At once, before the run's turn has come."""
        return {**self._busy("Waiting …"), self.samples: gr.Radio(visible=False), self.current: RUNS.order()}

    def sample(self, ticket: str | None, *values: Any) -> Iterator[Changes]:
        """Run the sampler for as many samples as asked, streaming each step as it is made."""
        made: list[Sample] = []
        halt = RUNS.halt(ticket)
        try:
            lives = [prepare(order) for order in self.panel.orders(values)]
            if halt.is_set():  # stopped before it began
                return
            for live in lives:
                yield from self._one(live, halt, made, len(lives))
                if halt.is_set():  # `stopped` has told the page; a cancel alone may come some steps late
                    return
        except (ValueError, CheckpointError) as error:
            yield self._ready()
            raise _refusal(error) from error
        except Exception as error:
            yield self._ready()
            raise gr.Error("The run broke off; the server's log says why.") from error
        yield self._after(made)

    def _one(self, live: Live, halt: Event, made: list[Sample], wanted: int) -> Iterator[Changes]:
        run_id, shown = RUNS.open(live, halt)
        words = live.pieces(set(live.start))
        run = facts(live.order, live.checkpoint)
        begun = messages.start_message(run_id, run, live.start, live.checkpoint.mask_id, live.expected, words)
        shown.start = messages.dumps(begun)
        label = "Running …" if wanted == 1 else f"Running {len(made) + 1} of {wanted} …"
        yield {self.player: shown.start, self.current: run_id, **self._busy(label)}
        yield from ({self.player: text} for text in _stream(live, run_id, shown, set(words)))
        if halt.is_set():
            return
        made.append(_made(shown))
        shown.end = messages.dumps(messages.end_message(run_id, made[-1].trace.text, len(shown.steps)))
        yield {self.player: shown.end, self.kept: list(made)}

    def stopped(self, run_id: str | None, kept: list[Sample]) -> Changes:
        """After a cancel: what was made so far stays, and can be looked at and saved."""
        shown = RUNS.get(run_id)
        if shown is None:  # nothing has begun: it must not begin later
            RUNS.halt(run_id).set()
            return self._ready()
        shown.stop()
        if shown.end:  # between two samples
            return self._after(kept)
        sample = _made(shown)
        end = messages.end_message(str(run_id), sample.trace.text, len(shown.steps), stopped=True)
        shown.end = messages.dumps(end)
        if not sample.trace.steps:
            return {**self._ready(), self.player: shown.end}
        run = sample.trace.run
        whole = [each for each in kept if {**each.trace.run, "index": 0} == {**run, "index": 0}][: run["index"]]
        return {**self._after([*whole, sample]), self.player: shown.end}

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

    def _after(self, made: list[Sample]) -> Changes:
        """The newest sample's numbers, the list of all of them, and the buttons as they were."""
        names = [(sample.title, place) for place, sample in enumerate(made)]
        radio = gr.Radio(choices=names, value=len(made) - 1, visible=len(made) > 1)
        return {**self.outcome.of(made[-1]), **self._ready(), self.kept: made, self.samples: radio}

    def chosen(self, place: int, kept: list[Sample]) -> Changes:
        """Show another of the samples."""
        return {**self.outcome.of(kept[place]), self.player: kept[place].message()}

    def open_trace(self, file: str) -> Changes:
        """Show a trace file of the visitor's."""
        try:
            trace = load(Path(file))
            if trace.run.get("domain") != self.domain.name:
                raise TraceError(f"It belongs to the domain {str(trace.run.get('domain'))[:40]}.")
            sample = checked(self.domain, trace)
        except TraceError as error:
            raise _refusal(TraceError(f"This file cannot be shown. {error}")) from error
        hidden = gr.Radio(choices=[], value=None, visible=False)
        return {
            **self.outcome.of(sample), self.player: sample.message("opened from a file"),
            self.samples: hidden, self.kept: [sample], self.current: None,
        }  # fmt: skip
