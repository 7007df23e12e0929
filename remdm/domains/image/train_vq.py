"""Training the tokenizer of the embedded picture model, timed: reconstruction, perceptual and adversarial loss."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from remdm.domains.image.album import Album
from remdm.domains.image.perceptual import Perceptual
from remdm.models.network import Compute
from remdm.models.small_vqgan import Discriminator, SmallVQGAN, SmallVQGANConfig
from remdm.models.weights import save_weights

HIDDEN = 0.25
"""Share of the pictures of which the decoder sees only some cells."""
PERCEPTUAL = 0.25
"""Weight of the perceptual distance."""
ADVERSARIAL = 0.4
"""How strongly the last layer is pulled by the discriminator, against all else (arXiv 2012.09841, equation 7)."""
BEGINS = 0.25
"""Share of the time after which the discriminator learns; from a little later on it is listened to."""
SAVED_SECONDS, PROGRESS_SECONDS = 30.0, 10.0


def sketch_loss(drawn: Tensor, pictures: Tensor, seen: Tensor) -> Tensor:
    """Mean distance in colour and in the differences between neighbouring pixels, which keeps edges sharp.

    Args:
        drawn: `[B, 3, S, S]`.
        pictures: the same, as they should be.
        seen: bool `[B, 1, S, S]`: pixels that count.
    """
    off = (drawn - pictures) * seen
    colour = off.abs().sum() + 2 * off.square().sum()
    edges = off.diff(dim=2).abs().sum() + off.diff(dim=3).abs().sum()
    return (colour + 0.5 * edges) / (3 * seen.sum())


def some_cells(count: int, grid: int, device: torch.device) -> Tensor:
    """Cells that the decoder sees, bool `[count, grid, grid]`: all in most pictures, a random share in the others."""
    share = torch.where(torch.rand(count, device=device) < HIDDEN, torch.rand(count, device=device), 1.1)
    return torch.rand(count, grid, grid, device=device) < share[:, None, None]


class Timed:
    """Optimises a network for some seconds; its rate rises in 100 steps and falls to 0 over the second half."""

    def __init__(self, seconds: float, compute: Compute) -> None:
        self.seconds, self.compute, self.begun, self.step = seconds, compute, time.monotonic(), 0
        self.printed = self.saved = self.begun
        self.used: list[tuple[torch.optim.Optimizer, nn.Module, float]] = []

    def optimiser(self, network: nn.Module, rate: float, betas: tuple[float, float]) -> torch.optim.Optimizer:
        fused = self.compute.device.type == "cuda"
        made = torch.optim.AdamW(network.parameters(), lr=rate, betas=betas, weight_decay=1e-4, fused=fused)
        self.used.append((made, network, rate))
        return made

    @property
    def done(self) -> float:
        return (time.monotonic() - self.begun) / self.seconds

    def autocast(self) -> torch.autocast:
        return torch.autocast(
            self.compute.device.type, torch.bfloat16, enabled=self.compute.dtype == torch.bfloat16
        )  # fmt: skip

    def apply(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        """One step of one optimiser."""
        network, rate = next((network, rate) for each, network, rate in self.used if each is optimiser)
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (self.step + 1) / 100) * max(0.0, min(1.0, (1 - self.done) / 0.5))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    def report(self, name: str, figures: Callable[[], dict[str, Tensor]], save: Callable[[], None]) -> None:
        """Say how far it is and save, each now and then."""
        self.step, now = self.step + 1, time.monotonic()
        if now - self.printed > PROGRESS_SECONDS:
            self.printed = now
            line = ", ".join(f"{key} {value.item():.4f}" for key, value in figures().items())
            print(f"{name}: {now - self.begun:.0f} s, step {self.step:,}: {line}", flush=True)
        if now - self.saved > SAVED_SECONDS:
            self.saved = now
            save()


def _with_use(figures: dict[str, Tensor], codes: Tensor) -> dict[str, Tensor]:
    """The figures, and how many different codes a batch uses: counting them waits for the device."""
    return figures | {"use": torch.tensor(codes.unique().numel())}


def train_vq(
    album: Album, seen_by: Perceptual, seconds: float, file: Path, compute: Compute, batch: int = 16, seed: int = 0
) -> SmallVQGAN:
    """A trained tokenizer, which is also written to the file."""
    torch.manual_seed(seed)
    device = compute.device
    generator = torch.Generator(device).manual_seed(seed)
    vq, judge = SmallVQGAN(SmallVQGANConfig()).to(device), Discriminator().to(device)
    seen_by = seen_by.to(device)
    timed = Timed(seconds, compute)
    draws, judges = timed.optimiser(vq, 1.5e-3, (0.9, 0.95)), timed.optimiser(judge, 5e-4, (0.5, 0.9))
    last = vq.decoder[-1].weight
    assert isinstance(last, Tensor)
    figures = {name: torch.zeros((), device=device) for name in ("sketch", "perceptual", "adversarial", "judge", "use")}
    pull = torch.ones((), device=device)
    while timed.done < 1:
        pictures = album.varied(album.drawn(batch, generator), generator)
        cells = some_cells(batch, vq.config.grid, device)
        seen = cells[:, None].repeat_interleave(vq.config.cell, 2).repeat_interleave(vq.config.cell, 3)
        judged, heard = timed.done > BEGINS, timed.done > BEGINS + 0.05
        with timed.autocast():
            drawn, commitment, codes = vq(pictures, cells)
            whole = torch.where(seen, drawn, pictures)  # what is hidden counts as drawn right
            sketch = sketch_loss(drawn, pictures, seen)
            perceptual = seen_by.distance(whole, pictures)
            loss = sketch + PERCEPTUAL * perceptual
            if heard:
                judge.requires_grad_(False)
                adversarial = -judge(whole).mean()
                judge.requires_grad_(True)
                if timed.step % 8 == 0:
                    wanted, against = (
                        torch.autograd.grad(each, last, retain_graph=True)[0].norm() for each in (loss, adversarial)
                    )
                    pull = (wanted / (against + 1e-4)).clamp(0, 1e3).detach()
                loss = loss + ADVERSARIAL * pull * adversarial
                figures["adversarial"] = adversarial.detach()
            loss = loss + 0.1 * commitment
        timed.apply(draws, loss)
        if judged:
            with timed.autocast():
                fooled = F.relu(1 + judge(whole.detach())).mean() + F.relu(1 - judge(pictures)).mean()
            timed.apply(judges, fooled)
            figures["judge"] = fooled.detach()
        figures |= {"sketch": sketch.detach(), "perceptual": perceptual.detach()}
        timed.report("tokenizer", partial(_with_use, figures, codes), lambda: save_weights(vq, file))
    save_weights(vq, file)
    return vq.eval().requires_grad_(False)
