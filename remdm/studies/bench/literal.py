"""The reference's sampling step written out plainly: what our step is compared with."""

from collections.abc import Callable

import torch
from torch import Tensor

from remdm.sampling.time_grid import Step

NEVER = -1e6


def literal_step(
    logits: Callable[[Tensor], Tensor], z: Tensor, mask_id: int, step: Step, sigma: float, nucleus_p: float
) -> Tensor:
    """ReMDM eq. 6 as one categorical over the vocabulary, for every position of z `[B, L]`: z_s.

    As the reference does it (arXiv 2503.00307): the head at all positions, the nucleus by sorting all of them, q as a
    `[B, L, V]` tensor for decoded positions too, and an exponential race in 64 bits over all of it.
    """
    scores = logits(z).float()
    scores[..., mask_id] = NEVER
    log_x = scores.log_softmax(-1)
    decoded = z != mask_id
    log_x = torch.where(decoded[..., None], NEVER, log_x)
    log_x.scatter_(-1, z[..., None], torch.where(decoded, 0.0, NEVER)[..., None])
    x = log_x.exp()
    ordered, ids = x.sort(-1, descending=True)
    keep = ordered.cumsum(-1) <= nucleus_p
    keep[..., 0] = True
    x = torch.zeros_like(x).scatter_(-1, ids, ordered * keep)
    x = x / x.sum(-1, keepdim=True)
    u = (step.alpha_s - (1 - sigma) * step.alpha_t) / (1 - step.alpha_t)
    q = torch.where(decoded[..., None], (1 - sigma) * x, u * x)
    q[..., mask_id] = torch.where(decoded, sigma, 1 - u)
    race = 1e-10 - (torch.rand_like(q, dtype=torch.float64) + 1e-10).log()
    return (q.double() / race).argmax(-1)
