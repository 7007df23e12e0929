"""A dataclass field that a person may turn: its range, symbol and one-line hint travel with it."""

from dataclasses import Field, field, fields
from typing import Any


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
            if value not in about["choices"]:
                allowed = ", ".join(map(str, about["choices"]))
                raise ValueError(f"{name} must be one of {allowed}, got {value}")
        elif (
            isinstance(value, bool) or not isinstance(value, int | float) or not about["low"] <= value <= about["high"]
        ):
            raise ValueError(f"{name} must lie between {about['low']:g} and {about['high']:g}, got {value}")
        elif isinstance(about["step"], int) and not isinstance(value, int):
            raise ValueError(f"{name} must be a whole number, got {value}")


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
