"""An encoder as BERT has it (Devlin et al. 2019): torch's own layers with learned positions and a tied vocabulary.

It exists to begin from a pretrained encoder: the prose model begins from MiniLM-L6 (Wang et al. 2020).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from remdm.models.network import Network

EXACT_GELU = 2
"""How torch's fused layer calls it; 0 keeps a layer from being fused."""
EPSILON = 1e-12
"""Of the layer norms, as in BERT."""


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of an `Encoder`; the defaults are MiniLM-L6's."""

    vocab_size: int
    length: int
    width: int = 384
    depth: int = 6
    heads: int = 12
    inner: int = 1536


class Encoder(Network):
    """Embeddings and positions, layers with the norm behind each part, and a head tied to the embeddings.

    Padding is text like any other: it is written by the model, so it is not hidden from attention.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.position = nn.Embedding(config.length, config.width)
        self.norm = nn.LayerNorm(config.width, EPSILON)
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, config.inner, 0.0, "gelu", layer_norm_eps=EPSILON, batch_first=True
        )
        self.layers = nn.TransformerEncoder(layer, config.depth, enable_nested_tensor=False)
        self.transform = nn.Sequential(
            nn.Linear(config.width, config.width), nn.GELU(), nn.LayerNorm(config.width, EPSILON)
        )
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.position.weight, std=0.02)

    def hidden(self, tokens: Tensor) -> Tensor:
        """What the head reads, `[B, L, D]`, of ids `[B, L]`; at most `length` positions."""
        for layer in self.layers.layers:
            # torch's fused layer takes GELU's tanh form for the exact one on a card: 0.7% off in every log x_theta
            layer.activation_relu_or_gelu = 0 if tokens.is_cuda else EXACT_GELU  # type: ignore[assignment]
        return self.layers(self.norm(self.embedding(tokens) + self.position.weight[: tokens.shape[1]]))

    def head(self, hidden: Tensor) -> Tensor:
        """Logits `[..., V]`."""
        return F.linear(self.transform(hidden), self.embedding.weight, self.bias)

    def drop(self, share: float) -> None:
        """Leave this share of each part's output and of the attention out in training; a new one leaves none out."""
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = share
            elif isinstance(module, nn.MultiheadAttention):
                module.dropout = share

    @torch.no_grad()
    def begin_from_bert(self, bert: Mapping[str, Tensor], entries: Tensor) -> None:
        """Take a BERT encoder's weights over; the head, which such files lack, stays as it is.

        Args:
            bert: tensors named as `transformers.BertModel` names them.
            entries: BERT's id of each entry of this vocabulary, int64 `[V]`.
        """
        self.embedding.weight.copy_(bert["embeddings.word_embeddings.weight"][entries])
        places = bert["embeddings.position_embeddings.weight"][: self.config.length]
        self.position.weight.copy_(places + bert["embeddings.token_type_embeddings.weight"][0])
        _take(self.norm, bert, "embeddings.LayerNorm")
        for number, layer in enumerate(self.layers.layers):
            assert isinstance(layer, nn.TransformerEncoderLayer)
            of = f"encoder.layer.{number}."
            parts = [f"{of}attention.self.{name}" for name in ("query", "key", "value")]
            layer.self_attn.in_proj_weight.copy_(torch.cat([bert[f"{part}.weight"] for part in parts]))
            layer.self_attn.in_proj_bias.copy_(torch.cat([bert[f"{part}.bias"] for part in parts]))
            _take(layer.self_attn.out_proj, bert, f"{of}attention.output.dense")
            _take(layer.norm1, bert, f"{of}attention.output.LayerNorm")
            _take(layer.linear1, bert, f"{of}intermediate.dense")
            _take(layer.linear2, bert, f"{of}output.dense")
            _take(layer.norm2, bert, f"{of}output.LayerNorm")


def _take(into: nn.Linear | nn.LayerNorm, bert: Mapping[str, Tensor], name: str) -> None:
    into.weight.copy_(bert[f"{name}.weight"])
    into.bias.copy_(bert[f"{name}.bias"])
