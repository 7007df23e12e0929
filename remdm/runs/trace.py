"""Traces: what is kept of a run. Numpy and JSON only: a saved trace shows everything again without a model."""

import base64
import gzip
import io
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

FORMAT, VERSION = "remdm-trace", 1
TABLES = ("settings", "asked")
"""Tables inside the facts of a run."""
MAX_BYTES, MAX_LENGTH, MAX_STEPS, MAX_ID, MAX_TEXT = 32 << 20, 8192, 20_000, 1 << 24, 200_000


class TraceError(ValueError):
    """A trace file is refused; the message is one sentence that says why."""


@dataclass(frozen=True)
class Frame:
    """One step of one sequence.

    Attributes:
        t, s, alpha_t, alpha_s: the interval.
        sigma: remasking probability that the posterior used: a number, or one for each position where they differ.
        phase: the part of the plan.
        decoded: (position, id, probability): tokens written, with psi.
        remasked: positions sent back to the mask, before decoding.
        confidence: uint8 `[L]`, 255 = 1.0, after the step. Decoded positions: psi, the probability the token had
            when it was decoded. Masked ones: the probability of the model's best guess (0 where it was not asked:
            a token remasked in this very step). Given ones: 255.
        forwards: network calls of this sequence so far.
        alternatives: for each entry of `decoded`, the likeliest tokens there: ((id, probability), ...).
        weights: for each entry of `remasked`, its share of the remasking; empty where all share alike.
    """

    t: float
    s: float
    alpha_t: float
    alpha_s: float
    sigma: float | tuple[float, ...]
    phase: str
    decoded: tuple[tuple[int, int, float], ...]
    remasked: tuple[int, ...]
    confidence: np.ndarray
    forwards: int
    alternatives: tuple[tuple[tuple[int, float], ...], ...] = ()
    weights: tuple[float, ...] = ()

    def sigma_at(self, position: int) -> float:
        """sigma at a position."""
        return self.sigma[position] if isinstance(self.sigma, tuple) else self.sigma

    @property
    def sigma_max(self) -> float:
        """The bound of this step: min(1, (1 - alpha_s) / alpha_t), ReMDM eq. 7."""
        return min(1.0, (1.0 - self.alpha_s) / self.alpha_t) if self.alpha_t > 0 else 1.0


@dataclass(frozen=True)
class Trace:
    """A whole run of one sequence.

    Attributes:
        run: domain, model, sampler, steps, seed, settings, device: enough to run it again.
        length: L.
        mask_id: the mask's id.
        start: ids at t = 1, `[L]`.
        words: how each id that occurs is printed, a leading space where one stands before it.
        steps: the frames.
        text: the final text, without special tokens.
    """

    run: Mapping[str, Any]
    length: int
    mask_id: int
    start: tuple[int, ...]
    words: Mapping[int, str]
    steps: tuple[Frame, ...]
    text: str

    @property
    def given(self) -> tuple[int, ...]:
        """Positions that the prompt fixed."""
        return tuple(place for place, token in enumerate(self.start) if token != self.mask_id)

    @property
    def final(self) -> tuple[int, ...]:
        """Ids after the last step, `[L]`."""
        tokens = np.array(self.start)
        for after in replay(self):
            tokens = after
        return tuple(tokens.tolist())


def replay(trace: Trace) -> Iterator[np.ndarray]:
    """Ids int64 `[L]` after each step, from the start through the frames.

    Raises:
        TraceError: where a decoded position was not masked, a remasked one was not decoded, or a given one changes.
    """
    tokens = np.array(trace.start, dtype=np.int64)
    given = tokens != trace.mask_id
    for index, frame in enumerate(trace.steps):
        for position in frame.remasked:
            if given[position] or tokens[position] == trace.mask_id:
                raise TraceError(f"Step {index} remasks position {position}, which holds no decoded token.")
            tokens[position] = trace.mask_id
        for position, token, _ in frame.decoded:
            if tokens[position] != trace.mask_id or token == trace.mask_id:
                raise TraceError(f"Step {index} decodes position {position}, which is not masked.")
            tokens[position] = token
        yield tokens.copy()


