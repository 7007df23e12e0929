"""Halton-MaskGIT's transformer (arXiv 2503.17076): ImageNet classes to codes of LlamaGen's VQ.

A DiT conditioned on the class alone. Tensor names are those of llvictorll/Halton-MaskGIT, so its files load exactly.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from remdm.models import weights
from remdm.models.labels import LabelConfig, LabelNetwork
from remdm.models.layers import RMSNorm, rms

HEADS = {384: 6, 512: 6, 768: 12, 1024: 16}
"""Number of heads by width, which the files do not state: tiny, small, base, large. Other widths have heads of 64."""


@dataclass(frozen=True, kw_only=True)
class HaltonConfig(LabelConfig):
    """The shape of a network; `registers` are positions behind the codes that hold none (arXiv 2309.16588)."""

    registers: int


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Shift and scale `[B, L, D]` by one pair a sequence, `[B, D]` each."""
    return x * (1 + scale[:, None]) + shift[:, None]


class Attention(nn.Module):
    """Attention whose queries and keys are normed over all heads together, before they are split."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        inner = heads * (width // heads)  # 510 for 6 heads of 512
        self.heads = heads
        self.wq = nn.Linear(width, inner, bias=False)
        self.wk = nn.Linear(width, inner, bias=False)
        self.wv = nn.Linear(width, inner, bias=False)
        self.wo = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, -1).transpose(1, 2)
            for part in (rms(self.wq(x)), rms(self.wk(x)), self.wv(x))
        )
        attended = F.scaled_dot_product_attention(q, k, v)
        return self.wo(attended.transpose(1, 2).reshape(batch, length, -1))


class FeedForward(nn.Module):
    """A gated feed-forward (SwiGLU)."""

    def __init__(self, width: int, feed: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(width, feed, bias=False)
        self.w2 = nn.Linear(feed, width, bias=False)
        self.w3 = nn.Linear(width, feed, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Block(nn.Module):
    """Attention and feed-forward, modulated and gated by the class."""

    def __init__(self, config: HaltonConfig) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(config.width, 6 * config.width))
        self.ln1 = RMSNorm(config.width)
        self.attn = Attention(config.width, config.heads)
        self.ln2 = RMSNorm(config.width)
        self.ff = FeedForward(config.width, config.feed)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = self.mlp(condition).chunk(6, dim=1)
        x = x + gate_a[:, None] * self.attn(modulate(self.ln1(x), shift_a, scale_a))
        return x + gate_f[:, None] * self.ff(modulate(self.ln2(x), shift_f, scale_f))


class Layers(nn.Module):
    """The blocks, under their name in the checkpoints."""

    def __init__(self, config: HaltonConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block(config) for _ in range(config.depth))


class LastNorm(nn.Module):
    """The last normalisation, modulated by the class."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_final = RMSNorm(width, bias=True)
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return modulate(self.norm_final(x), *self.mlp(condition).chunk(2, dim=1))


class Bias(nn.Module):
    """The bias of a head whose weight is the embedding."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(size))


class Halton(LabelNetwork):
    """Codes `[B, L]` and classes `[B]` to logits `[B, L, codes + 1]`; output and input embeddings are tied."""

    config: HaltonConfig

    def __init__(self, config: HaltonConfig) -> None:
        super().__init__()
        self.config = config
        self.cls_emb = nn.Embedding(config.classes + 1, config.width)
        self.tok_emb = nn.Embedding(config.codes + 1, config.width)
        self.pos_emb = nn.Embedding(config.length, config.width)
        self.transformer = Layers(config)
        self.last_norm = LastNorm(config.width)
        self.head_bias = Bias(config.codes + 1)
        if config.registers:
            self.reg_tokens = nn.Embedding(config.registers, config.width)

    def hidden(self, tokens: Tensor, labels: Tensor) -> Tensor:
        condition = self.cls_emb(labels)
        x = self.tok_emb(tokens) + self.pos_emb.weight[: tokens.shape[1]]
        if self.config.registers:
            x = torch.cat((x, self.reg_tokens.weight.expand(len(x), -1, -1)), dim=1)
        for block in self.transformer.layers:
            x = block(x, condition)
        return self.last_norm(x[:, : tokens.shape[1]], condition)

    def head(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.tok_emb.weight, self.head_bias.bias)


def geometry(state: dict[str, Tensor], source: str) -> HaltonConfig:
    """The shape that a state dict's tensors imply.

    Raises:
        ValueError: if they are not this network's.
    """
    with weights.reading_shape(source, "Halton-MaskGIT"):
        entries, width = state["tok_emb.weight"].shape
        return HaltonConfig(
            width=width,
            depth=weights.count_blocks(state, "transformer.layers."),
            heads=HEADS.get(width, max(1, width // 64)),
            feed=len(state["transformer.layers.0.ff.w1.weight"]),
            codes=entries - 1,
            length=len(state["pos_emb.weight"]),
            classes=len(state["cls_emb.weight"]) - 1,
            registers=len(state["reg_tokens.weight"]) if "reg_tokens.weight" in state else 0,
        )


def load_halton(path: Path, dtype: torch.dtype | None = None, device: torch.device | str = "cpu") -> Halton:
    """The network of a training file (ImageNet_256_base.pth and its like).

    Raises:
        FileNotFoundError: if the file is missing.
        ValueError: if it is something else.
    """
    state = weights.read_state(path, "model_state_dict")
    config = geometry(state, path.name)
    tied = state.pop("head.weight", None)
    if tied is not None and not torch.equal(tied, state["tok_emb.weight"]):
        raise ValueError(f"{path.name}: head.weight must be tok_emb.weight, which it is tied to in this architecture")
    if "head.bias" in state:
        state["head_bias.bias"] = state.pop("head.bias")
    return weights.fill(weights.blank(lambda: Halton(config)), state, path.name, dtype, device)
