"""A dataclass field that a person may turn: its range, symbol and one-line hint travel with it."""

from collections.abc import Sequence
from dataclasses import Field, field, fields
from difflib import get_close_matches
from typing import Any

FEW = 24
"""So many choices are all named when another one is asked for."""


def knob(
    default: Any,
    low: float = 0.0,
    high: float = 1.0,
    *,
    help: str,
    symbol: str = "",
    step: float = 0.01,
    choices: tuple[Any, ...] = (),
    label: str = "",
) -> Any:
    """A dataclass field with what a control needs: `low <= value <= high`, or one of `choices`; `label` on the page."""
    about = {
        "low": low, "high": high, "step": step, "symbol": symbol, "help": help, "choices": choices, "label": label,
    }  # fmt: skip
    return field(default=default, metadata={"knob": about})


def knobs(part: Any) -> dict[str, Field]:
    """The turnable fields of a dataclass, by name, in order."""
    return {each.name: each for each in fields(part) if "knob" in each.metadata}


def check(part: Any) -> None:
    """Raise ValueError, naming the field, its range and the value, for the first knob out of range."""
    for name, each in knobs(part).items():
        about, value = each.metadata["knob"], getattr(part, name)
        if about["choices"]:
            one_of(name, value, about["choices"])
        elif (
            isinstance(value, bool) or not isinstance(value, int | float) or not about["low"] <= value <= about["high"]
        ):
            raise ValueError(f"{name} must lie between {about['low']:g} and {about['high']:g}, got {value}")
        elif isinstance(about["step"], int) and not isinstance(value, int):
            raise ValueError(f"{name} must be a whole number, got {value}")


def one_of(name: str, value: Any, allowed: Sequence[Any]) -> None:
    """Raise ValueError, naming what is allowed, or of many the nearest, if a value is not among them."""
    if value in allowed:
        return
    words = [str(each) for each in allowed]
    if len(words) <= FEW:
        raise ValueError(f"{name} must be one of {', '.join(words)}, got {value}")
    asked = str(value)[:60]
    near = [word for word in words if asked.lower() in word.lower()][:3] or get_close_matches(asked, words, 3, 0.5)
    such = f" Near it: {', '.join(near)}." if near else f" One of them: {words[0]}."
    raise ValueError(f"{name} must be one of {len(words):,} names, got {asked}.{such}")


def parsed(each: Field, text: str) -> Any:
    """A knob's value from a flag or an address, of the kind that its field has; its range is `check`'s.

    Raises:
        ValueError: for what is neither one of its choices nor a number.
    """
    about = each.metadata["knob"]
    if about["choices"]:
        return next((choice for choice in about["choices"] if str(choice) == text), text)
    try:
        return int(text) if isinstance(about["step"], int) else float(text)
    except ValueError:
        kind = "a whole number" if isinstance(about["step"], int) else "a number"
        raise ValueError(f"{each.name} must be {kind}, got {text[:40]}") from None
