"""MDLM's diffusion transformer in plain PyTorch: loads the published OpenWebText weights without flash-attn.

Architecture and parameter names are those of kuleshov-group/mdlm (arXiv 2406.07524), so its checkpoints load strictly
(`dit_files.py`). The order in which modules are registered matters too: Lightning files keep averaged weights as a bare
list.
"""

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from remdm.models.layers import inverse_frequencies, rotary_tables, rotate
from remdm.models.network import Network
from remdm.models.onednn import linear
from remdm.sampling.transfer import picked, sent

FREQUENCIES = 256
NOISE_EPS = 1e-3


@dataclass(frozen=True)
class DiTConfig:
    """The shape of a DiT. `vocab_size` counts the mask token; a published checkpoint's values come from its files."""

    vocab_size: int
    length: int
    hidden_dim: int
    cond_dim: int
    n_blocks: int
    n_heads: int
    time_conditioning: bool = False

    def __post_init__(self) -> None:
        for name in ("vocab_size", "length", "hidden_dim", "cond_dim", "n_blocks", "n_heads"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        if type(self.time_conditioning) is not bool:
            raise ValueError(f"time_conditioning must be true or false, got {self.time_conditioning!r}")
        if self.hidden_dim % (2 * self.n_heads):
            raise ValueError(
                f"hidden_dim must be a multiple of 2 x n_heads, got {self.hidden_dim} and {self.n_heads} heads"
            )


def total_noise(t: Tensor) -> Tensor:
    """The log-linear schedule's total noise -log(1 - (1 - eps) t), which is what timed checkpoints were fed for t."""
    return -torch.log1p(-(1 - NOISE_EPS) * t)


def take(x: Tensor, places: Tensor) -> Tensor:
    """The vectors of `[B, L, D]` at places `[B, m]`, `[B, m, D]`."""
    return x.gather(1, places[..., None].expand(-1, -1, x.shape[-1]))


class LayerNorm(nn.Module):
    """Layer normalisation with a weight and no bias, shifted and scaled by one pair a sequence, `[B, 1, D]` each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        # the kernel sums in float32 whatever the type, so it need not be converted to and fro
        return torch.addcmul(shift, F.layer_norm(x, self.weight.shape), self.weight * (1 + scale))


class NoiseEmbedding(nn.Module):
    """Total noise `[B]` to a condition `[B, cond_dim]` through cosines and sines of it."""

    def __init__(self, cond_dim: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(FREQUENCIES, cond_dim), nn.SiLU(), nn.Linear(cond_dim, cond_dim))

    def forward(self, noise: Tensor) -> Tensor:
        half = FREQUENCIES // 2
        frequency = torch.exp(-math.log(10_000) / half * torch.arange(half, device=noise.device))
        angle = torch.outer(noise.float(), frequency)
        first = cast(nn.Linear, self.mlp[0])
        return self.mlp(torch.cat((angle.cos(), angle.sin()), dim=-1).to(first.weight.dtype))


class Rotary(nn.Module):
    """Rotary position embedding, whose frequencies are in checkpoints."""

    inv_freq: Tensor

    def __init__(self, head_width: int) -> None:
        super().__init__()
        self.register_buffer("inv_freq", inverse_frequencies(head_width))

    def forward(self, length: int) -> tuple[Tensor, Tensor]:
        """The tables of `rotate`, `[length, head_width]` each."""
        return rotary_tables(length, self.inv_freq)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention of queries, keys and values `[B, heads, L, head_width]`.

    In bfloat16 on a CPU head by head: a head's L x L weights stay in the cache then. The fused kernel takes 1.45 times
    as long at L = 1024, all heads at once as long as it does.
    """
    if q.dtype != torch.bfloat16 or q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v)
    q = q * q.shape[-1] ** -0.5
    heads = zip(q.unbind(1), k.unbind(1), v.unbind(1), strict=True)
    return torch.stack([(one @ other.mT).softmax(dim=-1) @ value for one, other, value in heads], dim=1)


