"""What every tab with a measurement of its own does with its two buttons."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from remdm.app.events import UI_EVENT
from remdm.app.stopping import cancels
from remdm.app.workbench.compare import MODEL_QUEUE
from remdm.app.workbench.outcome import Changes
from remdm.serving.streamed_runs import RUNS


class Measuring:
    """A tab that measures: `go` and `stop` are its buttons, `ticket` holds the press that is under way."""

    go: gr.Button
    stop: gr.Button
    ticket: gr.State

    def measures(self, run: Callable[..., Iterator[Changes]], asked: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Go begins `run` with the ticket and what is asked for, Stop ends it."""
        buttons = [self.go, self.stop]
        begun = self.go.click(self.begin, None, [*buttons, self.ticket], queue=False, **UI_EVENT)
        running = begun.then(run, [self.ticket, *asked], outputs, concurrency_id=MODEL_QUEUE, **UI_EVENT)
        cancels(self.stop, self.stopped, self.ticket, buttons, running, self._ready, buttons)

    def begin(self) -> Changes:
        """At once, before its turn has come."""
        return {
            self.go: gr.Button("Waiting …", interactive=False),
            self.stop: gr.Button(interactive=True),
            self.ticket: RUNS.press(),
        }

    def stopped(self, ticket: str | None) -> Changes:
        """What was measured so far stays."""
        RUNS.pressed(ticket).stop()
        return self._ready()

    def _ready(self) -> Changes:
        return {self.go: gr.Button("Measure", interactive=True), self.stop: gr.Button(interactive=False)}
