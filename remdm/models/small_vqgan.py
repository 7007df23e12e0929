"""A small VQGAN (arXiv 2012.09841): 96 x 96 pictures to 16 x 16 codes and back.

Convolutions without norms, so that each output depends on its neighbourhood alone. The codebook is that of vq.py; the
discriminator is needed for training alone.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from remdm.models.vq import Codebook, Residual


@dataclass(frozen=True)
class SmallVQGANConfig:
    """The shape of a tokenizer.

    `codes` in the codebook of `code_width` numbers; `side` of the picture in pixels, 6 of which a code covers; channels
    `narrow` and `encoder_wide` in the encoder, `wide`, `middle` and `fine` in the decoder at 16, 32 and 96 pixels.
    """

    codes: int = 1024
    code_width: int = 8
    narrow: int = 48
    encoder_wide: int = 96
    wide: int = 104
    middle: int = 64
    fine: int = 24
    side: int = 96

    @property
    def cell(self) -> int:
        """Pixels of a code's side."""
        return 6

    @property
    def grid(self) -> int:
        """Codes in a row."""
        return self.side // self.cell


class SmallVQGAN(nn.Module):
    """Pictures `[B, 3, S, S]` in [-1, 1] to codes `[B, S/6, S/6]` and back."""

    def __init__(self, config: SmallVQGANConfig) -> None:
        super().__init__()
        self.config = config
        narrow, encoder_wide, wide, middle, fine = (
            config.narrow, config.encoder_wide, config.wide, config.middle, config.fine,
        )  # fmt: skip
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(3), nn.Conv2d(27, narrow, 3, padding=1), Residual(narrow), Residual(narrow),
            nn.Conv2d(narrow, encoder_wide, 4, stride=2, padding=1), Residual(encoder_wide), Residual(encoder_wide),
            nn.SiLU(), nn.Conv2d(encoder_wide, config.code_width, 1),
        )  # fmt: skip
        self.codebook = Codebook(config.codes, config.code_width)
        self.decoder = nn.Sequential(
            nn.Conv2d(config.code_width, wide, 3, padding=1), Residual(wide), Residual(wide), Residual(wide),
            nn.ConvTranspose2d(wide, middle, 4, stride=2, padding=1), Residual(middle), Residual(middle), nn.SiLU(),
            nn.Conv2d(middle, 9 * fine, 3, padding=1), nn.PixelShuffle(3), Residual(fine), nn.SiLU(),
            nn.Conv2d(fine, 3, 3, padding=1),
        )  # fmt: skip
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's signatures

    def latent(self, pictures: Tensor) -> Tensor:
        """Unit vectors `[B, S/6, S/6, D]` before the codes are chosen."""
        return F.normalize(self.encoder(pictures).float().permute(0, 2, 3, 1), dim=-1)

    def encode(self, pictures: Tensor) -> Tensor:
        """Codes, int64 `[B, S/6, S/6]`; rows from the top, columns from the left, as in the picture."""
        return self.codebook.nearest(self.latent(pictures))

    def decode(self, codes: Tensor, known: Tensor | None = None) -> Tensor:
        """Pictures `[B, 3, S, S]` in [-1, 1] of codes `[B, S/6, S/6]`.

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

        `known`, bool `[B, S/6, S/6]`: the decoder gets nothing for the other cells, so that it learns to draw a cell
        whatever its neighbours are.
        """
        latent = self.latent(pictures)
        with torch.autocast(latent.device.type, enabled=False):
            codes = self.codebook.nearest(latent)
            vectors = self.codebook.vectors[codes]
            commitment = (latent - vectors).square().sum(-1).mean()
            if self.training:
                self.codebook.follow(latent.detach().flatten(0, 2), codes.flatten())
        straight = latent + (vectors - latent).detach()  # gradients pass the choice as if it were not there
        return self.decoder((straight * known[..., None]).permute(0, 3, 1, 2)).float(), commitment, codes


class Discriminator(nn.Module):
    """Pictures `[B, 3, S, S]` to a logit for each overlapping patch: positive is real."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.GroupNorm(8, 2 * width), nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1), nn.GroupNorm(8, 4 * width), nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 1, 3, padding=1),
        )  # fmt: skip
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's signatures

    def forward(self, pictures: Tensor) -> Tensor:
        return self.body(pictures).float()


@cache
def load_tokenizer(file: Path) -> SmallVQGAN:
    """The tokenizer of a weights file, loaded once; its shape is read from the weights.

    Raises:
        FileNotFoundError: if the file is missing.
        KeyError, RuntimeError: if the weights are not those of a tokenizer.
    """
    weights = {name: weight.float() for name, weight in load_file(file).items()}
    codes, code_width = weights["codebook.vectors"].shape
    width = lambda layer: len(weights[f"{layer}.weight"])  # noqa: E731
    config = SmallVQGANConfig(
        codes, code_width, width("encoder.1"), width("encoder.4"), width("decoder.0"), width("decoder.5.first"),
        width("decoder.10.first"),
    )  # fmt: skip
    vqgan = SmallVQGAN(config)
    vqgan.load_state_dict(weights)
    return vqgan.eval().requires_grad_(False)
