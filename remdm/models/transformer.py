"""The plain bidirectional transformer of the embedded models: small, untimed, fast on two CPU cores.

It has no time input: x_theta of a masked model depends on the tokens alone (MDLM, arXiv 2406.07524, section 3.4),
so its output may be reused while no token changes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from remdm.models.layers import SandwichBlock, attend, attention_weights, inverse_frequencies, rotary_tables, rotate
from remdm.models.network import Network


@dataclass(frozen=True)
class TransformerConfig:
    """The shape of a plain transformer.

    `vocab_size` counts the mask; `local` is the width of the local mixing; every second block has a `Recall`
    of `recall_heads` heads; `absolute` adds a learned vector for each position, for data laid out on a fixed grid.
    """

    vocab_size: int
    length: int
    width: int = 192
    depth: int = 6
    heads: int = 4
    local: int = 5
    recall_heads: int = 2
    absolute: bool = False

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise ValueError(f"width must be a multiple of 2 x heads, got {self.width} and {self.heads} heads")
        if self.local % 2 == 0:
            raise ValueError(f"local must be odd, so that it looks as far left as right, got {self.local}")


class LocalMix(nn.Module):
    """Adds a learned weighted sum of each position's neighbours, a channel at a time.

    Attention has to learn what "the word before" is; these few weights can use it from the start (docs/log.md has
    what that was worth on the story world).
    """

    def __init__(self, width: int, span: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(span, width))

    def forward(self, x: Tensor) -> Tensor:
        reach = len(self.weight) // 2
        padded = F.pad(x, (0, 0, reach, reach))
        length = x.shape[1]
        for offset, weight in enumerate(self.weight.to(x.dtype)):
            x = x + padded[:, offset : offset + length] * weight
        return x


class Recall(nn.Module):
    """Attention whose values are the words themselves: it adds the embeddings of chosen words of the sequence.

    With input and output embeddings tied, adding a word's embedding raises that word's logit. So "the name that
    occurred before" is one step away from the start, for every word at once, where ordinary attention has to learn
    the way from each word's embedding to its logit (docs/log.md: names were not copied at all without it).
    """

    WIDTH = 32  # of a head's queries and keys: enough to distinguish kinds of words

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.RMSNorm(width)
        self.q = nn.Linear(width, heads * self.WIDTH, bias=False)
        self.k = nn.Linear(width, heads * self.WIDTH, bias=False)
        self.gate = nn.Linear(width, heads)
        nn.init.zeros_(self.gate.weight)
        nn.init.ones_(self.gate.bias)

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        batch, length, _ = x.shape
        normed = self.norm(x)
        q, k = (part(normed).view(batch, length, self.heads, -1).transpose(1, 2) for part in (self.q, self.k))
        attention = attention_weights(q, k)
        recalled = attention @ words[:, None].to(attention.dtype)  # [B, heads, L, width]
        # head by head: a gate on all of them at once is what OpenVINO gets wrong in float32 where there is one
        gates = self.gate(normed).transpose(1, 2)[..., None]
        first, *others = (gate * each for gate, each in zip(gates.unbind(1), recalled.unbind(1), strict=True))
        return x + sum(others, first)


class Block(SandwichBlock):
    """A block with local mixing, rotary positions and, in every second one, `Recall`."""

    def __init__(self, config: TransformerConfig, recalls: bool) -> None:
        # before the rest, so that a seed gives the same initial weights as ever
        recall = Recall(config.width, config.recall_heads) if recalls else None
        super().__init__(config.width, config.heads)
        self.recall = recall
        self.mix = LocalMix(config.width, config.local)

    def forward(self, x: Tensor, words: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """`[B, L, width]` to the same, given the words' embeddings `[B, L, width]` and rotary tables."""
        if self.recall is not None:
            x = self.recall(x, words)
        q, k, v = self.project(self.mix(self.norm_attention(x)))
        return self.finish(x, attend(rotate(q, cos, sin), rotate(k, cos, sin), v))


class PlainTransformer(Network):
    """Token ids `[B, L]` to logits `[B, L, V]`; input and output embeddings are tied."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.blocks = nn.ModuleList(Block(config, recalls=place % 2 == 1) for place in range(config.depth))
        self.place = nn.Parameter(torch.zeros(config.length, config.width)) if config.absolute else None
        self.norm = nn.RMSNorm(config.width)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        nn.init.normal_(self.embedding.weight, std=1.0)
        frequencies = inverse_frequencies(config.width // config.heads)
        frequencies[len(frequencies) // 2 :] = 0.0  # half of the channels compare words wherever they stand
        cos, sin = rotary_tables(config.length, frequencies)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def hidden(self, tokens: Tensor) -> Tensor:
        x = words = self.embedding(tokens)
        if self.place is not None:
            x = x + self.place[: tokens.shape[1]]
        cos, sin = self.cos[: tokens.shape[1]].to(x.dtype), self.sin[: tokens.shape[1]].to(x.dtype)
        for block in self.blocks:
            x = block(x, words, cos, sin)
        return self.norm(x)

    def head(self, hidden: Tensor) -> Tensor:
        """Logits `[..., V]` of `[..., width]`, scaled so that they start near 0."""
        return hidden @ self.embedding.weight.T * self.config.width**-0.5 + self.bias
