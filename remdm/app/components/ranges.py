"""Number controls that hold the server to what the page offers: a browser can send any number to any callback."""

from dataclasses import dataclass
from typing import Any

import gradio as gr


@dataclass(frozen=True)
class OutOfRange:
    """A value that its control does not allow, and the sentence that says so.

    It reaches the callback in the value's place and is raised where it is read (`events.Given`), so that whatever
    shows errors there shows this one too.
    """

    sentence: str


def within(label: str, value: Any, low: float, high: float, step: float) -> Any:
    """A number in its range, a whole one where the control has whole steps, else `OutOfRange`."""
    whole = isinstance(step, int)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and low <= value <= high and (not whole or value == int(value)):
        return int(value) if whole else value
    got = "nothing" if value is None else str(value)[:40]
    kind = "a whole number" if whole else "a number"
    return OutOfRange(f"{label.partition(' · ')[0]} must be {kind} from {low:.16g} to {high:.16g}, got {got}")


class Dial(gr.Slider):
    """A slider in whose field anything can be typed: what is out of its range is refused with its name and range."""

    def preprocess(self, payload: float) -> Any:
        """The value, or `OutOfRange`."""
        return within(str(self.label), payload, self.minimum, self.maximum, self.step)

    def get_block_name(self) -> str:
        """What the browser draws: an ordinary slider."""
        return "slider"


class NumberField(gr.Number):
    """A field for a whole number between its `minimum` and `maximum`, checked as a `Dial` is."""

    def preprocess(self, payload: float | None) -> Any:
        """The value, or `OutOfRange`."""
        assert self.minimum is not None and self.maximum is not None
        return within(str(self.label), payload, self.minimum, self.maximum, 1)

    def get_block_name(self) -> str:
        """What the browser draws: an ordinary number field."""
        return "number"