class Block(nn.Module):
    """Attention and feed-forward, each with its input modulated and its output gated by the condition (adaLN)."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        width = config.hidden_dim
        self.heads = config.n_heads
        self.norm1 = LayerNorm(width)
        self.attn_qkv = nn.Linear(width, 3 * width, bias=False)
        self.attn_out = nn.Linear(width, width, bias=False)
        self.norm2 = LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))
        self.adaLN_modulation = nn.Linear(config.cond_dim, 6 * width)

    def forward(self, x: Tensor, condition: Tensor, cos: Tensor, sin: Tensor, places: Tensor | None = None) -> Tensor:
        """`[B, L, D]` to the same, or to what comes out at some places `[B, m]` only, `[B, m, D]`."""
        shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = self.adaLN_modulation(condition)[:, None].chunk(6, dim=-1)
        seen = self.norm1(x, shift_a, scale_a)
        if places is not None:
            x = take(x, places)
        x = torch.addcmul(x, gate_a, self.attention(seen, cos, sin, places))
        return torch.addcmul(x, gate_f, self.feed(self.norm2(x, shift_f, scale_f)))

    def feed(self, x: Tensor) -> Tensor:
        """Up, GELU (its tanh form), down, `[B, L, D]`."""
        up, down = cast(nn.Linear, self.mlp[0]), cast(nn.Linear, self.mlp[2])
        return linear(linear(x, up.weight, up.bias, "tanh"), down.weight, down.bias)

    def attention(self, x: Tensor, cos: Tensor, sin: Tensor, places: Tensor | None = None) -> Tensor:
        """Every position, or some places `[B, m]` only, attend to every position, `[B, L or m, D]`."""
        width = x.shape[-1]
        split = lambda y: y.unflatten(-1, (-1, self.heads, width // self.heads)).permute(2, 0, 3, 1, 4)  # noqa: E731
        if places is None:
            q, k, v = split(linear(x, self.attn_qkv.weight))
            q = rotate(q.contiguous(), cos, sin)
        else:
            k, v = split(F.linear(x, self.attn_qkv.weight[width:]))
            (q,) = split(F.linear(take(x, places), self.attn_qkv.weight[:width]))
            q = rotate(q.contiguous(), cos[places][:, None], sin[places][:, None])
        # queries and keys are views of something wider: copied first, rotating them takes half the time on a CPU
        attended = attend(q, rotate(k.contiguous(), cos, sin), v)
        return linear(attended.transpose(1, 2).flatten(2), self.attn_out.weight)


class Vocabulary(nn.Module):
    """The embedding table, a bare parameter as in the checkpoints."""

    def __init__(self, vocab_size: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(vocab_size, width))


class OutputLayer(nn.Module):
    """The last normalisation, its modulation, and the projection to the vocabulary."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.norm_final = LayerNorm(config.hidden_dim)
        self.linear = nn.Linear(config.hidden_dim, config.vocab_size)
        self.adaLN_modulation = nn.Linear(config.cond_dim, 2 * config.hidden_dim)

    def normalised(self, x: Tensor, condition: Tensor) -> Tensor:
        """What the projection reads, `[B, L, D]`."""
        return self.norm_final(x, *self.adaLN_modulation(condition)[:, None].chunk(2, dim=-1))


class DiT(Network):
    """Token ids `[B, L]` to raw logits `[B, L, V]`; the denoiser applies SUBS.

    Without time conditioning t is ignored and the condition is that of zero noise, as in training.
    """

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        self.vocab_embed = Vocabulary(config.vocab_size, config.hidden_dim)
        self.sigma_map = NoiseEmbedding(config.cond_dim)
        self.rotary_emb = Rotary(config.hidden_dim // config.n_heads)
        blocks = [Block(config) for _ in range(config.n_blocks)]
        self.blocks = nn.ModuleList(blocks)
        self.output_layer = OutputLayer(config)
        # training starts with every block the identity and every logit zero
        nn.init.kaiming_uniform_(self.vocab_embed.embedding, a=math.sqrt(5))
        zero = [self.output_layer.linear, self.output_layer.adaLN_modulation]
        for layer in zero + [block.adaLN_modulation for block in blocks]:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def condition(self, t: float | Tensor | None) -> Tensor:
        """The condition of time t (a number, or `[B]`), `[1 or B, cond_dim]`."""
        device = self.vocab_embed.embedding.device
        if not self.config.time_conditioning:
            return F.silu(self.sigma_map(torch.zeros(1, device=device)))
        if t is None:
            raise ValueError("this model is conditioned on time, so t must be given, got None")
        return F.silu(self.sigma_map(total_noise(torch.as_tensor(t, dtype=torch.float32, device=device).reshape(-1))))

    def hidden(self, tokens: Tensor, t: float | Tensor | None = None) -> Tensor:
        return self.through(tokens, t)

    def hidden_at(self, tokens: Tensor, rows: Tensor, t: float | Tensor | None = None) -> Tensor:
        """`hidden` at the wanted rows alone, bool `[B, L]` on the host, as `[n, D]`: the last block computes no others.

        A sequence with fewer wanted rows than another is padded with unwanted ones.
        """
        counts = rows.sum(dim=1)
        places = rows.byte().argsort(dim=1, descending=True, stable=True)[:, : int(counts.max())]
        wanted = torch.arange(places.shape[1]) < counts[:, None]
        return picked(self.through(tokens, t, sent(places, tokens.device)), wanted)

    def through(self, tokens: Tensor, t: float | Tensor | None, places: Tensor | None = None) -> Tensor:
        """`hidden` through all blocks, the last one at places `[B, m]` only if they are given, `[B, L or m, D]`."""
        condition = self.condition(t)
        x = self.vocab_embed.embedding[tokens]
        cos, sin = (each.to(x.dtype) for each in self.rotary_emb(tokens.shape[1]))
        for block in self.blocks[:-1]:
            x = block(x, condition, cos, sin)
        return self.output_layer.normalised(self.blocks[-1](x, condition, cos, sin, places), condition)

    def head(self, hidden_rows: Tensor) -> Tensor:
        return linear(hidden_rows, self.output_layer.linear.weight, self.output_layer.linear.bias)

    def forward(self, tokens: Tensor, t: float | Tensor | None = None) -> Tensor:
        return self.head(self.hidden(tokens, t))
