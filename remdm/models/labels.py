"""Networks conditioned on a class, as denoisers of one class each."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from remdm.sampling.denoiser import Denoiser, probabilities
from remdm.sampling.transfer import picked, sent


@dataclass(frozen=True, kw_only=True)
class LabelConfig:
    """The shape of a network of `codes` on a square grid of `length`, conditioned on one of `classes`.

    Ids are the codes, then the mask. One more class stands for none, as trained with dropped labels.
    """

    width: int
    depth: int
    heads: int
    feed: int
    codes: int
    length: int
    classes: int

    @property
    def null(self) -> int:
        return self.classes

    @property
    def mask_id(self) -> int:
        return self.codes


class LabelNetwork(nn.Module):
    """A network conditioned on a class: everything before the vocabulary in `hidden`, the vocabulary in `head`."""

    config: LabelConfig

    def hidden(self, tokens: Tensor, labels: Tensor) -> Tensor:
        """What the head reads, `[B, L, D]`, of ids `[B, L]` and classes `[B]`."""
        raise NotImplementedError

    def head(self, hidden: Tensor) -> Tensor:
        """Logits `[..., codes + 1]` of rows of `hidden`, `[..., D]`; the last of them is the mask's."""
        raise NotImplementedError

    def forward(self, tokens: Tensor, labels: Tensor) -> Tensor:
        """Logits at every position, `[B, L, codes + 1]`."""
        return self.head(self.hidden(tokens, labels))

    @torch.inference_mode()
    def log_x(self, tokens: Tensor, labels: Tensor, rows: Tensor) -> Tensor:
        """log x_theta of ids `[B, L]`, given classes `[B]`, at rows `[B, L]`, all on the host: float32 `[n, V]`."""
        device = next(self.parameters()).device
        hidden = self.hidden(sent(tokens, device), sent(labels, device))
        log_x = probabilities(self.head(picked(hidden, rows)), self.config.mask_id)
        return log_x if device.type == "cuda" else log_x.to(tokens.device)


@dataclass(frozen=True)
class LabelDenoiser(Denoiser):
    """x_theta given a class; the network's null class gives the unconditional one."""

    network: LabelNetwork
    mask_id: int
    label: int

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta at the wanted rows, float32 `[n, V]`."""
        return self.network.log_x(tokens, torch.full((len(tokens),), self.label), rows)
