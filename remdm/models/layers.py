"""Layers that several networks share: rotary position embedding, RMS normalisation, a block normed on both sides."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def inverse_frequencies(head_width: int, theta: float = 10_000.0, device: torch.device | None = None) -> Tensor:
    """Rotary frequencies theta^(-2i / head_width), float32 `[head_width / 2]` (arXiv 2104.09864)."""
    return 1.0 / theta ** (torch.arange(0, head_width, 2, device=device).float() / head_width)


def rotary_tables(length: int, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines, and sines with the left half's sign turned, float32 `[length, head_width]` each, for `rotate`.

    Half-split convention: channel i is paired with channel i + head_width / 2.
    """
    angle = torch.outer(torch.arange(length, device=frequencies.device).float(), frequencies.float())
    cos, sin = angle.cos(), angle.sin()
    return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate queries or keys `[B, heads, L, head_width]` by their positions, with the tables of `rotary_tables`."""
    return x * cos + x.roll(x.shape[-1] // 2, dims=-1) * sin


def rms(x: Tensor, eps: float = 1e-5) -> Tensor:
    """Divide by the root mean square of the last axis, in float32 (arXiv 1910.07467)."""
    full = x.float()
    return (full * torch.rsqrt(full.square().mean(-1, keepdim=True) + eps)).to(x.dtype)


class RMSNorm(nn.Module):
    """`rms` with a weight, and a bias if asked for, both applied in the network's own number type."""

    def __init__(self, width: int, eps: float = 1e-5, bias: bool = False) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.weight * rms(x, self.eps)
        return y if self.bias is None else y + self.bias


def attention_weights(q: Tensor, k: Tensor) -> Tensor:
    """Attention weights `[B, heads, L, L]` of normed queries and keys (arXiv 2302.05442), whose logits stay bounded.

    Written out: at the small sizes of the embedded models two plain products train a quarter faster on a CPU than the
    fused kernel.
    """
    size = q.shape[-1:]
    return (F.rms_norm(q, size) @ F.rms_norm(k, size).transpose(-1, -2) * size[0] ** -0.5).softmax(dim=-1)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """What attention with `attention_weights` finds, `[B, heads, L, head_width]`: on a GPU by the fused kernel."""
    if not q.is_cuda:
        return attention_weights(q, k) @ v
    size = q.shape[-1:]
    return F.scaled_dot_product_attention(F.rms_norm(q, size).to(v.dtype), F.rms_norm(k, size).to(v.dtype), v)


class SandwichBlock(nn.Module):
    """Attention and feed-forward over `[B, L, width]`, each normed before and after.

    The norm behind keeps what a block adds at the size of a word's embedding. Without it the sum grew a thousandfold
    in training, and what `transformer.Recall` adds to it was lost (docs/log.md).
    """

    FIRST_GAIN = 0.2  # of what a block adds: it starts near the identity

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.RMSNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm_out = nn.RMSNorm(width)
        self.norm_feed = nn.RMSNorm(width)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        self.norm_down = nn.RMSNorm(width)
        nn.init.constant_(self.norm_out.weight, self.FIRST_GAIN)
        nn.init.constant_(self.norm_down.weight, self.FIRST_GAIN)

    def project(self, normed: Tensor) -> Tensor:
        """Queries, keys and values, `[3, B, heads, L, head_width]`."""
        batch, length, _ = normed.shape
        return self.qkv(normed).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Add what the heads `[B, heads, L, head_width]` found, then the feed-forward, to `[B, L, width]`."""
        x = x + self.norm_out(self.out(attended.transpose(1, 2).reshape(x.shape)))
        return x + self.norm_down(self.down(F.relu(self.up(self.norm_feed(x))).square()))
