"""ZeroGPU: a Space lends its GPU for the time of one call. Elsewhere the decorator does nothing."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

F = TypeVar("F", bound=Callable)

try:
    import spaces
except ImportError:
    spaces = None


@dataclass(frozen=True)
class Work:
    """What a run asks of a GPU.

    Attributes:
        weights: of the network. passes: of the network a step, twice as many with guidance.
        positions: of all its sequences. vocabulary: entries.
        steps: of the run. draws: tokens drawn, in all.
    """

    weights: int
    passes: int
    positions: int
    vocabulary: int
    steps: int
    draws: int


BEGIN = 10.0
"""Seconds until a worker has its GPU."""
MOVED = 2e9
"""Bytes a second of weights on their way to it, two bytes a weight."""
FLOPS = 1e14
"""Operations a second of a forward in bfloat16, which takes two for each weight and position."""
STEP = 0.02
"""Seconds of a step besides that: launches, the record, the frame."""
NUMBER = 8e-9
"""Seconds of a random number in 64 bits: made on the CPU (a seed must give the same run everywhere), then sent over."""


def seconds(*works: Work) -> int:
    """How long a GPU is asked for, for runs of one model: a cost model whose rates are estimates, not measured there.

    Too short cuts the run off; too long is refused to visitors who have less than that left for the day.
    """
    moving = max(2 * work.weights / MOVED for work in works)
    return math.ceil(BEGIN + moving + sum(map(_running, works)))


def _running(work: Work) -> float:
    forward = 2 * work.weights * work.positions * work.passes / FLOPS
    return work.steps * (STEP + forward) + work.draws * work.vocabulary * NUMBER


def lend(duration: Callable[..., int]) -> Callable[[F], F]:
    """Run the decorated generator on ZeroGPU for at most `duration(...)` seconds of its own arguments."""
    return spaces.GPU(duration=duration) if spaces else lambda function: function
