"""A trace as the player's messages: compact JSON strings, one for each step (assets/js/player.js)."""

import base64
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from remdm.runs.tokens import Issue
from remdm.runs.trace import Frame, Trace


def dumps(message: Mapping[str, Any]) -> str:
    """A message as the player takes it."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def start_message(
    run_id: str,
    run: Mapping[str, Any],
    start: Sequence[int],
    mask_id: int,
    expected: int,
    words: Mapping[int, str],
    note: str = "",
    layout: str = "text",
    scene: Mapping[str, Any] | None = None,
    live: bool = False,
    named: str = "",
) -> dict[str, Any]:
    """The first message of a run: its start state, how its tokens are printed and laid out, the scene if any.

    `named` is the sampler's title on the page. `device` says what computes it, a card or a backend by its
    name. Of a live run all facts are told, so that the page can save a trace without a server (assets/js/rescue.js).
    """
    kind, _, card = str(run.get("device", "")).partition(", ")
    return {
        "v": 1,
        "run": run_id,
        "kind": "start",
        "n": expected,
        "length": len(start),
        "domain": _brief(run.get("domain", "")),
        "layout": layout,
        "mask": mask_id,
        "start": list(start),
        "given": [place for place, token in enumerate(start) if token != mask_id],
        "words": {str(token): word for token, word in words.items()},
        "title": title(run),
        "sampler": _brief(run.get("sampler", "")),
        "named": named,
        "model": _brief(run.get("model", "")),
        "note": note,
        "from": run.get("taken_up", 0),
        "device": _brief(card or kind.partition(" ")[0].upper()),
        **({} if scene is None else {"x": scene}),
        **({"facts": dict(run)} if live else {}),
    }


def title(run: Mapping[str, Any]) -> str:
    """A run in a few words; whatever a file says there stays short."""
    sampler, steps, seed = (_brief(run.get(name, "?")) for name in ("sampler", "steps", "seed"))
    index = run.get("index", 0)
    sample = f", sample {index + 1}" if type(index) is int and 0 < index < 1000 else ""
    return f"{sampler}, {steps} step{'' if steps == '1' else 's'}, seed {seed}{sample}"


def _brief(value: Any) -> str:
    return str(value)[:40]


def step_message(
    run_id: str,
    index: int,
    frame: Frame,
    held: Collection[int],
    words: Mapping[int, str],
    issues: Sequence[Issue] | None = None,
    seconds: float = 0.0,
    scene: Mapping[str, Any] | None = None,
    live: bool = False,
) -> dict[str, Any]:
    """One step.

    Args:
        run_id: the run's id.
        index: which step.
        frame: the step.
        held: the positions that were decoded before it (see `held_after`).
        words: those that the player has not had yet.
        issues: what the checker found after it, None where nothing can be checked.
        seconds: how long it took, 0 if that is not known.
        scene: what the stage shows next to the tokens from this step on, None for what it showed before.
        live: whether all is told that a trace file has (see `start_message`), its numbers in full.
    """
    short = float if live else _short
    message = {
        "v": 1,
        "run": run_id,
        "kind": "step",
        "i": index,
        "as": short(frame.alpha_s),
        "sg": short(mean_sigma(frame, held)),
        "ph": frame.phase,
        "d": [
            [position, token, probability, [list(each) for each in top]]
            for (position, token, probability), top in zip(
                frame.decoded, frame.alternatives or ((),) * len(frame.decoded), strict=True
            )
        ],
        "r": [
            [position, _short(frame.sigma_at(position)), weight]
            for position, weight in zip(frame.remasked, frame.weights or (None,) * len(frame.remasked), strict=True)
        ],
        "c": base64.b64encode(frame.confidence.tobytes()).decode(),
        "f": frame.forwards,
        "ms": round(1000 * seconds, 1),
    }
    if live:
        message |= {"t": frame.t, "s": frame.s, "at": frame.alpha_t}
        if isinstance(frame.sigma, tuple):
            message["sl"] = base64.b64encode(np.array(frame.sigma, "<f8").tobytes()).decode()
    if frame.judged:
        message["j"] = list(frame.judged)
    if frame.drafts:
        message["g"] = [list(each) for each in frame.drafts]
    if words:
        message["words"] = {str(token): word for token, word in words.items()}
    if issues is not None:
        message["e"] = [[list(issue.positions), issue.kind, issue.message] for issue in issues]
    if scene is not None:
        message["x"] = scene
    return message


def steps_message(stage_id: str, steps: Iterable[tuple[int, str]]) -> str:
    """Steps of the runs that a stage shows, as (lane, step message); that of a run alone has the run's id."""
    return f'{{"v":1,"id":"{stage_id}","kind":"steps","list":[{",".join(f"[{lane},{step}]" for lane, step in steps)}]}}'


def end_message(run_id: str, text: str, steps: int, *, stopped: bool = False, note: str = "") -> dict[str, Any]:
    """The last message; `steps` is how many there were, so that the player can ask for those that it missed."""
    return {"v": 1, "run": run_id, "kind": "end", "text": text, "n": steps, "stopped": stopped, "note": note}


def mean_sigma(frame: Frame, held: Collection[int]) -> float:
    """sigma, averaged over the positions that could be remasked where it differs."""
    if not isinstance(frame.sigma, tuple):
        return frame.sigma
    return sum(frame.sigma[place] for place in held) / len(held) if held else 0.0


def held_after(frame: Frame, held: Collection[int]) -> frozenset[int]:
    """The positions that a run has decoded, given ones aside, after a step: those before it are `held`."""
    return frozenset(held) - set(frame.remasked) | {place for place, _, _ in frame.decoded}


def trace_message(
    run_id: str,
    trace: Trace,
    issues: Sequence[Sequence[Issue]] | None,
    note: str = "",
    layout: str = "text",
    scenes: Sequence[Mapping[str, Any] | None] | None = None,
    named: str = "",
) -> str:
    """A whole run as one message.

    Args:
        run_id: an id for the player.
        trace: the run.
        issues: what a checker found after each step, None without one.
        note: a few words next to the title.
        layout: how the tokens are laid out.
        scenes: what the stage shows at the start and after each step, None without any.
        named: the sampler's title.
    """
    shown, seen = len(trace.steps), scenes or [None] * (len(trace.steps) + 1)
    about = (trace.run, trace.start, trace.mask_id, shown, trace.words, note, layout, seen[0])
    messages = [start_message(run_id, *about, named=named)]
    held: frozenset[int] = frozenset()
    for index, frame in enumerate(trace.steps):
        scene = None if seen[index + 1] == seen[index] else seen[index + 1]
        found = None if issues is None else issues[index]
        messages.append(step_message(run_id, index, frame, held, {}, found, scene=scene))
        held = held_after(frame, held)
    messages.append(end_message(run_id, trace.text, shown))
    return dumps({"v": 1, "run": run_id, "kind": "trace", "messages": messages})


def _short(value: float) -> float:
    return round(value, 6)
