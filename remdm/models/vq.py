"""What VQ autoencoders share (arXiv 1711.00937, 2110.04627): their codebook, a residual block, pixels as input.

The nearest code by cosine is chosen; codes follow the vectors that choose them by a running average, and unused ones
move onto such vectors. The codebook has no entry for the mask: only the token model has one.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Residual(nn.Module):
    """A residual block of two 3 x 3 convolutions. No norm: each output depends on its neighbourhood alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(F.silu(x))))


class Codebook(nn.Module):
    """Unit vectors `[K, D]`, found by cosine; `used` is each code's share of recent positions, for the revival."""

    vectors: Tensor
    used: Tensor

    DECAY = 0.99
    STALE = 0.02  # of the share it would have if all codes were used alike: below this a code is moved

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("vectors", F.normalize(torch.randn(codes, width), dim=-1))
        self.register_buffer("used", torch.full((codes,), 1.0 / codes), persistent=False)

    def nearest(self, x: Tensor) -> Tensor:
        """The ids `[...]` of unit vectors `[..., D]`."""
        return (x @ self.vectors.T).argmax(dim=-1)

    @torch.no_grad()
    def follow(self, x: Tensor, ids: Tensor) -> None:
        """Move the codes towards the vectors `[n, D]` that chose them, and stale ones onto some of these vectors."""
        codes = len(self.vectors)
        count = torch.zeros(codes, device=x.device).index_add_(0, ids, torch.ones_like(x[:, 0]))
        total = torch.zeros_like(self.vectors).index_add_(0, ids, x)
        mean = total / count.clamp(min=1)[:, None]
        moved = F.normalize(self.vectors.lerp(mean, 1 - self.DECAY**2), dim=-1)
        self.used.lerp_(count / len(ids), 1 - self.DECAY)
        stale = self.used < self.STALE / codes
        fresh = x[torch.randint(len(x), (codes,), device=x.device)]  # for all: to ask which need it would stop a GPU
        vectors = torch.where((count > 0)[:, None], moved, self.vectors)
        self.vectors.copy_(torch.where(stale[:, None], fresh, vectors))
        self.used.copy_(torch.where(stale, 1.0 / codes, self.used))


def as_input(pixels: Tensor) -> Tensor:
    """uint8 `[B, S, S, 3]` as float32 `[B, 3, S, S]` in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def as_pixels(pictures: Tensor) -> Tensor:
    """Float `[B, 3, S, S]` in [-1, 1] as uint8 `[B, S, S, 3]`."""
    return ((pictures.permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
