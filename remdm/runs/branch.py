"""Runs laid side by side: the same seed and start under other settings, or a run taken up at a step with a change.

All of them draw coupled random numbers (coupling.py): what differs between two of them follows from what was changed.
"""

import difflib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from remdm.runs.frames import frame
from remdm.runs.record import PreparedRun, RunRequest, TimedFrame, prepare, run_seed
from remdm.runs.trace import Frame, Trace
from remdm.sampling.coupled_noise import mixed, taken_up
from remdm.sampling.methods import build, run
from remdm.sampling.state import State
from remdm.sampling.state import start as start_state
from remdm.sampling.time_grid import Step

PLANTED, UNCHANGED = "planted", "unchanged"
"""The phase of the step in which a change was made by hand; of the same step in the run beside it."""
SPECIAL = re.compile(r"^<.*>$")
UNLIKELY = 0.01
"""A token counts as unlikely below this probability."""


@dataclass(frozen=True)
class Change:
    """A token written by hand at a position (the mask's id: sent back), with the probability that the model gave it."""

    position: int
    token: int
    probability: float = 0.0


@dataclass(frozen=True)
class BranchRequest:
    """A run to lay beside others: from its start, or from `step` of `trace` on, with a change made there.

    `paused`: without a change, an empty step takes its place, so that the runs beside it keep the same step numbers.
    """

    order: RunRequest
    title: str = ""
    trace: Trace | None = None
    step: int = 0
    change: Change | None = None
    paused: bool = False


@dataclass(frozen=True)
class Pane:
    """A wish made ready: what has happened before, the state it is taken up in, and the steps that follow."""

    wish: BranchRequest
    live: PreparedRun
    past: tuple[Frame, ...]
    state: State
    first: int
    _taken: list[Frame] = field(default_factory=list, repr=False, compare=False)

    @property
    def seed(self) -> int:
        """Of its random numbers."""
        return run_seed(self.wish.order.seed, self.wish.order.index)

    def steps(self) -> Iterator[TimedFrame]:
        """The past, a step for the change if there is one, then the steps of the sampler as they are made."""
        order, tokens = self.live.order, np.array(self.live.start)
        for each in self.past:
            tokens = _after(tokens, each, self.state.mask_id)
            yield self.live.seen(each, tokens.tolist(), 0.0)
        denoiser = order.model.denoiser(self.live.checkpoint, order.asked)
        running = run(
            denoiser, order.settings, self.state, (self.seed,), first=self.first, coupled=True, watch=order.watch
        )
        before, begun = self.past[-1].forwards if self.past else 0, time.perf_counter()
        for record in running:
            took = time.perf_counter() - begun
            made = frame(record, 0, before + int(running.forwards[0]))
            yield self.live.seen(made, record.after.tokens[0].tolist(), took)
            begun = time.perf_counter()


def _after(tokens: np.ndarray, each: Frame, mask_id: int) -> np.ndarray:
    tokens = tokens.copy()
    tokens[list(each.remasked)] = mask_id
    for position, token, _ in each.decoded:
        tokens[position] = token
    return tokens


def state_after(trace: Trace, step: int) -> State:
    """The state after so many steps of a trace; psi is rounded as the file has it.

    Raises:
        ValueError: if the trace has fewer steps.
    """
    if not 0 <= step <= len(trace.steps):
        raise ValueError(f"step must be a whole number from 0 to {len(trace.steps)}, got {step}")
    state = start_state(torch.tensor([trace.start]), trace.mask_id)
    tokens, psi = state.tokens.clone(), state.psi.clone()
    for each in trace.steps[:step]:
        psi[0, list(each.remasked)] = torch.inf
        tokens[0, list(each.remasked)] = trace.mask_id
        for position, token, probability in each.decoded:
            tokens[0, position], psi[0, position] = token, probability
    return replace(state, tokens=tokens, psi=psi)


def changed(state: State, change: Change, row: int = 0) -> State:
    """A state with a change made in one of its sequences.

    Raises:
        ValueError: at a position that the prompt gave.
    """
    if state.given[row, change.position]:
        raise ValueError(f"Position {change.position} is part of the prompt, which never changes; choose another token")
    tokens, psi = state.tokens.clone(), state.psi.clone()
    tokens[row, change.position] = change.token
    psi[row, change.position] = torch.inf if change.token == state.mask_id else change.probability
    return replace(state, tokens=tokens, psi=psi)


