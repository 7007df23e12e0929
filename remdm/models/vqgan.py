"""The decoders of two published VQGANs: codes to pictures.

LlamaGen's (arXiv 2406.06525) and taming-transformers' (arXiv 2012.09841) are one network under two sets of names. What
only training needs (encoder, discriminator, losses) is not loaded.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from remdm.models import weights

GROUPS, EPS = 32, 1e-6


@dataclass(frozen=True)
class Stage:
    """One resolution of a decoder: channels out of each residual block, whether attention follows each of them."""

    channels: int
    blocks: int
    attends: bool


@dataclass(frozen=True)
class VQGANConfig:
    """The shape of a decoder: its stages from the codes' resolution up, each but the last doubling the side.

    `unit_codes` says whether codebook entries are divided by their length before they are used (LlamaGen).
    """

    codes: int
    code_width: int
    latent: int
    stages: tuple[Stage, ...]
    unit_codes: bool

    @property
    def scale(self) -> int:
        """Width and height of a code in pixels."""
        return 2 ** (len(self.stages) - 1)


def norm(channels: int) -> nn.GroupNorm:
    """Group normalisation, the same throughout."""
    return nn.GroupNorm(GROUPS, channels, eps=EPS)


class Residual(nn.Module):
    """A residual block of two normed 3 x 3 convolutions, `[B, C, h, w]`."""

    def __init__(self, inside: int, out: int) -> None:
        super().__init__()
        self.norm1 = norm(inside)
        self.conv1 = nn.Conv2d(inside, out, 3, padding=1)
        self.norm2 = norm(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        if inside != out:
            self.nin_shortcut = nn.Conv2d(inside, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        y = self.conv2(F.silu(self.norm2(y)))
        return y + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class Attention(nn.Module):
    """A residual block of one-head attention among all positions of a map `[B, C, h, w]`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        q, k, v = (part(y).flatten(2).transpose(1, 2) for part in (self.q, self.k, self.v))
        attended = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(attended.transpose(1, 2).reshape(x.shape))


class Upsample(nn.Module):
    """Nearest-neighbour upsampling by two, then a 3 x 3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """One stage: residual blocks, attention where it has some, and upsampling in all but the last."""

    def __init__(self, inside: int, stage: Stage, last: bool) -> None:
        super().__init__()
        widths = [inside, *[stage.channels] * stage.blocks]
        self.res = nn.ModuleList(Residual(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.attn = nn.ModuleList(Attention(stage.channels) for _ in range(stage.blocks if stage.attends else 0))
        self.upsample = None if last else Upsample(stage.channels)

    def forward(self, x: Tensor) -> Tensor:
        for place, block in enumerate(self.res):
            x = block(x)
            if len(self.attn):
                x = self.attn[place](x)
        return x if self.upsample is None else self.upsample(x)


class Decoder(nn.Module):
    """Latents `[B, latent, h, w]` to pixels `[B, 3, H, W]`."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        widths = [config.stages[0].channels, *(stage.channels for stage in config.stages)]
        self.conv_in = nn.Conv2d(config.latent, widths[0], 3, padding=1)
        self.mid = nn.ModuleList([Residual(widths[0], widths[0]), Attention(widths[0]), Residual(widths[0], widths[0])])
        self.conv_blocks = nn.ModuleList(
            Level(inside, stage, stage is config.stages[-1])
            for inside, stage in zip(widths, config.stages, strict=False)
        )
        self.norm_out = norm(widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for part in (*self.mid, *self.conv_blocks):
            x = part(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Codebook(nn.Module):
    """The vectors of the codes, under their name in the checkpoints."""

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, width)


class VQGAN(nn.Module):
    """Codes `[B, h, w]` to pictures."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.config = config
        self.quantize = Codebook(config.codes, config.code_width)
        self.post_quant_conv = nn.Conv2d(config.code_width, config.latent, 1)
        self.decoder = Decoder(config)

    @property
    def device(self) -> torch.device:
        return self.quantize.embedding.weight.device

    def forward(self, codes: Tensor) -> Tensor:
        """Pixels of codes `[B, h, w]`, about -1 to 1 but not clamped, `[B, 3, H, W]`."""
        vectors = self.quantize.embedding.weight
        if self.config.unit_codes:
            vectors = F.normalize(vectors, dim=-1)
        return self.decoder(self.post_quant_conv(vectors[codes].permute(0, 3, 1, 2)))

    @torch.inference_mode()
    def pictures(self, codes: Tensor) -> Tensor:
        """Codes `[B, h, w]` to pictures, uint8 `[B, H, W, 3]` on the CPU."""
        pixels = self(codes.to(self.device)).float()
        return ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu()


USED = ("decoder.", "quantize.embedding.", "post_quant_conv.")
"""Prefixes of the tensors that decoding needs."""


def from_taming(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A taming-transformers state dict under LlamaGen's names: stages counted from the codes up, lists for names."""
    levels = {int(found[1]) for name in state if (found := re.match(r"decoder\.up\.(\d+)\.", name))}
    middle = {"block_1": 0, "attn_1": 1, "block_2": 2}

    def renamed(name: str) -> str:
        name = re.sub(r"^decoder\.mid\.(\w+)\.", lambda found: f"decoder.mid.{middle.get(found[1], found[1])}.", name)
        name = re.sub(
            r"^decoder\.up\.(\d+)\.", lambda found: f"decoder.conv_blocks.{len(levels) - 1 - int(found[1])}.", name
        )
        return re.sub(r"^(decoder\.conv_blocks\.\d+\.)block\.", r"\1res.", name)

    return {renamed(name): value for name, value in state.items()}


def geometry(state: dict[str, Tensor], source: str, unit_codes: bool) -> VQGANConfig:
    """The shape that a decoder's tensors imply.

    Raises:
        ValueError: if they are not a VQGAN's.
    """
    with weights.reading_shape(source, "VQGAN"):
        codes, code_width = state["quantize.embedding.weight"].shape
        stages = range(weights.count_blocks(state, "decoder.conv_blocks."))
        return VQGANConfig(
            codes,
            code_width,
            len(state["post_quant_conv.bias"]),
            tuple(_stage(state, f"decoder.conv_blocks.{place}.") for place in stages),
            unit_codes,
        )


def _stage(state: dict[str, Tensor], prefix: str) -> Stage:
    blocks = weights.count_blocks(state, f"{prefix}res.")
    return Stage(len(state[f"{prefix}res.0.conv1.bias"]), blocks, f"{prefix}attn.0.norm.weight" in state)


def _load(state: dict[str, Tensor], source: str, unit_codes: bool, device: torch.device | str) -> VQGAN:
    state = {name: value for name, value in state.items() if name.startswith(USED)}
    config = geometry(state, source, unit_codes)
    return weights.fill(weights.blank(lambda: VQGAN(config)), state, source, torch.float32, device)


def load_llamagen(path: Path, device: torch.device | str = "cpu") -> VQGAN:
    """The decoder of LlamaGen's vq_ds16_c2i.pt, in float32.

    Raises:
        FileNotFoundError: if the file is missing.
        ValueError: if it is something else.
    """
    return _load(weights.read_state(path, "model"), path.name, True, device)


def load_taming(path: Path, device: torch.device | str = "cpu") -> VQGAN:
    """The decoder of a taming VQGAN (last.ckpt), in float32.

    Raises:
        FileNotFoundError: if the file is missing.
        ValueError: if it is something else.
    """
    return _load(from_taming(weights.read_state(path, "state_dict")), path.name, False, device)
