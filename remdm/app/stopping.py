"""What a Stop button does, wherever something runs in the queue and is cancelled."""

from collections.abc import Callable, Sequence

import gradio as gr

from remdm.app.events import UI_EVENT
from remdm.app.workbench.outcome import Changes
from remdm.serving.streamed_runs import RUNS


def cancels(
    button: gr.Button, stopped: Callable[[str | None], Changes], ticket: gr.State, outputs: Sequence[gr.Component],
    running: gr.events.Dependency, ready: Callable[[], Changes], buttons: Sequence[gr.Component],
) -> None:  # fmt: skip
    """Let a button end `running`: `stopped` answers to the ticket of the press, then `ready` sets the buttons again.

    What was sent just before Stop may arrive behind the answer to it.
    """

    def settled(pressed: str | None) -> Changes:
        return ready() if RUNS.pressed(pressed).halt.is_set() else {button: gr.skip()}

    halted = button.click(stopped, ticket, outputs, cancels=[running], queue=False, **UI_EVENT)
    halted.then(settled, ticket, buttons, **UI_EVENT)
