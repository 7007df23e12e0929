"""The posterior of ReMDM, as the one thing that a position has to know: the probability of being masked next."""

import torch
from torch import Tensor

from remdm.sampling.time_grid import Step


def mask_probability(masked: Tensor, step: Step, sigma: Tensor | float) -> Tensor:
    """P(z_s = m | z_t) at each position (ReMDM eq. 6; MDLM eq. 2 where sigma = 0).

    A decoded token is remasked with probability sigma and otherwise kept. A masked one stays masked with
    probability (1 - alpha_s - sigma alpha_t) / (1 - alpha_t) and otherwise becomes a draw from x_theta.

    Args:
        masked: where z_t is the mask, bool `[B, L]`.
        step: the interval, with alpha_t and alpha_s.
        sigma: remasking probability in [0, sigma_max]; a number or `[B, L]`.

    Returns:
        Probabilities, float64 `[B, L]`.
    """
    sigma = torch.as_tensor(sigma, dtype=torch.float64, device=masked.device)
    if step.alpha_t >= 1.0:  # no token is masked at alpha_t = 1; if one were, it would be decoded
        stays = torch.zeros_like(sigma)
    else:
        stays = (1.0 - step.alpha_s - sigma * step.alpha_t) / (1.0 - step.alpha_t)
    return torch.where(masked, stays, sigma)
