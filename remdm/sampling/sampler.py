"""The reverse process, as a generator of records. Stop consuming it to stop it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.noise import Noise
from remdm.sampling.state import State
from remdm.sampling.time_grid import FINISH, Step
from remdm.sampling.transition import StepRecord, Transition, decode, drawn


def sample(
    denoiser: Denoiser, transition: Transition, steps: Iterable[Step], state: State, noise: Noise
) -> Iterator[StepRecord]:
    """Walk the steps from the start state; masks that are left get their likeliest token in a step of its own.

    Args:
        denoiser: x_theta, with its condition bound and its truncation wrapped around it.
        transition: how a step is taken.
        steps: the intervals, from a grid.
        state: z_1: masks to fill, everything else given and never changed.
        noise: the generators, one per sequence.
    """
    taken = 0
    for step in steps:
        if transition.ends and not state.masked.any():
            return
        record = transition(denoiser, step.inside(state), step, noise)
        if step.block is not None:
            record = replace(record, before=state, after=replace(record.after, given=state.given))
        yield record
        state = record.after
        taken += 1
    if state.masked.any():
        yield finish(denoiser, state, taken)


def finish(denoiser: Denoiser, state: State, index: int) -> StepRecord:
    """The final arg-max fill of the reference: each remaining mask gets its likeliest token."""
    masked = state.masked
    step = Step(index, 0.0, 0.0, 1.0, 1.0, FINISH)
    log_x = denoiser(state.tokens, masked, 0.0)
    after = decode(state, masked, *drawn(log_x, log_x.max(dim=-1).indices))
    nothing = torch.zeros_like(masked)
    return StepRecord(step, state, after, nothing, masked, 0.0, masked, log_x, over=~masked.any(1))


def observe(record: StepRecord, denoiser: Denoiser) -> StepRecord:
    """The record with the likeliest token's log x_theta at every position that was masked before the step.

    It changes no draw, only how often the network has to be called: behind `Widened` and a cache once more at most, and
    only for a sequence that the step itself did not ask for.
    """
    masked, tokens = record.before.masked, record.before.tokens if record.seen is None else record.seen
    if not (masked & ~record.asked).any():
        return record
    peak, guess = denoiser.peak(tokens, masked, record.step.t)
    return replace(record, watched=masked, peak=peak, guess=guess)
