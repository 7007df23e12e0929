"""Common random numbers: runs that differ in one thing alone can be laid side by side.

An ordinary run takes its numbers in turn from one generator, so that one token more or less shifts all that follow.
Here the numbers of a step depend on (seed, step, position) and on nothing else: two runs of one seed see the same
numbers wherever they are in the same place, and a run can be taken up at any step as if it had never been left.
"""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Generator, Tensor

from remdm.sampling.noise import Noise, Stand
from remdm.sampling.time_grid import Step

_WIDE = (1 << 64) - 1
WHO, ORDER, WHICH = 0, 1, 2
"""Streams of a step: who changes, in which order (MaskGIT's noise), and which token (from here on by position)."""


def mixed(*numbers: int) -> int:
    """One 63-bit seed from several whole numbers (the finaliser of splitmix64 over each in turn)."""
    state = 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & _WIDE
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _WIDE
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _WIDE
        state ^= state >> 31
    return state >> 1


class Coupled(Noise):
    """As `Noise`, but each number has an address: the seed of its sequence, the step, the position."""

    def __init__(self, seeds: Sequence[int], precision: int = 64, greedy: bool = False) -> None:
        """See `Noise`."""
        super().__init__(seeds, precision, greedy)
        self._seeds, self._step = tuple(seeds), 0

    def at(self, step: int) -> None:
        """The numbers of another step come next."""
        self._step = step

    def stand(self) -> Stand:
        """Nothing: the number of the step says it all."""
        return ()

    def go_on(self, stand: Stand) -> None:
        """See `stand`."""

    def _generators(self, stream: int) -> Iterator[Generator]:
        return (Generator().manual_seed(mixed(seed, self._step, stream)) for seed in self._seeds)

    def uniform(self, length: int) -> Tensor:
        """As in `Noise`; the same at every call within a step."""
        return torch.stack([torch.rand(length, generator=each, dtype=torch.float64) for each in self._generators(WHO)])

    def gumbel(self, length: int) -> Tensor:
        """As in `Noise`; the same at every call within a step."""
        return torch.stack([Noise.gumbel(_One(each, self.dtype), length)[0] for each in self._generators(ORDER)])

    def draw(self, log_x: Tensor, rows: Tensor) -> Tensor:
        """As in `Noise`; a position's numbers do not depend on which other positions draw."""
        drawn = [
            self._gumbel_argmax(
                log_x[place : place + 1], Generator().manual_seed(mixed(self._seeds[row], self._step, WHICH + position))
            )
            for place, (row, position) in enumerate(rows.nonzero().tolist())
        ]
        return torch.cat(drawn) if drawn else torch.empty(0, dtype=torch.int64, device=log_x.device)


class _One(Noise):
    """A noise over one generator that is already there."""

    def __init__(self, generator: Generator, dtype: torch.dtype) -> None:
        self.generators, self.dtype = (generator,), dtype


def keyed(steps: Iterable[Step], noise: Coupled) -> Iterator[Step]:
    """The steps of a run, each with its own numbers."""
    for step in steps:
        noise.at(step.index)
        yield step


def taken_up(steps: Sequence[Step], t: float) -> int:
    """Where a run that stands at time t goes on in other steps: the first that begins no earlier than t.

    Where the steps stand still at t (the loop), that is the beginning of it.
    """
    return next((step.index for step in steps if step.t <= t + 1e-9), len(steps))
