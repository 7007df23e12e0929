"""What a run carries from step to step."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class State:
    """A batch of sequences at one time.

    Attributes:
        tokens: z_t, int64 `[B, L]`.
        psi: probability that each token had when it was last decoded, float64 `[B, L]`; inf where masked or given.
        given: positions that are not the sampler's to change, bool `[B, L]`: the prompt, and what lies outside the
            block that is being written.
        mask_id: the mask's id.
        memory: what the transition carries from step to step besides; None before its first step, and where a run is
            taken up from a trace.
    """

    tokens: Tensor
    psi: Tensor
    given: Tensor
    mask_id: int
    memory: object = None

    @property
    def masked(self) -> Tensor:
        """Where z_t is a mask that the sampler may decode, bool `[B, L]`."""
        return (self.tokens == self.mask_id) & ~self.given

    @property
    def decoded(self) -> Tensor:
        """Where z_t is a token that the sampler may send back, bool `[B, L]`."""
        return ~self.masked & ~self.given


def start(tokens: Tensor, mask_id: int) -> State:
    """The state a run starts from: masks to fill, everything else given.

    Args:
        tokens: ids, int64 `[B, L]`, the mask's id at each position to fill.
        mask_id: the mask's id.
    """
    psi = torch.full(tokens.shape, torch.inf, dtype=torch.float64, device=tokens.device)
    return State(tokens, psi, tokens != mask_id, mask_id)
