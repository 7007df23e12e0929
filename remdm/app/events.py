"""What the events of the page have in common: what their callbacks are given and give, and where they wait."""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial, wraps
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from gradio.context import Context, LocalContext
from gradio.events import Dependency

from remdm.app.components.ranges import OutOfRange
from remdm.app.errors import failure
from remdm.app.gathered import FEW, UNKNOWN, Page, controls_of, listen_gathered, unseen_text
from remdm.serving.apart import WHOSE

Changes = dict[Any, Any]
"""What a callback changes on the page: new values or properties by component."""
Values = Mapping[Component, Any]
"""What a callback is given: the values of its inputs by component (the inputs are a set, so that none has a place).

To read a number that its control does not allow raises ValueError with a sentence, see `Given`.
"""
Event = Callable[..., Dependency]
"""What adds a listener: `button.click`, or `then` of an event before it."""
Blocks = Block | Sequence[Block] | AbstractSet[Block] | None

MODEL_QUEUE = "model"
"""The queue that all sampling waits in; runs that are under way share forwards (remdm/serving/batcher.py)."""

SIDE_QUEUE: dict[str, Any] = {"concurrency_id": "side", "concurrency_limit": 4}
"""For what takes a moment and needs no network: opening a file, writing one, the experiments of the theory."""

UI_EVENT: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "private"}
"""For events that the page answers at once: no dimming, and nothing in the list of endpoints.

On no component, not only hidden: at every message of any event Gradio tells each component that an event has ever had
as an output how far that event is, and looks it up in the whole page first. It was most of what a step cost a browser.
"""


LATEST: dict[str, Any] = {"trigger_mode": "always_last"}
"""For events whose callback reads controls: while one is answered others wait, and the last of them is answered too.

Without it Gradio drops what comes while the same event is answered. Not for events that carry data of their own: it
sends those of another one.
"""
EACH: dict[str, Any] = {"trigger_mode": "multiple"}
"""For events that carry data of their own, such as the place that was clicked: every one is answered."""
IN_ORDER: dict[str, Any] = {**EACH, "concurrency_id": "picks", "concurrency_limit": 1}
"""The same, one after the other: the page ends with the last one."""


class Given(Mapping[Component, Any]):
    """The values that a browser sent, each checked against its control as it is read."""

    def __init__(self, values: Mapping[Component, Any]) -> None:
        self._values = values

    def __getitem__(self, component: Component) -> Any:
        value = self._values[component]
        if isinstance(value, OutOfRange):
            raise ValueError(value.sentence)
        return value

    def __contains__(self, component: object) -> bool:
        return component in self._values

    def __iter__(self) -> Iterator[Component]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _checked(arguments: Sequence[Any]) -> list[Any]:
    """A callback's arguments: a table of values checks itself when it is read, a single value is checked here."""
    for each in arguments:
        if isinstance(each, OutOfRange):
            raise ValueError(each.sentence)
    return [Given(each) if isinstance(each, dict) else each for each in arguments]


def visit() -> str | None:
    """Whose event this thread answers; of a callback that gives changes as they come, only until its first one."""
    request = LocalContext.request.get(None)
    return None if request is None else request.session_hash


def guarded(callback: Callable[..., Any]) -> Callable[..., Any]:
    """A callback as the page calls it: numbers out of their range and all that it raises become one sentence each."""

    @wraps(callback)
    def call(*arguments: Any) -> Any:
        WHOSE.set(visit())
        try:
            return callback(*_checked(arguments))
        except Exception as error:
            raise failure(error) from error

    @wraps(callback)
    def stream(*arguments: Any) -> Iterator[Any]:
        try:
            yield from callback(*_checked(arguments))
        except Exception as error:
            raise failure(error) from error

    made = stream if inspect.isgeneratorfunction(callback) else call
    made.__dict__["guarded"] = True
    return made


def on(
    event: Event | Sequence[Event], callback: Callable[..., Any] | None, inputs: Blocks, outputs: Blocks, **more: Any
) -> Dependency:
    """Let an event, or each of several, call back; `more` is for Gradio's listener.

    It is answered at once: only what names a queue by its `concurrency_id` waits for others, so that nobody's settings
    stand still behind somebody's work. (Without Gradio's queue a refusal would not be shown as a toast.)
    """
    listen = event if callable(event) else partial(gr.on, event)
    queue = {} if "concurrency_id" in more else {"concurrency_limit": None}
    page, last = Context.root_block, more.get("trigger_mode") == "always_last"
    if isinstance(page, Page) and isinstance(inputs, AbstractSet) and callback and not _takes_event(callback):
        if len(controls_of(inputs)) > FEW:
            events = [event] if callable(event) else list(event)
            return listen_gathered(page, events, last, guarded(callback), inputs, outputs, **UI_EVENT, **queue, **more)
    return listen(callback and guarded(callback), inputs, outputs, **UI_EVENT, **queue, **more)


def _takes_event(callback: Callable[..., Any]) -> bool:
    """Whether it is told about the event itself, which only what listens to it at first hand is."""
    return "event" in inspect.signature(callback).parameters


def ask_page(event: Event, script: str) -> tuple[Dependency, gr.State]:
    """Let an event ask the page: what to go on from, and the state that then holds what `script` returned, a string."""
    returned, answer = unseen_text(), gr.State("")  # a State would not take what the browser sends
    return on(event, lambda text: text, returned, answer, js=script), answer


def read_table(text: Any) -> dict[str, Any]:
    """What a script of the page says, by name: a browser can send anything in its place.

    Raises:
        ValueError: if it is not a JSON object.
    """
    try:
        found = json.loads(text or "{}")
    except (ValueError, TypeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(UNKNOWN)
    return found


def index_of(event: gr.EventData) -> int | None:
    """Which of its parts a script of the page says that an event is about; None for anything but a place."""
    asked = event._data if isinstance(event._data, dict) else {}
    place = asked.get("index")
    return place if type(place) is int and place >= 0 else None
