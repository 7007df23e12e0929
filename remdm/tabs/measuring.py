"""What every tab with a measurement of its own does with its two buttons."""

import gradio as gr

from remdm.serving.runs import RUNS
from remdm.tabs.outcome import Changes


class Measuring:
    """A tab that measures: `go` and `stop` are its buttons, `ticket` holds the press that is under way."""

    go: gr.Button
    stop: gr.Button
    ticket: gr.State

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
