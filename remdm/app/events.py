"""What the events of the page have in common: what their callbacks are given and give, and where they wait."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from gradio.events import Dependency

Changes = dict[Any, Any]
"""What a callback changes on the page: new values or properties by component."""
Values = Mapping[Component, Any]
"""What a callback is given: the values of its inputs by component (the inputs are a set, so that none has a place)."""
Event = Callable[..., Dependency]
"""What adds a listener: `button.click`, or `then` of an event before it."""
Blocks = Block | Sequence[Block] | AbstractSet[Block] | None

MODEL_QUEUE = "model"
"""The queue that all sampling waits in; runs that are under way share forwards (remdm/serving/batcher.py)."""

UI_EVENT: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "private"}
"""For events that the page answers at once: no dimming, and nothing in the list of endpoints.

On no component, not only hidden: at every message of any event Gradio tells each component that an event has ever had
as an output how far that event is, and looks it up in the whole page first. It was most of what a step cost a browser.
"""


def on(
    event: Event | Sequence[Event], callback: Callable[..., Any] | None, inputs: Blocks, outputs: Blocks, **more: Any
) -> Dependency:
    """Let an event, or each of several, call back at once; `more` is for Gradio's listener."""
    listen = event if callable(event) else partial(gr.on, event)
    return listen(callback, inputs, outputs, **UI_EVENT, **more)


def ask_page(event: Event, script: str) -> tuple[Dependency, gr.State]:
    """Let an event ask the page: what to go on from, and the state that then holds what `script` returned, a string."""
    returned, answer = gr.Textbox(visible=False), gr.State("")  # a State would not take what the browser sends
    return on(event, lambda text: text, returned, answer, js=script, queue=False), answer
