"""The reverse process, as a generator of records. Stop consuming it to stop it."""

from collections.abc import Iterable, Iterator

import torch

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.noise import Noise
from remdm.sampling.state import State
from remdm.sampling.time_grid import FINISH, Step
from remdm.sampling.transition import StepRecord, Transition, decode


def sample(
    denoiser: Denoiser, transition: Transition, steps: Iterable[Step], state: State, noise: Noise, *, watch: bool = True
) -> Iterator[StepRecord]:
    """Walk the steps from the start state; masks that are left get their likeliest token in a step of its own.

    Args:
        denoiser: x_theta, with its condition bound and its truncation wrapped around it.
        transition: how a step is taken.
        steps: the intervals, from a grid.
        state: z_1: masks to fill, everything else given and never changed.
        noise: the generators, one per sequence.
        watch: compute the distribution of every masked position, for the confidence map, rather than only of those
            that decode. It changes no draw, only how often the network has to be called.
    """
    taken = 0
    for step in steps:
        record = transition(denoiser, state, step, noise, watch)
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
    best = log_x.max(dim=-1)
    after = decode(state, masked, best.indices, best.values)
    none = torch.zeros_like(masked)
    return StepRecord(step, state, after, none, masked, 0.0, log_x, none, None)
