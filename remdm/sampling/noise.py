"""Draws: all randomness of a run, from one generator per sequence.

A sequence's randomness does not depend on which others share its batch: the same seed gives the same run.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from remdm.sampling.transfer import at_once

AT_ONCE = 1 << 21
"""Numbers that a draw holds at a time, 16 MiB of 64 bits; on a card `ON_A_CARD` times as many."""
DTYPES = {64: torch.float64, 32: torch.float32}

Stand = tuple[tuple[Tensor, Tensor | None], ...]
"""Where the generators of each sequence stand, as torch saves it: the one on the host, the one on a card if any."""


class Noise:
    """Uniform and Gumbel-max draws for B sequences, each from its own seeded generator on the CPU.

    The numbers that decide which token come from a second generator of the same seed where x_theta is on a CUDA device:
    a vocabulary's worth of them for each token would take longer to make on the CPU than the network takes there.
    """

    def __init__(self, seeds: Sequence[int], precision: int = 64, greedy: bool = False) -> None:
        """`precision` is that of the Gumbel noise: 32 bits truncate it, which acts like a lower temperature
        (Zheng et al., arXiv 2409.02908). `greedy` draws the likeliest token, and leaves the other numbers random.

        Raises:
            ValueError: if precision is neither 64 nor 32.
        """
        if precision not in list(DTYPES):
            raise ValueError(f"precision must be 64 or 32 bits, got {precision}")
        self.generators = tuple(Generator().manual_seed(seed) for seed in seeds)
        self.dtype, self.greedy = DTYPES[precision], greedy
        self._there: dict[Generator, Generator] = {}
        self._left: dict[Generator, Tensor] = {}

    def stand(self) -> Stand:
        """Where the numbers of each sequence go on."""
        cards = [self._there.get(each) for each in self.generators]
        return tuple(
            (each.get_state(), None if card is None else card.get_state())
            for each, card in zip(self.generators, cards, strict=True)
        )

    def go_on(self, stand: Stand) -> None:
        """Let the numbers go on from there, as if all before had been drawn here."""
        for each, (here, card) in zip(self.generators, stand, strict=True):
            each.set_state(here)
            if card is not None:  # the device is not known before the first draw
                self._left[each] = card

    def uniform(self, length: int) -> Tensor:
        """One number in [0, 1) for each position, float64 `[B, length]`."""
        return torch.stack([torch.rand(length, generator=each, dtype=torch.float64) for each in self.generators])

    def draw(self, log_x: Tensor, rows: Tensor) -> Tensor:
        """Gumbel-max draws from categorical distributions: argmax(log p + Gumbel noise).

        Args:
            log_x: log-probabilities, `[n, V]`, a row for each True of `rows` in row-major order.
            rows: bool `[B, L]`, on the host.

        Returns:
            Token ids, int64 `[n]`, where log_x is.
        """
        counts, most = rows.sum(1).tolist(), at_once(AT_ONCE, log_x.device)
        parts = [
            self._gumbel_argmax(chunk, generator)
            for part, generator in zip(log_x.split(counts), self.generators, strict=True)
            for chunk in part.split(max(1, most // log_x.shape[1]))
        ]
        return torch.cat(parts)

    def _gumbel_argmax(self, log_x: Tensor, generator: Generator) -> Tensor:
        """Draws of one sequence. Every token takes its number, but only what can be drawn needs its logarithm."""
        if self.greedy:
            return log_x.argmax(dim=-1)
        uniform, possible = self._uniform_like(log_x, generator), log_x > -torch.inf
        if log_x.device.type == "cuda":  # to pick what is possible, the host would have to wait
            return (log_x.to(self.dtype) + _gumbel(uniform)).where(possible, -torch.inf).argmax(dim=-1)
        race = torch.full_like(uniform, -torch.inf)
        race[possible] = log_x[possible].to(self.dtype) + _gumbel(uniform[possible])
        return race.argmax(dim=-1)

    def _uniform_like(self, log_x: Tensor, generator: Generator) -> Tensor:
        """Numbers in [0, 1) of the noise's precision, as many as log_x has and where it is."""
        device = log_x.device
        if device.type != "cuda":
            return torch.rand(log_x.shape, generator=generator, dtype=self.dtype).to(device)
        there = self._there.get(generator)
        if there is None:
            there = Generator(device).manual_seed(generator.initial_seed())
            if generator in self._left:
                there.set_state(self._left.pop(generator))
            if generator in self.generators:  # one that serves a single draw need not be remembered
                self._there[generator] = there
        return torch.rand(log_x.shape, generator=there, dtype=self.dtype, device=device)

    def gumbel(self, length: int) -> Tensor:
        """Standard Gumbel noise for each position, float64 `[B, length]`."""
        uniform = [torch.rand(length, generator=each, dtype=self.dtype) for each in self.generators]
        return _gumbel(torch.stack(uniform)).double()


def _gumbel(uniform: Tensor) -> Tensor:
    """-log E with E = 1e-10 - log(U + 1e-10), the reference's exponential race, in the precision of U."""
    return -torch.log(1e-10 - torch.log(uniform + 1e-10))
