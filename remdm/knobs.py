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
) -> Any:
    """A dataclass field with what a control needs: `low <= value <= high`, or one of `choices`."""
    about = {"low": low, "high": high, "step": step, "symbol": symbol, "help": help, "choices": choices}
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
