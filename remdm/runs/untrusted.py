"""Checks of what a trace file holds: anyone may send one. Each refuses with one sentence."""

import base64
import gzip
import io
import math
import zlib
from typing import Any, NoReturn

import numpy as np


class TraceError(ValueError):
    """A trace file is refused; the message is one sentence that says why."""


def refuse(why: str) -> NoReturn:
    """Raise TraceError with this sentence."""
    raise TraceError(why)


def whole(value: Any, low: int, high: int, what: str) -> int:
    """A whole number from low to high, else TraceError."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        refuse(f"{what} must be a whole number from {low} to {high}.")
    return value


def number(value: Any, what: str, low: float = 0.0, high: float = 1.0) -> float:
    """A finite number from low to high, else TraceError."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not low <= value <= high
    ):
        refuse(f"{what} must be a number from {low:g} to {high:g}.")
    return float(value)


def text(value: Any, what: str, most: int) -> str:
    """Text of at most so many characters, else TraceError."""
    if not isinstance(value, str) or len(value) > most:
        refuse(f"{what} must be text of at most {most} characters.")
    value.encode()  # half a surrogate pair is not text: it could not be written again
    return value


def entries(value: Any, what: str, most: int) -> list:
    """A list of at most so many entries, else TraceError."""
    if not isinstance(value, list) or len(value) > most:
        refuse(f"{what} must be a list of at most {most} entries.")
    return value


def packed_bytes(value: Any, what: str, length: int) -> np.ndarray:
    """uint8 `[length]` from base64, else TraceError."""
    try:
        values = np.frombuffer(base64.b64decode(text(value, what, 4 * length + 8), validate=True), dtype=np.uint8)
    except ValueError as error:  # also for letters outside ASCII
        raise TraceError(f"{what} must be base64.") from error
    if len(values) != length:
        refuse(f"{what} must hold one byte for each position.")
    return values


def unzipped(data: bytes, most: int) -> bytes:
    """The content of a gzip file, cut off one byte after `most`: a small file can unpack to gigabytes.

    Raises:
        TraceError: if it is not a whole gzip file.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            return packed.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise TraceError("The file is not a whole gzip file.") from error
