"""One domain's tab: settings, the player, and what a run leaves behind."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from remdm.checkpoints import CheckpointError
from remdm.domains.base import Domain, Model
from remdm.methods import METHODS, TABLES, settings
from remdm.recording import Order, facts, prepare
from remdm.serving.gpu import lend
from remdm.serving.runs import RUNS, Shown
from remdm.tabs.settings import Panel
from remdm.trace import Trace, TraceError, load, replay, save
from remdm.views import charts, messages, numbers

MAX_SAMPLES = 8
MODEL_QUEUE = "model"
"""All sampling waits in one line: two cores, or one GPU, do one run at a time best."""


@dataclass(frozen=True)
class Sample:
    """A run that the visitor made or opened: its trace and the errors after each step (None: nothing to check)."""

    trace: Trace
    errors: tuple[int, ...] | None

    @property
    def title(self) -> str:
        """How the list of samples names it."""
        run = self.trace.run
        found = "" if self.errors is None else f" · {self.errors[-1] if self.errors else 0} errors"
        return f"{run.get('sampler', 'run')}, seed {run.get('seed', '?')}, sample {int(run.get('index', 0)) + 1}{found}"


def _words(trace: Trace, ids: Any) -> list[str | None]:
    return [None if token == trace.mask_id else trace.words.get(int(token), "").strip() for token in ids]


def _seconds(order: Order) -> int:
    """How long a lent GPU is asked for: a few seconds to begin, then well under 20 ms a step."""
    return 10 + order.settings.steps // 50


@lend(_seconds)
def _steps(order: Order) -> Iterator[tuple]:
    """The steps of a run, made where the model runs; everything that comes out is plain numpy."""
    yield from prepare(order).steps()


class Workbench:
    """Builds the tab of a domain inside `gr.Blocks`; every callback is a method."""

    def __init__(self, domain: Domain, recorded: Path) -> None:
        from remdm.tabs.player import Player

        self.domain = domain
        opening = load(recorded)
        with gr.Row(elem_classes="bench"):
            with gr.Column(scale=7, min_width=320, elem_classes="stage"):
                self.player = Player(value=self._replayed(opening, "Recorded run: press play, or Run for a new one."))
                with gr.Row(elem_classes="actions"):
                    self.stop = gr.Button("Stop", variant="stop", interactive=False, elem_id=f"{domain.name}-stop")
                    self.run = gr.Button("Run", variant="primary", elem_id=f"{domain.name}-run")
                self.samples = gr.Radio([], label="Samples", visible=False, interactive=True, elem_id=f"{domain.name}-samples")
                with gr.Accordion("What happened", open=True):
                    first = self._sample(opening)
                    self.numbers = gr.HTML(_table(first.trace), elem_classes="numbers")
                    self.chart = gr.Plot(charts.run_chart(first.trace, _errors(first)), label="The run in curves", elem_id=f"{domain.name}-chart")
                with gr.Row():
                    self.export = gr.DownloadButton("Save this trace", value=str(recorded), elem_id=f"{domain.name}-export")
                    self.opened = gr.UploadButton("Open a trace", file_types=[".json", ".gz"], elem_id=f"{domain.name}-import")
            with gr.Column(scale=4, min_width=320, elem_classes="settings"):
                self.panel = Panel(domain)
        self.kept = gr.State([first])
        self.current = gr.State(None)
        self._listen()

    def _listen(self) -> None:
        results = [self.player, self.stop, self.run, self.samples, self.numbers, self.chart, self.export, self.kept, self.current]
        sampling = self.run.click(
            self.sample, self.panel.inputs, results, show_progress="hidden", concurrency_id=MODEL_QUEUE, api_visibility="private"
        )
        self.stop.click(
            self.stopped, [self.current, self.kept], results, cancels=[sampling], show_progress="hidden", queue=False,
            api_visibility="private",
        )  # fmt: skip
        about = [self.player, self.numbers, self.chart, self.export]
        self.samples.input(self.chosen, [self.samples, self.kept], about, show_progress="hidden", api_visibility="private")
        self.opened.upload(
            self.open_trace, [self.opened, self.kept], [*about, self.samples, self.kept], show_progress="hidden", api_visibility="private"
        )

    # ------------------------------------------------------------------------------------------- a run

    def sample(self, *values: Any) -> Iterator[dict]:
        """Run the sampler for as many samples as asked, streaming each step as it is made."""
        try:
            orders = self.panel.orders(values)
            lives = [prepare(order) for order in orders]
        except (ValueError, CheckpointError) as error:
            raise gr.Error(str(error), print_exception=False) from error
        made: list[Sample] = []
        for live in lives:
            run_id, shown = RUNS.open(live)
            words = {token: self._piece(live, token) for token in set(live.start)}
            start = messages.start_message(run_id, facts(live.order, live.checkpoint), live.start, live.checkpoint.mask_id, live.expected, words)
            yield {
                self.player: messages.dumps(start), self.current: run_id,
                self.stop: gr.Button(interactive=True), self.run: gr.Button("Running …", interactive=False),
            }  # fmt: skip
            yield from ({self.player: text} for text in self._stream(live, run_id, shown, set(words)))
            made.append(self._close(shown))
            yield {self.player: messages.dumps(messages.end_message(run_id, made[-1].trace.text)), self.kept: made}
        yield self._after(made, made[-1])

    def _stream(self, live: Any, run_id: str, shown: Shown, known: set[int]) -> Iterator[str]:
        has_checker = live.order.model.notes is not None
        for index, (frame, notes, took) in enumerate(_steps(live.order)):
            ids = {token for _, token, _ in frame.decoded} | {token for top in frame.alternatives for token, _ in top}
            fresh = {token: self._piece(live, token) for token in ids - known}
            known |= ids
            listed = [(note.positions, note.kind, note.message) for note in notes] if has_checker else None
            text = messages.dumps(messages.step_message(run_id, index, frame, fresh, listed, took))
            shown.frames.append(frame)
            shown.errors.append(len(notes))
            shown.messages.append(text)
            yield text

    @staticmethod
    def _piece(live: Any, token: int) -> str:
        return live.order.model.piece(token, live.checkpoint)

    @staticmethod
    def _close(shown: Shown) -> Sample:
        checked = shown.live.order.model.notes is not None
        return Sample(shown.live.trace(shown.frames), tuple(shown.errors) if checked else None)

    def stopped(self, run_id: str | None, kept: list[Sample]) -> dict:
        """After a cancel: what was made so far stays, and can be looked at and saved."""
        shown = RUNS.get(run_id)
        if shown is None or not shown.frames:
            return {self.stop: gr.Button(interactive=False), self.run: gr.Button("Run", interactive=True)}
        sample = self._close(shown)
        same = [each for each in kept if each.trace.run.get("seed") == sample.trace.run["seed"] and each.title != sample.title]
        end = messages.dumps(messages.end_message(run_id, sample.trace.text, stopped=True))
        return {**self._after([*same, sample], sample), self.player: end}

    # ------------------------------------------------------------------------- what is left of a run

    def _after(self, made: list[Sample], shown: Sample) -> dict:
        names = [(sample.title, place) for place, sample in enumerate(made)]
        return {
            **self._about(shown), self.kept: made,
            self.samples: gr.Radio(names, value=made.index(shown), visible=len(made) > 1),
            self.stop: gr.Button(interactive=False), self.run: gr.Button("Run", interactive=True),
        }  # fmt: skip

    def _about(self, sample: Sample) -> dict:
        return {
            self.numbers: _table(sample.trace),
            self.chart: charts.run_chart(sample.trace, _errors(sample)),
            self.export: gr.DownloadButton(value=_file(sample.trace)),
        }

    def chosen(self, place: int, kept: list[Sample]) -> dict:
        """Show another of the samples."""
        sample = kept[place]
        return {**self._about(sample), self.player: self._replayed(sample.trace)}

    # ------------------------------------------------------------------------------- recorded and opened traces

    def _model_of(self, trace: Trace) -> Model | None:
        return next((model for model in self.domain.models if model.name == trace.run.get("model")), None)

    def _sample(self, trace: Trace) -> Sample:
        model = self._model_of(trace)
        if model is None or model.notes is None:
            return Sample(trace, None)
        return Sample(trace, tuple(len(model.notes(_words(trace, ids))) for ids in replay(trace)))

    def _replayed(self, trace: Trace, note: str = "") -> str:
        model = self._model_of(trace)
        check = model.notes if model else None

        def notes(ids: Any) -> list[tuple]:
            return [(note.positions, note.kind, note.message) for note in check(_words(trace, ids))]

        import secrets

        return messages.trace_message(secrets.token_urlsafe(12), trace, notes if check else None, replay(trace), note)

    def open_trace(self, file: str, kept: list[Sample]) -> dict:
        """Show a trace file of the visitor's."""
        try:
            trace = load(Path(file))
        except TraceError as error:
            raise gr.Error(f"This file cannot be shown. {error}", print_exception=False) from error
        if trace.run.get("domain") != self.domain.name:
            raise gr.Error(f"This trace is of the domain {str(trace.run.get('domain'))[:40]}; open it in that tab.", print_exception=False)
        sample = self._sample(trace)
        after = self._after([sample], sample)
        return {**{part: after[part] for part in (self.numbers, self.chart, self.export, self.samples, self.kept)},
                self.player: self._replayed(trace, "Opened from a file.")}  # fmt: skip


def _errors(sample: Sample) -> list[int] | None:
    return None if sample.errors is None else list(sample.errors)


def _file(trace: Trace) -> str:
    run = trace.run
    name = "-".join(str(run.get(part, "")) for part in ("domain", "sampler", "steps", "seed", "index"))
    safe = "".join(letter for letter in name if letter.isalnum() or letter == "-")[:80]
    path = Path(tempfile.mkdtemp(prefix="remdm-")) / f"{safe}.json.gz"
    save(trace, path)
    return str(path)


def _table(trace: Trace) -> str:
    from html import escape

    cells = "".join(
        f'<div class="number" title="{escape(meaning)}"><b>{escape(value)}</b><span>{escape(name)}</span><small>{escape(meaning)}</small></div>'
        for name, value, meaning in numbers.summary(trace)
    )
    return f'<div class="number-row">{cells}</div>'
