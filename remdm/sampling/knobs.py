"""A dataclass field that a person may turn: its range, symbol and one-line hint travel with it."""

from collections.abc import Collection, Mapping
from dataclasses import Field, field, fields
from difflib import get_close_matches
from typing import Any

FEW = 40
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


class Checked:
    """A dataclass whose knobs are checked as it is made."""

    def __post_init__(self) -> None:
        check(self)


def one_of(name: str, value: Any, allowed: Collection[Any]) -> None:
    """Raise ValueError, naming what is allowed, or of many the nearest, if a value is not among them."""
    if value in list(allowed):  # a list: what a browser sends may have no hash
        return
    words = [str(each) for each in allowed]
    if len(words) <= FEW:
        raise ValueError(f"{name} must be one of {', '.join(words)}, got {value}")
    asked = str(value)[:60]
    near = [word for word in words if asked.lower() in word.lower()][:3] or get_close_matches(asked, words, 3, 0.5)
    such = f" Near it: {', '.join(near)}." if near else f" One of them: {words[0]}."
    raise ValueError(f"{name} must be one of {len(words):,} names, got {asked}.{such}")


def canonical(each: Field, value: Any) -> Any:
    """A number as its knob's kind, so that 1 and 1.0 are the same setting; anything else as it is, for `check`."""
    about = each.metadata["knob"]
    if about["choices"] or isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(about["step"], int):
        return int(value) if value == value // 1 else value
    return float(value)


def pairs(text: str) -> dict[str, str]:
    """`name=value, name=value` as a table of texts.

    Raises:
        ValueError: for a part without a name or without an equals sign.
    """
    found = {}
    for pair in filter(None, (each.strip() for each in text.split(","))):
        name, sign, value = (each.strip() for each in pair.partition("="))
        if not (name and sign):
            raise ValueError(
                f"“{pair[:40]}” is not a setting; write name=value, as in eta=0.1, with a comma between two"
            )
        found[name] = value
    return found


def parse(texts: Mapping[str, str], fields: Mapping[str, Field]) -> dict[str, Any]:
    """Values from texts, such as flags or the parts of a link, each of the kind that its knob has.

    Whether a value lies in its range is left to whatever takes it (`check`).

    Raises:
        ValueError: for a name that is not among the fields, or a text that is not a number where one is needed.
    """
    for name, text in texts.items():
        if name not in fields:
            raise ValueError(f"“{name[:40]}={text[:40]}” is not a setting; the names are {', '.join(fields)}")
    return {name: _value(name, fields[name], text) for name, text in texts.items()}


def _value(name: str, each: Field, text: str) -> Any:
    about = each.metadata["knob"]
    if about["choices"]:
        return next((choice for choice in about["choices"] if str(choice) == text), text)
    kind, words = (int, "a whole number") if isinstance(about["step"], int) else (float, "a number")
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{name} must be {words}, got {text[:40] or 'nothing'}") from None
