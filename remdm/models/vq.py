"""A small VQ autoencoder: pictures to 16 x 16 codes and back (arXiv 1711.00937, 2110.04627).

The nearest code by cosine is chosen; codes follow the vectors that choose them by a running average, and unused ones
move onto such vectors. The codebook has no entry for the mask: only the token model has one.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class VQConfig:
    """The shape of a tokenizer: `codes` in the codebook of `code_width` numbers, `width` channels at 32 x 32.

    `side` of the picture in pixels; a code covers 4 x 4 pixels.
    """

    codes: int = 512
    code_width: int = 8
    width: int = 32
    wide: int = 64
    side: int = 64

    @property
    def cell(self) -> int:
        """Pixels of a code's side."""
        return 4

    @property
    def grid(self) -> int:
        """Codes in a row."""
        return self.side // 4


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


class VQ(nn.Module):
    """Pictures `[B, 3, S, S]` in [-1, 1] to codes `[B, S/4, S/4]` and back."""

    def __init__(self, config: VQConfig) -> None:
        super().__init__()
        self.config = config
        width, wide = config.width, config.wide
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(12, width, 3, padding=1), Residual(width),
            nn.Conv2d(width, wide, 4, stride=2, padding=1), Residual(wide), nn.SiLU(),
            nn.Conv2d(wide, config.code_width, 1),
        )  # fmt: skip
        self.codebook = Codebook(config.codes, config.code_width)
        self.decoder = nn.Sequential(
            nn.Conv2d(config.code_width, wide, 3, padding=1), Residual(wide), Residual(wide),
            nn.ConvTranspose2d(wide, width, 4, stride=2, padding=1), Residual(width), nn.SiLU(),
            nn.Conv2d(width, 12, 3, padding=1), nn.PixelShuffle(2),
        )  # fmt: skip
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's signatures

    def latent(self, pictures: Tensor) -> Tensor:
        """Unit vectors `[B, S/4, S/4, D]` before the codes are chosen."""
        return F.normalize(self.encoder(pictures).float().permute(0, 2, 3, 1), dim=-1)

    def encode(self, pictures: Tensor) -> Tensor:
        """Codes, int64 `[B, S/4, S/4]`; rows from the top, columns from the left, as in the picture."""
        return self.codebook.nearest(self.latent(pictures))

    def decode(self, codes: Tensor, known: Tensor | None = None) -> Tensor:
        """Pictures `[B, 3, S, S]` in [-1, 1] of codes `[B, S/4, S/4]`.

        Args:
            codes: ids; where a code is not known, any id.
            known: bool, of the same shape; where it is False the picture is meaningless and should be hidden.
        """
        vectors = self.codebook.vectors[codes].permute(0, 3, 1, 2)
        if known is not None:
            vectors = vectors * known[:, None]
        return self.decoder(vectors.to(next(self.decoder.parameters()).dtype)).float().clamp(-1, 1)

    def forward(self, pictures: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstructions (not clamped), the commitment loss, and the codes; moves the codebook while training.

        `known`, bool `[B, S/4, S/4]`: the decoder gets nothing for the other cells, so that it learns to draw a cell
        whatever its neighbours are.
        """
        latent = self.latent(pictures)
        codes = self.codebook.nearest(latent)
        vectors = self.codebook.vectors[codes]
        commitment = (latent - vectors).square().sum(-1).mean()
        if self.training:
            self.codebook.follow(latent.detach().flatten(0, 2), codes.flatten())
        straight = latent + (vectors - latent).detach()  # gradients pass the choice as if it were not there
        return self.decoder((straight * known[..., None]).permute(0, 3, 1, 2)).float(), commitment, codes


def as_input(pixels: Tensor) -> Tensor:
    """uint8 `[B, S, S, 3]` as float32 `[B, 3, S, S]` in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def as_pixels(pictures: Tensor) -> Tensor:
    """Float `[B, 3, S, S]` in [-1, 1] as uint8 `[B, S, S, 3]`."""
    return ((pictures.permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


@cache
def load_vq(file: Path) -> VQ:
    """The tokenizer of a weights file, loaded once; its shape is read from the weights.

    Raises:
        FileNotFoundError: if the file is missing.
        RuntimeError: if the weights are not those of a tokenizer.
    """
    weights = load_file(file)
    codes, code_width = weights["codebook.vectors"].shape
    width, wide = len(weights["encoder.1.weight"]), len(weights["encoder.3.weight"])
    vq = VQ(VQConfig(codes, code_width, width, wide))
    vq.load_state_dict({name: weight.float() for name, weight in weights.items()})
    return vq.eval().requires_grad_(False)
