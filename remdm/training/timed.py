"""Timed training of what goes with a model, with AdamW alone; it begins anew each time."""

import time
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from remdm.models.network import Compute
from remdm.training.loop import PROGRESS_SECONDS


class Timed:
    """Optimises networks for some seconds; rates rise in 100 steps and fall to 0 over the last part of the time.

    Args:
        name: what is trained, as progress has it.
        seconds: of training.
        compute: where.
        falling: the part of the time over which rates fall.
    """

    def __init__(self, name: str, seconds: float, compute: Compute, falling: float = 0.5) -> None:
        self.name, self.seconds, self.compute, self.falling = name, seconds, compute, falling
        self.begun = self.printed = time.monotonic()
        self.step = 0

    def optimiser(
        self, network: nn.Module, rate: float, betas: tuple[float, float], weight_decay: float = 1e-4
    ) -> torch.optim.Optimizer:
        fused = self.compute.device.type == "cuda"
        made = torch.optim.AdamW(network.parameters(), rate, betas, weight_decay=weight_decay, fused=fused)
        made.param_groups[0]["highest"] = rate
        return made

    @property
    def done(self) -> float:
        """The share of the time that is over."""
        return (time.monotonic() - self.begun) / self.seconds

    def apply(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        """One step of one optimiser."""
        (group,) = optimiser.param_groups
        falling = max(0.0, min(1.0, (1 - self.done) / self.falling))
        group["lr"] = group["highest"] * min(1.0, (self.step + 1) / 100) * falling
        loss.backward()
        torch.nn.utils.clip_grad_norm_(group["params"], 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    def report(self, figures: Mapping[str, Tensor]) -> bool:
        """Count a step, and say now and then how far it is; whether it said so."""
        self.step, now = self.step + 1, time.monotonic()
        if now - self.printed <= PROGRESS_SECONDS:
            return False
        self.printed = now
        line = ", ".join(f"{key} {value.item():.4f}" for key, value in figures.items())
        print(f"{self.name}: {now - self.begun:.0f} s, step {self.step:,}: {line}", flush=True)
        return True
