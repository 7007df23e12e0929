"""The training objective: an upper bound on -log p(x), for MDLM and for ReMDM.

Discrete time, T steps on a grid (ReMDM eq. 9): at each step the masked positions pay
((alpha_s - (1 - sigma) alpha_t) / (1 - alpha_t)) (-log <x_theta, x>). With sigma = 0 this is MDLM's bound, the tightest
one; in continuous time with alpha = 1 - t it is the mean of (1/t) times the cross-entropy of masked positions.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from remdm.sampling.denoiser import subs
from remdm.sampling.time_grid import Step

LogX = Callable[[Tensor, Tensor], Tensor]
"""(z_t `[B, L]`, wanted rows bool `[B, L]`) -> logits or log-probabilities `[n, V]`."""


def corrupt(
    x: Tensor, keep: Tensor, mask_id: int, generator: Generator | None = None, given: Tensor | None = None
) -> Tensor:
    """z_t ~ q(z_t | x): each token of row b stays with probability keep[b] = alpha_t (ReMDM eq. 1). int64 `[B, L]`.

    Positions where `given` (bool `[B, L]`) is set, such as a condition's tokens, always stay. The draws are made where
    the generator is: one of the CPU gives the same masks for tokens on any device.
    """
    device = x.device if generator is None else generator.device
    kept = (torch.rand(x.shape, generator=generator, device=device) < keep.to(device)[:, None]).to(x.device)
    return x.masked_fill(~(kept if given is None else kept | given), mask_id)


def stratified_times(batch: int, generator: Generator | None = None) -> Tensor:
    """One time in (0, 1] for each row, spread evenly over the batch: less variance than independent ones. `[B]`."""
    device = None if generator is None else generator.device
    offset = torch.rand((), generator=generator, device=device)
    return ((torch.arange(batch, device=device) + offset) / batch).clamp(min=1e-3)


def cross_entropies(log_x: LogX, x: Tensor, z: Tensor, mask_id: int) -> Tensor:
    """-log <x_theta, x> of each masked position of z, in row-major order: float32 `[n]`."""
    rows = z == mask_id
    return torch.nn.functional.nll_loss(subs(log_x(z, rows), mask_id), x[rows], reduction="none")


def weight(step: Step, sigma: float = 0.0) -> float:
    """(alpha_s - (1 - sigma) alpha_t) / (1 - alpha_t): what a masked position pays at this step (eq. 9)."""
    return (step.alpha_s - (1.0 - sigma) * step.alpha_t) / (1.0 - step.alpha_t)


def mdlm_nelbo(
    log_x: LogX, x: Tensor, t: Tensor, mask_id: int, generator: Generator | None = None, given: Tensor | None = None
) -> Tensor:
    """One Monte-Carlo estimate of MDLM's continuous-time bound for alpha = 1 - t, in nats a token: `[B]`.

    Args:
        log_x: the model.
        x: clean tokens `[B, L]`.
        t: a time for each row, `[B]`, in (0, 1].
        mask_id: the mask's id.
        generator: source of the masks.
        given: positions that are never masked and do not count, bool `[B, L]`; none without it.
    """
    z = corrupt(x, 1.0 - t, mask_id, generator, given)
    losses = cross_entropies(log_x, x, z, mask_id)
    row = (z == mask_id).nonzero()[:, 0]
    free = x.shape[1] if given is None else (~given).sum(1)
    return torch.zeros(len(x), device=x.device).index_add(0, row, losses) / t.to(x.device) / free


def step_nelbo(
    log_x: LogX, x: Tensor, step: Step, sigma: float, mask_id: int, generator: Generator | None = None
) -> Tensor:
    """One estimate of this step's term of ReMDM's bound (eq. 9), in nats a token: `[B]`. Sum it over a grid's steps."""
    z = corrupt(x, torch.full((len(x),), step.alpha_t), mask_id, generator)
    losses = cross_entropies(log_x, x, z, mask_id)
    row = (z == mask_id).nonzero()[:, 0]
    return weight(step, sigma) * torch.zeros(len(x)).index_add(0, row, losses) / x.shape[1]
