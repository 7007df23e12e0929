"""Traces: what is kept of a run. Numpy only: a trace shows everything again without a model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from remdm.runs.untrusted import TraceError


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
        forwards: network evaluations (NFE) of this sequence so far.
        alternatives: for each entry of `decoded`, the likeliest tokens there: ((id, probability), ...).
        weights: for each entry of `remasked`, its share of the remasking; empty where all share alike.
        drafts: (position, id): the likeliest token of masked positions, where it is another than the step before had;
            empty where that is not kept.
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
    drafts: tuple[tuple[int, int], ...] = ()

    def sigma_at(self, position: int) -> float:
        """sigma at a position."""
        return self.sigma[position] if isinstance(self.sigma, tuple) else self.sigma

    @cached_property
    def held(self) -> int:
        """About how many bytes of memory it takes."""
        pairs = len(self.drafts) + sum(map(len, self.alternatives))
        sigmas = len(self.sigma) if isinstance(self.sigma, tuple) else 1
        numbers = len(self.remasked) + len(self.weights) + sigmas
        return 800 + self.confidence.nbytes + 150 * len(self.decoded) + 110 * pairs + 32 * numbers

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
    def held(self) -> int:
        """About how many bytes of memory it takes."""
        return sum(frame.held for frame in self.steps) + 150 * len(self.words) + 32 * self.length

    @cached_property
    def final(self) -> tuple[int, ...]:
        """Ids after the last step, `[L]`."""
        tokens = np.array(self.start)
        for after in replay(self):
            tokens = after
        return tuple(tokens.tolist())


def apply(frame: Frame, tokens: np.ndarray, mask_id: int) -> np.ndarray:
    """Ids int64 `[L]` after a step, from those before it: first remasking, then decoding."""
    after = tokens.copy()
    after[list(frame.remasked)] = mask_id
    for position, token, _ in frame.decoded:
        after[position] = token
    return after


def replay(trace: Trace) -> Iterator[np.ndarray]:
    """Ids int64 `[L]` after each step, from the start through the frames.

    Raises:
        TraceError: where a decoded position was not masked, a remasked one was not decoded, or a given one changes.
    """
    tokens = np.array(trace.start, dtype=np.int64)
    given = tokens != trace.mask_id
    for index, frame in enumerate(trace.steps):
        masked = tokens == trace.mask_id
        for position in frame.remasked:
            if given[position] or masked[position]:
                raise TraceError(f"Step {index} remasks position {position}, which holds no decoded token.")
            masked[position] = True
        for position, token, _ in frame.decoded:
            if not masked[position] or token == trace.mask_id:
                raise TraceError(f"Step {index} decodes position {position}, which is not masked.")
            masked[position] = False
        tokens = apply(frame, tokens, trace.mask_id)
        yield tokens