def to_json(trace: Trace) -> dict[str, Any]:
    """The file's content (design: trace file, version 1)."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "run": dict(trace.run),
        "length": trace.length,
        "mask_id": trace.mask_id,
        "start": list(trace.start),
        "words": {str(token): word for token, word in sorted(trace.words.items())},
        "steps": [_frame_json(frame) for frame in trace.steps],
        "final": {"ids": list(trace.final), "text": trace.text},
    }


def _frame_json(frame: Frame) -> dict[str, Any]:
    made = {
        "t": frame.t,
        "s": frame.s,
        "alpha_t": frame.alpha_t,
        "alpha_s": frame.alpha_s,
        "sigma": list(frame.sigma) if isinstance(frame.sigma, tuple) else frame.sigma,
        "phase": frame.phase,
        "decoded": [list(each) for each in frame.decoded],
        "remasked": list(frame.remasked),
        "confidence": base64.b64encode(frame.confidence.tobytes()).decode(),
        "forwards": frame.forwards,
        "alternatives": [[list(each) for each in top] for top in frame.alternatives],
    }
    return made | ({"weights": list(frame.weights)} if frame.weights else {})


def dumps(trace: Trace) -> bytes:
    """The file's bytes, uncompressed: the same trace gives the same bytes."""
    return json.dumps(to_json(trace), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def save(trace: Trace, path: Path) -> None:
    """Write a trace; gzipped (with no clock time in it) if the name ends in .gz."""
    data = dumps(trace)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def load(path: Path) -> Trace:
    """Read a trace file.

    Raises:
        TraceError: if it is not one, or breaks a rule of the format.
    """
    try:
        return (
            loads(path.read_bytes()) if path.stat().st_size <= MAX_BYTES else _refuse("The file is larger than 32 MB.")
        )
    except OSError as error:
        raise TraceError(f"The file cannot be read: {error.strerror}.") from error


def loads(data: bytes) -> Trace:
    """A trace from the bytes of its file, gzipped or not; treats them as hostile."""
    if data[:2] == b"\x1f\x8b":
        data = _unzip(data)
    if len(data) > MAX_BYTES:
        _refuse("The file is larger than 32 MB.")
    try:
        content = json.loads(data, parse_constant=lambda name: _refuse(f"The file holds {name}, which is no number."))
    except (ValueError, RecursionError) as error:
        if isinstance(error, TraceError):
            raise
        raise TraceError("The file is not JSON.") from error
    try:
        trace, final = _trace(content), content["final"]["ids"]
    except TraceError:
        raise
    except KeyError as error:
        raise TraceError(f"The file lacks the field {error}.") from error
    except (TypeError, ValueError, OverflowError, AttributeError, RecursionError) as error:
        raise TraceError("The file holds a value of the wrong kind.") from error
    if list(trace.final) != final:
        _refuse("Replaying the steps does not give the file's final tokens.")
    return trace


def _unzip(data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            return packed.read(MAX_BYTES + 1)  # bounded: a small file can unpack to gigabytes
    except (OSError, EOFError, zlib.error) as error:
        raise TraceError("The file is not a whole gzip file.") from error


def _refuse(why: str) -> NoReturn:
    raise TraceError(why)


def _whole(value: Any, low: int, high: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        _refuse(f"{what} must be a whole number from {low} to {high}.")
    return value


def _number(value: Any, what: str, low: float = 0.0, high: float = 1.0) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not low <= value <= high
    ):
        _refuse(f"{what} must be a number from {low:g} to {high:g}.")
    return float(value)


def _text(value: Any, what: str, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        _refuse(f"{what} must be text of at most {most} characters.")
    value.encode()  # half a surrogate pair is no text: it could not be written again
    return value


def _list(value: Any, what: str, most: int) -> list:
    if not isinstance(value, list) or len(value) > most:
        _refuse(f"{what} must be a list of at most {most} entries.")
    return value


def _trace(content: Any) -> Trace:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        _refuse("This is not a trace of ReMDM Studio (no remdm-trace format).")
    if content.get("version") != VERSION or isinstance(content["version"], bool):
        _refuse("The trace has another version than 1, the one that this app reads.")
    length = _whole(content["length"], 1, MAX_LENGTH, "length")
    mask_id = _whole(content["mask_id"], 0, MAX_ID, "mask_id")
    start = [_whole(token, 0, MAX_ID, "a token of start") for token in _list(content["start"], "start", MAX_LENGTH)]
    if len(start) != length:
        _refuse("start has another length than the trace says.")
    run = _run(content["run"])
    words = {
        _whole(int(token), 0, MAX_ID, "a word's id"): _text(word, "a word", 200)
        for token, word in content.get("words", {}).items()
    }
    frames = tuple(_frame(frame, length) for frame in _list(content["steps"], "steps", MAX_STEPS))
    return Trace(
        run, length, mask_id, tuple(start), words, frames, _text(content["final"]["text"], "the final text", MAX_TEXT)
    )


def _run(run: Any) -> dict[str, Any]:
    """The facts of a run: a table of plain values, the settings and what was asked for tables within."""
    found = [run, *(run.get(name, {}) for name in TABLES)] if isinstance(run, dict) else [None]
    tables = [table for table in found if isinstance(table, dict)]
    if len(tables) < len(found) or sum(map(len, tables)) > 200:
        _refuse("run must be a small table of settings.")
    for table in tables:
        for name, value in table.items():
            _text(name, "the name of a setting", 100)
            if isinstance(value, float) and not math.isfinite(value):
                _refuse(f"{name[:40]} is no number.")
            if isinstance(value, list) or (isinstance(value, dict) and (table is not run or name not in TABLES)):
                _refuse("run must hold plain values.")
            if isinstance(value, str):
                _text(value, "a setting", 4000)
    for name in ("domain", "model", "sampler"):
        _text(run.get(name, ""), name, 100)
    for name in ("steps", "seed", "index"):
        _whole(run.get(name, 0), 0, 1 << 60, name)
    return run


def _frame(content: Any, length: int) -> Frame:
    sigma = content["sigma"]
    if isinstance(sigma, list):
        sigma = tuple(_number(each, "sigma") for each in sigma)
        if len(sigma) != length:
            _refuse("sigma must be a number or one for each position.")
    else:
        sigma = _number(sigma, "sigma")
    decoded = tuple(
        (_whole(p, 0, length - 1, "a position"), _whole(token, 0, MAX_ID, "a token"), _number(x, "a probability"))
        for p, token, x in _list(content["decoded"], "decoded", length)
    )
    remasked = tuple(_whole(p, 0, length - 1, "a position") for p in _list(content["remasked"], "remasked", length))
    tops = _list(content.get("alternatives", []), "alternatives", length)
    alternatives = tuple(
        tuple(
            (_whole(token, 0, MAX_ID, "a token"), _number(x, "a probability"))
            for token, x in _list(top, "alternatives", 50)
        )
        for top in tops
    )
    weights = tuple(_number(each, "a weight") for each in _list(content.get("weights", []), "weights", length))
    if len(alternatives) not in (0, len(decoded)) or len(weights) not in (0, len(remasked)):
        _refuse("alternatives and weights must match decoded and remasked.")
    if remasked and not np.any(sigma):
        _refuse("A step with sigma 0 cannot remask anything.")
    t, s, alpha_t, alpha_s = (_number(content[name], name) for name in ("t", "s", "alpha_t", "alpha_s"))
    forwards = _whole(content["forwards"], 0, 1 << 40, "forwards")
    return Frame(
        t,
        s,
        alpha_t,
        alpha_s,
        sigma,
        _text(content["phase"], "phase", 40),
        decoded,
        remasked,
        _confidence(content["confidence"], length),
        forwards,
        alternatives,
        weights,
    )


def _confidence(packed: Any, length: int) -> np.ndarray:
    text = _text(packed, "confidence", 2 * MAX_LENGTH)
    try:
        values = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    except ValueError as error:  # also for letters outside ASCII
        raise TraceError("confidence must be base64.") from error
    if len(values) != length:
        _refuse("confidence must hold one byte for each position.")
    return values
