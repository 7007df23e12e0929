"""LLaDA's transformer (arXiv 2502.09992) in plain PyTorch: a Llama without a causal mask.

Tensor names are those of GSAI-ML/LLaDA-8B-Base and -Instruct, so their files load exactly.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from remdm.models import weights
from remdm.models.layers import RMSNorm, inverse_frequencies, rotary_tables, rotate
from remdm.models.network import Network

SHAPE = {
    "width": "d_model",
    "heads": "n_heads",
    "kv_heads": "n_kv_heads",
    "depth": "n_layers",
    "feed": "mlp_hidden_size",
    "vocab_size": "embedding_size",
    "length": "max_sequence_length",
    "theta": "rope_theta",
    "eps": "rms_norm_eps",
    "tied": "weight_tying",
    "mask_id": "mask_token_id",
    "eos_id": "eos_token_id",
}
FIXED = {
    "block_type": "llama",
    "block_group_size": 1,
    "activation_type": "silu",
    "layer_norm_type": "rms",
    "rope": True,
    "alibi": False,
    "attention_layer_norm": False,
    "include_bias": False,
    "include_qkv_bias": False,
    "input_emb_norm": False,
    "scale_logits": False,
}
"""Values that config.json must have where it states them: the reference code supports more than was published."""
SPLIT = {"q_proj": 0, "k_proj": 0, "v_proj": 0, "ff_proj": 0, "up_proj": 0, "attn_out": 1, "ff_out": 1}
"""Matrices of a block of which each of several processes has a part: rows (0), or the columns (1) that read them."""


@dataclass(frozen=True)
class LLaDAConfig:
    """The shape of a LLaDA; `feed` is the inner width of the feed-forward."""

    width: int
    heads: int
    kv_heads: int
    depth: int
    feed: int
    vocab_size: int
    length: int
    theta: float = 500_000.0
    eps: float = 1e-5
    tied: bool = False
    mask_id: int = 126_336
    eos_id: int = 126_081

    def __post_init__(self) -> None:
        for name in ("width", "heads", "kv_heads", "depth", "feed", "vocab_size", "length"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        if self.width % (2 * self.heads) or self.heads % self.kv_heads:
            raise ValueError(
                f"width must be a multiple of 2 x heads, and heads one of kv_heads, "
                f"got {self.width}, {self.heads} and {self.kv_heads}"
            )
        for name in ("theta", "eps"):
            if not isinstance(getattr(self, name), int | float) or not getattr(self, name) > 0:
                raise ValueError(f"{name} must be a number above 0, got {getattr(self, name)!r}")
        for name in ("mask_id", "eos_id"):
            if type(getattr(self, name)) is not int or not 0 <= getattr(self, name) < self.vocab_size:
                raise ValueError(f"{name} must be one of the {self.vocab_size} ids, got {getattr(self, name)!r}")


class Block(nn.Module):
    """Attention without a mask, then a gated feed-forward, each normed before.

    With `shares` above 1 it has so many times fewer heads and inner channels, and `attn_out` and `ff_out` give one
    summand each: remdm/models/sharded.py adds them up.
    """

    def __init__(self, config: LLaDAConfig, shares: int = 1) -> None:
        super().__init__()
        width, size, feed = config.width, config.width // config.heads, config.feed // shares
        wide, narrow = size * config.heads // shares, size * config.kv_heads // shares
        self.heads = config.heads
        self.attn_norm = RMSNorm(width, config.eps)
        self.q_proj = nn.Linear(width, wide, bias=False)
        self.k_proj = nn.Linear(width, narrow, bias=False)
        self.v_proj = nn.Linear(width, narrow, bias=False)
        self.attn_out = nn.Linear(wide, width, bias=False)
        self.ff_norm = RMSNorm(width, config.eps)
        self.ff_proj = nn.Linear(width, feed, bias=False)
        self.up_proj = nn.Linear(width, feed, bias=False)
        self.ff_out = nn.Linear(feed, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.attention(self.attn_norm(x), cos, sin)
        y = self.ff_norm(x)
        return x + self.ff_out(F.silu(self.ff_proj(y)) * self.up_proj(y))

    def attention(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Every position attends to every position, `[B, L, D]`."""
        batch, length, width = x.shape
        size = width // self.heads
        q, k, v = (
            part(x).view(batch, length, -1, size).transpose(1, 2) for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = (rotate(part.float(), cos, sin).to(x.dtype) for part in (q, k))
        attended = F.scaled_dot_product_attention(q, k, v, enable_gqa=k.shape[1] != q.shape[1])
        return self.attn_out(attended.transpose(1, 2).flatten(2))


class Transformer(nn.Module):
    """The layers, under their names in the checkpoints."""

    def __init__(self, config: LLaDAConfig, shares: int = 1) -> None:
        super().__init__()
        self.wte = nn.Embedding(config.vocab_size, config.width)
        self.blocks = nn.ModuleList(Block(config, shares) for _ in range(config.depth))
        self.ln_f = RMSNorm(config.width, config.eps)
        if not config.tied:
            self.ff_out = nn.Linear(config.width, config.vocab_size, bias=False)


class LLaDA(Network):
    """Token ids `[B, L]` to logits `[B, L, V]`; untimed, as x_theta of a masked model is."""

    def __init__(self, config: LLaDAConfig, shares: int = 1) -> None:
        super().__init__()
        self.config = config
        self.transformer = Transformer(config, shares)

    def hidden(self, tokens: Tensor) -> Tensor:
        parts, config = self.transformer, self.config
        x = parts.wte(tokens)
        frequencies = inverse_frequencies(config.width // config.heads, config.theta, x.device)
        cos, sin = rotary_tables(tokens.shape[1], frequencies)
        for block in parts.blocks:
            x = block(x, cos, sin)
        return parts.ln_f(x)

    def head(self, hidden: Tensor) -> Tensor:
        head = self.transformer.wte if self.config.tied else self.transformer.ff_out
        return F.linear(hidden, head.weight)


def read_shape(file: Path) -> LLaDAConfig:
    """The shape in a config.json of this family.

    Raises:
        ValueError: if it lacks a field, or describes a variant that was never published.
    """
    needed = {name: theirs for name, theirs in SHAPE.items() if name != "kv_heads"}
    read = weights.read_config(file, needed)
    stated = weights.read_json(file)
    for name, value in FIXED.items():
        if stated.get(name, value) != value:
            raise ValueError(f"{file.name}: {name} must be {value} for LLaDA, got {stated[name]}")
    kv_heads = stated.get("n_kv_heads") or read["heads"]
    return LLaDAConfig(kv_heads=kv_heads, **read)


def unsplit(folder: Path) -> int:
    """How many weights of the LLaDA in a folder stay whole in the first share: those of its vocabulary.

    Raises:
        FileNotFoundError: if its config.json is missing.
        ValueError: as `read_shape`.
    """
    config = read_shape(folder / "config.json")
    return config.vocab_size * config.width * (1 if config.tied else 2)


def share(name: str, weight: Tensor, rank: int, shares: int) -> Tensor:
    """What the process `rank` of so many has of a tensor of a LLaDA: a view of its part, or all of it."""
    axis = SPLIT.get(name.split(".")[-2]) if ".blocks." in name else None
    return weight if axis is None else weight.chunk(shares, axis)[rank]


def load_llada(
    folder: Path, dtype: torch.dtype | None = None, device: torch.device | str = "cpu", rank: int = 0, shares: int = 1
) -> LLaDA:
    """A LLaDA, or one share of it, from a folder with config.json and one or more *.safetensors.

    Args:
        folder: with the files, which are mapped into memory: of a share no more is read than it has.
        dtype: of its weights; without it that of the files.
        device: that it is loaded onto, one tensor after the other.
        rank: of the process that asks. The head is in the share of the first one, 0, alone.
        shares: how many processes the blocks are split over.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if they do not fit, or the blocks cannot be split so.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files or not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} must hold config.json and the model's *.safetensors")
    config = read_shape(folder / "config.json")
    if any(number % shares for number in (config.heads, config.kv_heads, config.feed)):
        raise ValueError(
            f"its {config.heads} heads, {config.kv_heads} heads of keys and {config.feed} inner channels cannot be "
            f"split evenly over {shares} devices"
        )
    if rank:
        config = replace(config, tied=True)
    state = {name.removeprefix("model."): value for name, value in weights.read_safetensors(files).items()}
    if config.tied:
        state.pop("transformer.ff_out.weight", None)
    weights.check(weights.blank(lambda: LLaDA(config)).state_dict(), state, files[0].name)
    state = {name: share(name, value, rank, shares) for name, value in state.items()}
    return weights.fill(weights.blank(lambda: LLaDA(config, shares)), state, files[0].name, dtype, device)
