"""Files of traces: written whole, and read as hostile.

Version 1, and version 2 where a step hid tokens to judge them (`judged`): any other run's file is as it ever was.
"""

import base64
import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from remdm.runs.trace import Frame, Trace
from remdm.runs.untrusted import TraceError, entries, number, packed_bytes, refuse, text, unzipped, whole

FORMAT, PLAIN, JUDGING = "remdm-trace", 1, 2
TABLES = ("settings", "asked")
"""Tables inside the facts of a run."""
MAX_BYTES, MAX_LENGTH, MAX_STEPS, MAX_ID, MAX_TEXT = 32 << 20, 8192, 20_000, 1 << 24, 2_000_000
MAX_PROMPT, MAX_NAME, MAX_WORD = 20_000, 1000, 1000
"""Letters of a prompt (or another setting), of a name (a model's may be a path), and of a word.

All of these hold for what is written as for what is read: what was kept can be opened again.
"""

TOO_LARGE = f"The trace is larger than {MAX_BYTES >> 20} MB, the most that can be opened."


def to_json(trace: Trace) -> dict[str, Any]:
    """The content of the file, in the lowest version that holds it."""
    return {
        "format": FORMAT,
        "version": JUDGING if any(frame.judged for frame in trace.steps) else PLAIN,
        "run": dict(trace.run),
        "length": trace.length,
        "mask_id": trace.mask_id,
        "start": list(trace.start),
        "words": {str(token): word for token, word in sorted(trace.words.items())},
        "steps": [frame_json(frame) for frame in trace.steps],
        "final": {"ids": list(trace.final), "text": trace.text},
    }


def frame_json(frame: Frame) -> dict[str, Any]:
    """A step as the file has it."""
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
    more = {
        "weights": list(frame.weights),
        "drafts": [list(each) for each in frame.drafts],
        "judged": list(frame.judged),
    }
    return made | {name: values for name, values in more.items() if values}


