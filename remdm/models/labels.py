"""Class labels: a network that takes one, as a denoiser of that one class."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from remdm.sampling.denoiser import Unguided, subs


class LabelNetwork(Protocol):
    """A network conditioned on a class."""

    def hidden(self, tokens: Tensor, labels: Tensor) -> Tensor:
        """`[B, L]` ids and `[B]` classes to `[B, L, D]`."""

    def head(self, hidden: Tensor) -> Tensor:
        """`[n, D]` to logits `[n, V]`."""

    def parameters(self) -> object:
        """The weights."""


@dataclass(frozen=True)
class LabelDenoiser(Unguided):
    """x_theta given a class; the network's null class gives the unconditional one."""

    network: LabelNetwork
    mask_id: int
    label: int
    timed: bool = False

    @torch.inference_mode()
    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta at the wanted rows, float32 `[n, V]`."""
        device = next(iter(self.network.parameters())).device
        labels = torch.full((len(tokens),), self.label, device=device)
        hidden = self.network.hidden(tokens.to(device), labels)
        return subs(self.network.head(hidden[rows.to(device)]), self.mask_id).to(tokens.device)


def gamma(weight: float) -> float:
    """D-CFG's gamma for MaskGIT's guidance weight w: (1 + w) c - w u is gamma c + (1 - gamma) u for gamma = 1 + w."""
    return 1.0 + weight
