"""Training the tokenizer of the embedded picture model, timed: reconstruction, perceptual and adversarial loss."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from remdm.domains.image.album import Album
from remdm.domains.image.perceptual import Perceptual
from remdm.models.network import Compute
from remdm.models.small_vqgan import Discriminator, SmallVQGAN, SmallVQGANConfig
from remdm.models.weights import save_weights
from remdm.training.timed import Timed

HIDDEN = 0.25
"""Share of the pictures of which the decoder sees only some cells."""
PERCEPTUAL = 0.25
"""Weight of the perceptual distance."""
ADVERSARIAL = 0.4
"""How strongly the last layer is pulled by the discriminator, against all else (arXiv 2012.09841, equation 7)."""
BEGINS = 0.25
"""Share of the time after which the discriminator learns; from a little later on it is listened to."""


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


def train_vq(
    album: Album, seen_by: Perceptual, seconds: float, file: Path, compute: Compute, batch: int = 16, seed: int = 0
) -> SmallVQGAN:
    """A trained tokenizer, which is also written to the file."""
    torch.manual_seed(seed)
    device = compute.device
    generator = torch.Generator(device).manual_seed(seed)
    vq, judge = SmallVQGAN(SmallVQGANConfig()).to(device), Discriminator().to(device)
    seen_by = seen_by.to(device)
    timed = Timed("tokenizer", seconds, compute)
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
        with timed.compute.autocast():
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
            with timed.compute.autocast():
                fooled = F.relu(1 + judge(whole.detach())).mean() + F.relu(1 - judge(pictures)).mean()
            timed.apply(judges, fooled)
            figures["judge"] = fooled.detach()
        # different codes of the batch, counted without waiting for the device
        use = torch.zeros(vq.config.codes, device=device).index_fill(0, codes.flatten(), 1.0).sum()
        figures |= {"sketch": sketch.detach(), "perceptual": perceptual.detach(), "use": use}
        if timed.report(figures):
            save_weights(vq, file)
    save_weights(vq, file)
    return vq.eval().requires_grad_(False)
