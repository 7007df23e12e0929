"""Draws: all randomness of a run, from one generator per sequence.

A sequence's randomness does not depend on which others share its batch: the same seed gives the same run.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

DTYPES = {64: torch.float64, 32: torch.float32}


class Noise:
    """Uniform and Gumbel-max draws for B sequences, each from its own seeded generator on the CPU."""

    def __init__(self, seeds: Sequence[int], precision: int = 64) -> None:
        """`precision` is that of the Gumbel noise: 32 bits truncate it, which acts like a lower temperature
        (Zheng et al., arXiv 2409.02908).

        Raises:
            ValueError: if precision is neither 64 nor 32.
        """
        if precision not in DTYPES:
            raise ValueError(f"precision must be 64 or 32 bits, got {precision}")
        self.generators = tuple(Generator().manual_seed(seed) for seed in seeds)
        self.dtype = DTYPES[precision]

    def uniform(self, length: int) -> Tensor:
        """One number in [0, 1) for each position, float64 `[B, length]`."""
        return torch.stack([torch.rand(length, generator=each, dtype=torch.float64) for each in self.generators])

    def draw(self, log_x: Tensor, rows: Tensor) -> Tensor:
        """Gumbel-max draws from categorical distributions: argmax(log p + Gumbel noise).

        Args:
            log_x: log-probabilities, `[n, V]`, a row for each True of `rows` in row-major order.
            rows: bool `[B, L]`.

        Returns:
            Token ids, int64 `[n]`.
        """
        shape = (log_x.shape[1],)
        parts = [
            self._gumbel((count, *shape), each)
            for count, each in zip(rows.sum(1).tolist(), self.generators, strict=True)
            if count
        ]
        if not parts:
            return torch.empty(0, dtype=torch.int64, device=log_x.device)
        return (log_x.to(self.dtype) + torch.cat(parts).to(log_x.device)).argmax(dim=-1)

    def gumbel(self, length: int) -> Tensor:
        """Standard Gumbel noise for each position, float64 `[B, length]`."""
        return torch.stack([self._gumbel((length,), each).double() for each in self.generators])

    def _gumbel(self, shape: tuple[int, ...], generator: Generator) -> Tensor:
        """-log E with E = 1e-10 - log(U + 1e-10), the reference's exponential race, in this precision."""
        uniform = torch.rand(shape, generator=generator, dtype=self.dtype)
        return -torch.log(1e-10 - torch.log(uniform + 1e-10))
