"""Runs laid side by side: the same seed and start under other settings, or a run taken up at a step with a change.

All of them draw coupled random numbers (coupled_noise.py): what differs between two follows from what was changed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch

from remdm.models.checkpoints import ensure_known
from remdm.runs.domain import Domain
from remdm.runs.planting import Change, changed
from remdm.runs.position import behind
from remdm.runs.record import Batch, Making, PreparedRun, TimedFrame, prepare
from remdm.runs.request import RunRequest
from remdm.runs.trace import Frame, Trace, apply
from remdm.sampling.coupled_noise import taken_up
from remdm.sampling.methods import build, settings
from remdm.sampling.state import State
from remdm.sampling.state import start as start_state
from remdm.sampling.time_grid import Step

PLANTED, UNCHANGED = "planted", "unchanged"
"""The phase of the step in which a change was made by hand; of the same step in the runs next to it."""


@dataclass(frozen=True)
class BranchRequest:
    """A run to show side by side with others: from its start, or from `step` of `trace` on, with a change made there.

    `title` and `words` say what it is. `paused`: without a change, an empty step takes its place, so that the runs next
    to it keep the same step numbers. `limit`: how many steps the sampler takes at most.
    """

    request: RunRequest
    title: str = ""
    words: str = ""
    trace: Trace | None = None
    step: int = 0
    change: Change | None = None
    paused: bool = False
    limit: int | None = None


@dataclass(frozen=True)
class Pane:
    """A branch that can begin: what has happened before, the state it is taken up in, and the steps that follow.

    Attributes:
        branch: what was asked for.
        prepared: the run; `expected` counts the steps of the past too.
        past: the frames before the first step, a change among them.
        state: the state that it is taken up in, with one row.
        first: the index of the first step that the sampler takes.
    """

    branch: BranchRequest
    prepared: PreparedRun
    past: tuple[Frame, ...]
    state: State
    first: int

    @property
    def facts(self) -> dict[str, Any]:
        """What its trace says besides what any trace does: where it was taken up, and what was changed there.

        `taken_up`: how many frames had passed. `first_step`: the index of the step that came next.
        """
        branch = self.branch
        if branch.trace is None:
            return {}
        more: dict[str, Any] = {"from_step": branch.step, "taken_up": len(self.past), "first_step": self.first}
        if branch.change:
            more |= {"changed_position": branch.change.position, "changed_token": branch.change.token}
        return more

    def steps(self, making: Making = Batch.steps) -> Iterator[TimedFrame]:
        """The past, a step for the change if there is one, then the steps of the sampler as they are made."""
        prepared, tokens = self.prepared, np.array(self.prepared.start)
        for each in self.past:
            tokens = apply(each, tokens, self.state.mask_id)
            yield prepared.timed(each, tokens.tolist(), 0.0)
        at = behind(self.past, self.state, self.first, prepared.request.drafts)
        for (timed,) in islice(making(Batch((prepared,), at)), self.branch.limit):
            if timed is not None:
                yield timed


def state_after(trace: Trace, step: int) -> State:
    """The state after so many steps of a trace; psi is rounded as the file has it.

    Raises:
        ValueError: if the trace has fewer steps.
    """
    if not 0 <= step <= len(trace.steps):
        raise ValueError(f"step must be a whole number from 0 to {len(trace.steps)}, got {step}")
    state = start_state(torch.tensor([trace.start]), trace.mask_id)
    tokens, psi = np.array(trace.start), state.psi.clone()
    for each in trace.steps[:step]:
        tokens = apply(each, tokens, trace.mask_id)
        for position, _, probability in each.decoded:
            psi[0, position] = probability
    after = torch.from_numpy(tokens)[None]
    return replace(state, tokens=after, psi=psi.masked_fill(after == trace.mask_id, torch.inf))


def request_of(trace: Trace, domain: Domain) -> RunRequest:
    """What made a trace: its model and its own settings, its T among them.

    Raises:
        ValueError: where it does not say.
    """
    run = trace.run
    try:
        chosen = settings(run["sampler"], run["steps"], **run["settings"])
        asked = domain.ask(**run.get("asked", {}))
    except (KeyError, TypeError) as error:
        raise ValueError("This trace does not say how it was made, so no run can go on from it.") from error
    return RunRequest(
        domain, domain.model(run.get("model")), run.get("prompt", ""), trace.length, chosen, run.get("seed", 0),
        run.get("index", 0), asked=asked, start=trace.start, watch=run.get("confidence") != "decoded", coupled=True,
        drafts=True,
    )  # fmt: skip


def _next_index(trace: Trace, step: int, request: RunRequest, walk: Sequence[Step]) -> int:
    """Which step of `walk` comes after so many frames of a trace."""
    run = trace.run
    here = step - run.get("taken_up", 0)
    if here >= 0 and run.get("settings") == request.settings.flat() and run.get("steps") == request.settings.steps:
        return min(run.get("first_step", 0) + here, len(walk))
    return taken_up(walk, trace.steps[step - 1].s if step else 1.0)


def pane(branch: BranchRequest, preparing: Callable[[RunRequest], PreparedRun] = prepare) -> Pane:
    """Prepare a branch, its run as an engine does it.

    Raises:
        ValueError: for an invalid step or change, and for what `prepare` refuses.
    """
    request, trace = replace(branch.request, coupled=True), branch.trace
    if trace is None:
        prepared = preparing(request)
        tokens = torch.tensor([prepared.start])
        return Pane(branch, prepared, (), start_state(tokens, prepared.checkpoint.mask_id), 0)
    prepared = preparing(replace(request, start=trace.start, length=trace.length))
    if prepared.checkpoint.mask_id != trace.mask_id:
        raise ValueError("This run was made by another version of the model; make one of your own first")
    state = state_after(trace, branch.step)
    ensure_known(state.tokens[0].tolist(), prepared.checkpoint)
    walk = build(request.settings, int((~state.given).sum()))[1]
    t = trace.steps[branch.step - 1].s if branch.step else 1.0
    first = _next_index(trace, branch.step, request, walk)
    past = trace.steps[: branch.step]
    if branch.change:
        past = (*past, _planted(state, branch.change, t, past, walk[min(first, len(walk) - 1)]))
        state = changed(state, branch.change)
    elif branch.paused and past:
        past = (*past, replace(past[-1], t=t, s=t, alpha_t=past[-1].alpha_s, sigma=0.0, phase=UNCHANGED, decoded=(),
                               remasked=(), alternatives=(), weights=(), drafts=(), judged=()))  # fmt: skip
    left = max(0, len(walk) - first)
    expected = len(past) + (left if branch.limit is None else min(left, branch.limit))
    return Pane(branch, replace(prepared, expected=expected), past, state, first)


def _planted(state: State, change: Change, t: float, past: Sequence[Frame], step: Step) -> Frame:
    """The change as a step of its own, so that a trace with it replays like any other."""
    alpha = past[-1].alpha_s if past else step.alpha_t
    place, length = change.position, state.tokens.shape[1]
    stood = bool(state.decoded[0, place])
    sigma = tuple(float(stood and each == place) for each in range(length)) if stood else 0.0
    written = () if change.token == state.mask_id else ((place, change.token, round(change.probability, 6)),)
    confidence = past[-1].confidence.copy() if past else np.where(state.given[0].numpy(), 255, 0).astype(np.uint8)
    confidence[place] = round(255 * change.probability) if written else 0
    gone = (place,) if stood else ()
    return Frame(t, t, alpha, alpha, sigma, PLANTED, written, gone, confidence, past[-1].forwards if past else 0)


def pane_trace(made: Pane, frames: Sequence[Frame]) -> Trace:
    """The trace of a pane's steps so far, which says from where it was taken up."""
    trace = made.prepared.trace(frames)
    return replace(trace, run={**trace.run, **made.facts})


def side_by_side(panes: Sequence[Pane], making: Making = Batch.steps) -> Iterator[tuple[int, TimedFrame | None]]:
    """The steps of several runs in turn: (which, step), and (which, None) at the end of each."""
    running = {which: each.steps(making) for which, each in enumerate(panes)}
    while running:
        for which, steps in list(running.items()):
            timed = next(steps, None)
            if timed is None:
                del running[which]
            yield which, timed
