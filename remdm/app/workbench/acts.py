"""What a visitor does to a token on the stage: write another one there, send it back, go on from here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from remdm.app.components.board import Comparison
from remdm.app.workbench.lanes import resettled
from remdm.runs.branch import BranchRequest, pane, request_of, state_after
from remdm.runs.planting import Change, chosen_token, likely, written
from remdm.sampling.presets import METHODS
from remdm.views.messages import dumps

KINDS = ("put", "wrong", "mask", "on")
"""Write a token by its id; an unlikely one; the mask; change nothing and go on."""


@dataclass(frozen=True)
class Act:
    """What is done at a step of a lane, and who goes on from there.

    Attributes:
        kind: one of `KINDS`.
        lane, step, position: where.
        token: what is written, for `put`.
        sampler: what takes the lane's place, "" for none.
        once: whether one step is taken rather than all that are left.
    """

    kind: str
    lane: int
    step: int
    position: int
    token: int = 0
    sampler: str = ""
    once: bool = False

    @property
    def text(self) -> str:
        """As a link says it."""
        return json.dumps([self.kind, self.lane, self.step, self.position, self.token, self.sampler, int(self.once)])


def read_act(asked: Mapping[str, Any], shown: Comparison | None) -> Act:
    """An act, checked: it comes from the browser.

    Raises:
        ValueError: with one sentence, for anything that the stage does not offer.
    """
    if shown is None:
        raise ValueError("There is no run to go on from yet; write one first.")
    kind, sampler = asked.get("kind"), asked.get("sampler")
    sampler = sampler if isinstance(sampler, str) else ""
    if not isinstance(kind, str) or kind not in KINDS or (sampler and sampler not in METHODS):
        raise ValueError("The stage asked for something that this page does not know; load the page again.")
    lane, step, position, token = (_whole(asked.get(name, 0)) for name in ("lane", "step", "position", "token"))
    if lane >= len(shown.samples):
        raise ValueError("That lane is not on the stage any more.")
    trace = shown.samples[lane].trace
    if step > len(trace.steps) or position >= trace.length:
        raise ValueError("That step or position is not one of this run.")
    return Act(kind, lane, step, position, token, sampler, asked.get("once") is True)


def _whole(value: Any) -> int:
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise ValueError("The stage asked for something that this page does not know; load the page again.")
    return value


def acted(act: Act, shown: Comparison) -> list[BranchRequest]:
    """All lanes going on from the state of one of them, each with its own settings and its own T.

    Raises:
        ValueError: with one sentence, for what cannot be changed there.
    """
    source = shown.samples[act.lane]
    requests = [request_of(sample.trace, sample.domain) for sample in shown.samples]
    titles = list(shown.titles)
    if act.sampler:
        chosen = resettled(requests[act.lane].settings, act.sampler, {})
        requests[act.lane] = replace(requests[act.lane], settings=chosen)
        titles[act.lane] = METHODS[act.sampler].title
    change, what = _change(act, requests[act.lane], source.trace)
    words = f"from step {act.step}{what}"
    limit = 1 if act.once else None
    return [
        BranchRequest(request, title, words, source.trace, act.step, change, limit=limit)
        for request, title in zip(requests, titles, strict=True)
    ]


def _change(act: Act, request: Any, trace: Any) -> tuple[Change | None, str]:
    """What is written by hand, and how the page says it."""
    if act.kind == "on":
        return None, ""
    run, state = pane(BranchRequest(request, trace=trace, step=act.step)).prepared, state_after(trace, act.step)
    if act.kind == "put":
        change = written(run, state, act.position, act.token)
    else:
        change = chosen_token(run, state, act.position, "mask" if act.kind == "mask" else "unlikely")
    if act.kind == "mask":
        return change, f", position {act.position} sent back"
    return change, f", “{run.pieces([change.token])[change.token].strip()}” put at {act.position}"


def alternatives(key: str, act: Act, shown: Comparison) -> str:
    """The message with the likeliest tokens of a position at a step; `key` is the page's own."""
    sample = shown.samples[act.lane]
    run = pane(BranchRequest(request_of(sample.trace, sample.domain), trace=sample.trace, step=act.step)).prepared
    top = likely(run, state_after(sample.trace, act.step), act.position)
    words = {str(token): word for token, word in run.pieces(token for token, _ in top).items()}
    return dumps({"v": 1, "kind": "beliefs", "key": key[:200], "top": top, "words": words})
