"""The training loss in fixed shapes: as many logits for each batch, so that a GPU never waits for the host to count."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from remdm.models.network import Network
from remdm.sampling.denoiser import subs


def most_masked(batch: int, free: int) -> int:
    """How many positions a batch of `batch` rows with `free` maskable ones masks at most, but for one in 10^9 batches.

    Half of them on average with stratified times; the variance of a row is the mean of t (1 - t), 1/6 a position.
    """
    likely = batch * free / 2 + free / 2 + 6 * math.sqrt(batch * free / 6)
    return min(batch * free, math.ceil(likely))


class Objective(nn.Module):
    """The training loss of a batch: the mean over sequences of the cross-entropy of their masked positions.

    Each row weighs the same, as in the bound: the mean over its masks stands for the weight 1/t, with less noise.
    """

    def __init__(self, network: Network, mask_id: int) -> None:
        super().__init__()
        self.network, self.mask_id = network, mask_id
        self.loss: Callable[[Tensor, Tensor, Tensor], Tensor] = self._loss

    def compile_parts(self) -> None:
        """Compile each block by itself, and the head with the loss: blocks of one kind are compiled once.

        As one piece the network takes a minute to compile, and hardly less for each step.
        """
        for blocks in self.network.modules():
            if isinstance(blocks, nn.ModuleList):
                for block in blocks:
                    block.compile(dynamic=False)
        self.loss = torch.compile(self._loss, dynamic=False)

    def _loss(self, hidden: Tensor, words: Tensor, share: Tensor) -> Tensor:
        log_x = subs(self.network.head(hidden), self.mask_id)
        return -(log_x.gather(1, words[:, None])[:, 0] * share).sum()

    def forward(self, x: Tensor, z: Tensor, chosen: Tensor, share: Tensor) -> Tensor:
        """Clean and noised tokens `[B, L]`; the logits' places among B x L, and what each counts: `[n]`."""
        hidden = self.network.hidden(z).flatten(0, 1).index_select(0, chosen)
        # what counts for nothing may be a condition, which has no logit: any token but the mask stands for it
        words = x.flatten()[chosen].where(share > 0, 0 if self.mask_id else 1)
        return self.loss(hidden, words, share)


def wanted(z: Tensor, mask_id: int, count: int) -> tuple[Tensor, Tensor]:
    """Places `[count]` that hold all masks of z `[B, L]`, and the share of each in the loss: 0 where there is none."""
    masked = z == mask_id
    share = masked / masked.sum(1, keepdim=True).clamp(min=1) / len(z)
    chosen = masked.flatten().byte().argsort(descending=True, stable=True)[:count]
    return chosen, share.flatten()[chosen]