def dumps(trace: Trace) -> bytes:
    """The file's bytes, uncompressed: the same trace gives the same bytes.

    Raises:
        TraceError: for a trace that could not be read again: it is too long.
    """
    _run(dict(trace.run))
    text(trace.text, "the final text", MAX_TEXT)
    entries(list(trace.steps), "steps", MAX_STEPS)
    whole(trace.length, 1, MAX_LENGTH, "length")
    data = json.dumps(to_json(trace), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return data if len(data) <= MAX_BYTES else refuse(TOO_LARGE)


def fits(length: int, steps: int) -> bool:
    """Whether a run of so many positions and steps can be kept, as far as that is known before it is made."""
    return length <= MAX_LENGTH and steps <= MAX_STEPS and steps * (length * 4 // 3 + 200) <= MAX_BYTES


def save(trace: Trace, path: Path) -> None:
    """Write a trace; gzipped (with no clock time in it) if the name ends in .gz."""
    data = dumps(trace)
    part = path.with_name(f"{path.name}.part")  # whatever stands under the name itself is a whole trace
    part.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    part.replace(path)


def load(path: Path) -> Trace:
    """Read a trace file.

    Raises:
        TraceError: if it is not one, or breaks a rule of the format.
    """
    try:
        return loads(path.read_bytes()) if path.stat().st_size <= MAX_BYTES else refuse(TOO_LARGE)
    except OSError as error:
        raise TraceError(f"The file cannot be read: {error.strerror}.") from error


def loads(data: bytes) -> Trace:
    """A trace from the bytes of its file, gzipped or not; treats them as hostile."""
    if data[:2] == b"\x1f\x8b":
        data = unzipped(data, MAX_BYTES)
    if len(data) > MAX_BYTES:
        refuse(TOO_LARGE)
    try:
        content = json.loads(data, parse_constant=lambda name: refuse(f"The file holds {name}, which is not a number."))
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
        refuse("Replaying the steps does not give the file's final tokens.")
    return trace


def _trace(content: Any) -> Trace:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        refuse("This is not a trace of ReMDM Studio (no remdm-trace format).")
    version = content.get("version")
    if version not in (PLAIN, JUDGING) or isinstance(version, bool):
        refuse("The trace has another version than 1 and 2, those that this app reads.")
    length = whole(content["length"], 1, MAX_LENGTH, "length")
    mask_id = whole(content["mask_id"], 0, MAX_ID, "mask_id")
    start = [whole(token, 0, MAX_ID, "a token of start") for token in entries(content["start"], "start", MAX_LENGTH)]
    if len(start) != length:
        refuse("start has another length than the trace says.")
    run = _run(content["run"])
    words = {
        whole(int(token), 0, MAX_ID, "a word's id"): text(word, "a word", MAX_WORD)
        for token, word in content.get("words", {}).items()
    }
    frames = tuple(frame_of(frame, length, version) for frame in entries(content["steps"], "steps", MAX_STEPS))
    return Trace(
        run, length, mask_id, tuple(start), words, frames, text(content["final"]["text"], "the final text", MAX_TEXT)
    )


def _run(run: Any) -> dict[str, Any]:
    """The facts of a run: a table of plain values, the settings and what was asked for tables within."""
    found = [run, *(run.get(name, {}) for name in TABLES)] if isinstance(run, dict) else [None]
    tables = [table for table in found if isinstance(table, dict)]
    if len(tables) < len(found) or sum(map(len, tables)) > 200:
        refuse("run must be a small table of settings.")
    for table in tables:
        for name, value in table.items():
            text(name, "the name of a setting", 100)
            if isinstance(value, float) and not math.isfinite(value):
                refuse(f"{name[:40]} is not a number.")
            if isinstance(value, list) or (isinstance(value, dict) and (table is not run or name not in TABLES)):
                refuse("run must hold plain values.")
            if isinstance(value, str):
                text(value, "a setting", MAX_PROMPT)
    for name in ("domain", "model", "sampler"):
        text(run.get(name, ""), name, MAX_NAME)
    for name in ("steps", "seed", "index", "from_step", "taken_up", "first_step", "changed_position", "changed_token"):
        whole(run.get(name, 0), 0, 1 << 60, name)
    return run


def frame_of(content: Any, length: int, version: int = JUDGING) -> Frame:
    """A step from what a file of this version has of it.

    Raises:
        TraceError: if it breaks a rule of the format.
    """
    sigma = content["sigma"]
    if isinstance(sigma, list):
        sigma = tuple(number(each, "sigma") for each in sigma)
        if len(sigma) != length:
            refuse("sigma must be a number or one for each position.")
    else:
        sigma = number(sigma, "sigma")
    decoded = tuple(
        (whole(p, 0, length - 1, "a position"), whole(token, 0, MAX_ID, "a token"), number(x, "a probability"))
        for p, token, x in entries(content["decoded"], "decoded", length)
    )
    hidden = content.get("judged", []) if version == JUDGING else []  # of version 1 it is not a part
    remasked, judged = (
        tuple(whole(p, 0, length - 1, "a position") for p in entries(positions, name, length))
        for name, positions in (("remasked", content["remasked"]), ("judged", hidden))
    )
    tops = entries(content.get("alternatives", []), "alternatives", length)
    alternatives = tuple(
        tuple(
            (whole(token, 0, MAX_ID, "a token"), number(x, "a probability"))
            for token, x in entries(top, "alternatives", 50)
        )
        for top in tops
    )
    weights = tuple(number(each, "a weight") for each in entries(content.get("weights", []), "weights", length))
    if len(alternatives) not in (0, len(decoded)) or len(weights) not in (0, len(remasked)):
        refuse("alternatives and weights must match decoded and remasked.")
    if remasked and not np.any(sigma):
        refuse("A step with sigma 0 cannot remask anything.")
    drafts = tuple(
        (whole(p, 0, length - 1, "a position"), whole(token, 0, MAX_ID, "a token"))
        for p, token in entries(content.get("drafts", []), "drafts", length)
    )
    t, s, alpha_t, alpha_s = (number(content[name], name) for name in ("t", "s", "alpha_t", "alpha_s"))
    forwards = whole(content["forwards"], 0, 1 << 40, "forwards")
    return Frame(
        t, s, alpha_t, alpha_s, sigma, text(content["phase"], "phase", 40), decoded, remasked,
        packed_bytes(content["confidence"], "confidence", length), forwards, alternatives, weights, drafts,
        judged,
    )  # fmt: skip
