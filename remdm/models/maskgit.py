"""Maskgit-pytorch's transformer: ImageNet classes to codes of the taming VQGAN (a BERT as in arXiv 2202.04200).

The class is one more token behind the codes. Tensor names are those of llvictorll/Maskgit-pytorch, so its files load
exactly.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from remdm.models import weights
from remdm.models.labels import LabelConfig, LabelNetwork

HEAD_WIDTH = 48
"""Width of a head: 16 heads in a width of 768. The files do not state it."""
EPS = 1e-12


class Attention(nn.Module):
    """Multi-head attention, under its name in the checkpoints."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.mha = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.mha(x, x, x, need_weights=False)[0]


class FeedForward(nn.Module):
    """The feed-forward; the dropout layer of the checkpoints has no weights."""

    def __init__(self, width: int, feed: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(width, feed), nn.GELU(), nn.Identity(), nn.Linear(feed, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Normed(nn.Module):
    """A layer with a layer norm before it."""

    def __init__(self, width: int, part: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fn = part

    def forward(self, x: Tensor) -> Tensor:
        return self.fn(self.norm(x))


class Layers(nn.Module):
    """Residual pairs of attention and feed-forward."""

    def __init__(self, config: LabelConfig) -> None:
        super().__init__()
        width = config.width
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [Normed(width, Attention(width, config.heads)), Normed(width, FeedForward(width, config.feed))]
            )
            for _ in range(config.depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        for pair in self.layers:
            assert isinstance(pair, nn.ModuleList)
            for part in pair:
                x = x + part(x)
        return x


class Maskgit(LabelNetwork):
    """Codes `[B, L]` and classes `[B]` to logits `[B, L, codes + 1]`; the last of these is the mask's."""

    def __init__(self, config: LabelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        entries = config.codes + 1 + config.classes + 1  # codes, mask, classes, no class
        self.tok_emb = nn.Embedding(entries, width)
        self.pos_emb = nn.Parameter(torch.zeros(1, config.length + 1, width))
        self.first_layer = nn.Sequential(
            nn.LayerNorm(width, EPS), nn.Identity(), nn.Linear(width, width), nn.GELU(),
            nn.LayerNorm(width, EPS), nn.Identity(), nn.Linear(width, width),
        )  # fmt: skip
        self.transformer = Layers(config)
        self.last_layer = nn.Sequential(
            nn.LayerNorm(width, EPS), nn.Identity(), nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width, EPS)
        )
        self.bias = nn.Parameter(torch.zeros(config.length + 1, entries))

    def hidden(self, tokens: Tensor, labels: Tensor) -> Tensor:
        """What the head reads, float32 `[B, L, D + 1]`; last comes the position, which the head's bias depends on.

        Both the position and the rest are exact in float32.
        """
        classes = labels[:, None] + self.config.codes + 1
        x = self.tok_emb(torch.cat((tokens, classes), dim=1)) + self.pos_emb
        x = self.last_layer(self.transformer(self.first_layer(x)))[:, :-1]
        place = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)[..., None]
        return torch.cat((x.float(), place.float()), dim=-1)

    def head(self, hidden: Tensor) -> Tensor:
        wanted = self.config.codes + 1
        x, place = hidden[..., :-1].to(self.bias.dtype), hidden[..., -1].long()
        return F.linear(x, self.tok_emb.weight[:wanted]) + self.bias[place, :wanted]


def geometry(state: dict[str, Tensor], source: str, codes: int) -> LabelConfig:
    """The shape that a state dict's tensors imply, for a codebook of `codes`.

    Raises:
        ValueError: if they are not this network's.
    """
    with weights.reading_shape(source, "Maskgit-pytorch"):
        entries, width = state["tok_emb.weight"].shape
        return LabelConfig(
            width=width,
            depth=weights.count_blocks(state, "transformer.layers."),
            heads=max(1, width // HEAD_WIDTH) if width <= 768 else 16,
            feed=len(state["transformer.layers.0.1.fn.net.0.weight"]),
            codes=codes,
            length=state["pos_emb"].shape[1] - 1,
            classes=entries - codes - 2,
        )


def load_maskgit(
    path: Path, codes: int, dtype: torch.dtype | None = None, device: torch.device | str = "cpu"
) -> Maskgit:
    """The network of a training file (MaskGIT_ImageNet_256.pth and its like) for a codebook of `codes`.

    Raises:
        FileNotFoundError: if the file is missing.
        ValueError: if it is something else.
    """
    state = weights.read_state(path, "model_state_dict")
    config = geometry(state, path.name, codes)
    return weights.fill(weights.blank(lambda: Maskgit(config)), state, path.name, dtype, device)