def pane(wish: BranchRequest) -> Pane:
    """Make a wish ready.

    Raises:
        ValueError: for a step or a change that will not do, and for what `prepare` refuses.
    """
    order, trace = wish.order, wish.trace
    if trace is None:
        live = prepare(order)
        tokens = torch.tensor([live.start])
        return Pane(wish, live, (), start_state(tokens, live.checkpoint.mask_id), 0)
    live = prepare(replace(order, start=trace.start, length=trace.length))
    if live.checkpoint.mask_id != trace.mask_id:
        raise ValueError("This run was made by another version of the model; make one of your own first")
    state = state_after(trace, wish.step)
    walk = build(order.settings)[1]
    same = trace.run.get("settings") == order.settings.flat() and trace.run.get("steps") == order.settings.steps
    t = trace.steps[wish.step - 1].s if wish.step else 1.0
    first = min(wish.step, len(walk)) if same else taken_up(walk, t)
    past = trace.steps[: wish.step]
    if wish.change:
        past = (*past, _planted(state, wish.change, t, past, walk[min(first, len(walk) - 1)]))
        state = changed(state, wish.change)
    elif wish.paused and past:
        past = (*past, replace(past[-1], t=t, s=t, alpha_t=past[-1].alpha_s, sigma=0.0, phase=UNCHANGED, decoded=(),
                               remasked=(), alternatives=(), weights=()))  # fmt: skip
    return Pane(wish, replace(live, expected=len(past) + max(0, len(walk) - first)), past, state, first)


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
    """The trace of a pane's steps so far, which says that it was made with coupled numbers and from where."""
    trace = made.live.trace(list(frames))
    more: dict = {"coupled": True}
    if made.wish.trace is not None:
        more |= {"from_step": made.wish.step}
    if made.wish.change:
        more |= {"changed_position": made.wish.change.position, "changed_token": made.wish.change.token}
    return replace(trace, run={**trace.run, **more})


def side_by_side(panes: Sequence[Pane]) -> Iterator[tuple[int, TimedFrame | None]]:
    """The steps of several runs in turn: (which, step), and (which, None) at the end of each."""
    running = {which: each.steps() for which, each in enumerate(panes)}
    while running:
        for which, steps in list(running.items()):
            seen = next(steps, None)
            if seen is None:
                del running[which]
            yield which, seen


# What to plant


def beliefs(live: PreparedRun, state: State, position: int) -> Tensor:
    """log x_theta of every token at a position, masked for the purpose, `[V]`, before truncation."""
    tokens = state.tokens.clone()
    tokens[0, position] = state.mask_id
    rows = torch.zeros_like(state.given)
    rows[0, position] = True
    return live.order.model.denoiser(live.checkpoint, live.order.asked)(tokens, rows, 0.5)[0]


def chosen_token(live: PreparedRun, state: State, position: int, how: str, word: str = "") -> Change:
    """A change by `how`: `typed` (`word`), `random`, `unlikely` (the model gave it less than 1 %) or `mask`.

    Raises:
        ValueError: for a word that is no token of the model, or a position that the prompt gave.
    """
    if how == "mask":
        if state.masked[0, position]:
            raise ValueError(f"Position {position} is masked at this step already; choose another token or step")
        return Change(position, state.mask_id)
    log_p = beliefs(live, state, position)
    if how == "typed":
        token = _named(live, word, len(log_p))
        return Change(position, token, float(log_p[token].exp()))
    here = int(state.tokens[0, position])
    usable = log_p > -torch.inf
    usable[[here]] = False
    weights = usable.double()
    if how == "unlikely" and bool((usable & (log_p.exp() < UNLIKELY)).any()):
        weights = log_p.double().exp().where(usable & (log_p.exp() < UNLIKELY), 0.0)
    generator = torch.Generator().manual_seed(mixed(run_seed(live.order.seed, live.order.index), position, here))
    for _ in range(1000):  # special tokens are no errors that anyone would see
        token = int(torch.multinomial(weights, 1, generator=generator))
        if not SPECIAL.match(live.pieces([token])[token].strip()):
            break
    return Change(position, token, float(log_p[token].exp()))


def _named(live: PreparedRun, word: str, size: int) -> int:
    names = {
        piece.strip(): token for token, piece in live.pieces(range(size)).items() if token != live.checkpoint.mask_id
    }
    word = word.strip()
    if word in names:
        return names[word]
    near = difflib.get_close_matches(word, list(names), n=3, cutoff=0.5)
    hint = f" Near it: {', '.join(near)}." if near else ""
    raise ValueError(f"“{word[:40]}” is no token of this model.{hint}" if word else "Type a token first.")


# What became of it


@dataclass(frozen=True)
class Fate:
    """What became of a planted token: steps until it was remasked and until another stood there, what stands there.

    `remasked` and `replaced` count steps from the planting (None: never); `end` is the token at the end.
    """

    remasked: int | None
    replaced: int | None
    end: int

    def is_repaired(self, planted: int) -> bool:
        """Whether another token stands there at the end."""
        return self.end != planted


def fate(frames: Sequence[Frame], change: Change, mask_id: int) -> Fate:
    """Follow a planted token through the steps after its planting."""
    remasked = replaced = None
    now = change.token
    for count, each in enumerate(frames, 1):
        if change.position in each.remasked:
            now = mask_id
            remasked = remasked or count
        for position, token, _ in each.decoded:
            if position == change.position:
                now = token
                if token != change.token:
                    replaced = replaced or count
    return Fate(remasked, replaced, now)


def told(change: Change, frames: Sequence[Frame], live: PreparedRun) -> str:
    """The fate of a planted token in one sentence."""
    found, name = fate(frames, change, live.checkpoint.mask_id), lambda token: live.pieces([token])[token].strip()
    word = name(change.token)
    if found.remasked is None:
        return f"“{word}” was never sent back: it stands to the end."
    first = f"“{word}” was remasked {found.remasked} step{'s' if found.remasked > 1 else ''} after it was planted"
    if found.end == change.token:
        return f"{first}, and came back."
    if found.end == live.checkpoint.mask_id:
        return f"{first}; nothing has come instead yet."
    return f"{first}, and “{name(found.end)}” stands there now."
