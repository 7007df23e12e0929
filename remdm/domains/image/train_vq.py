"""Training the VQ tokenizer of the embedded picture model, timed in minutes of CPU time."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from remdm.domains.image import emoji
from remdm.models.vq import VQ, VQConfig, as_input

HIDDEN = 0.35
"""Share of the pictures of which the decoder sees only some cells."""


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


def some_cells(count: int, grid: int) -> Tensor:
    """Cells that the decoder sees, bool `[count, grid, grid]`: all in most pictures, a random share in the others."""
    share = torch.where(torch.rand(count) < HIDDEN, torch.rand(count), 1.1)
    return torch.rand(count, grid, grid) < share[:, None, None]


class TimedTraining:
    """Trains a network for a number of minutes of CPU time, saving regularly; called again, it continues."""

    def __init__(self, network: nn.Module, minutes: float, path: Path, rate: float) -> None:
        self.network, self.minutes, self.path, self.rate = network, minutes, path, rate
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=1e-4)
        self.step, self.seconds = 0, 0.0
        if path.exists():
            state = torch.load(path, weights_only=True)
            network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        """Save the state; an interruption leaves no partial file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        torch.save({"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(),
                    "step": self.step, "seconds": self.seconds}, part)  # fmt: skip
        part.replace(self.path)

    def train(self, loss_of: Callable[[int], Tensor]) -> None:
        """Minimise `loss_of`, which maps the number of a step to its loss."""
        shown, kept, running = self.seconds, self.seconds, None
        while self.seconds < self.minutes * 60:
            begun = time.process_time()
            done = self.seconds / self.minutes / 60
            for group in self.optimiser.param_groups:
                group["lr"] = self.rate * min(1.0, (self.step + 1) / 50) * min(1.0, (1 - done) / 0.5)
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_of(self.step)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            running = loss.item() if running is None else 0.95 * running + 0.05 * loss.item()
            self.step += 1
            self.seconds += time.process_time() - begun
            if self.seconds - shown > 30:
                shown = self.seconds
                print(f"{self.seconds / 60:.1f} min, step {self.step}: loss {running:.4f}", flush=True)
            if self.seconds - kept > 120:
                kept = self.seconds
                self.save()
        self.save()


def fresh_pictures(pictures: emoji.Emoji, step: int, size: int) -> tuple[Tensor, Tensor]:
    """Varied training pictures `[size, 3, 64, 64]` and their categories `[size]`, each category as often as another."""
    rng = np.random.default_rng((1, step))
    chosen = balanced(pictures, rng, size)
    return as_input(torch.from_numpy(emoji.varied(pictures, chosen, rng))), torch.from_numpy(pictures.label[chosen])


def balanced(pictures: emoji.Emoji, rng: np.random.Generator, size: int) -> np.ndarray:
    """Indices `[size]` of training pictures, drawn so that categories are equally likely."""
    places = [np.flatnonzero((pictures.label == kind) & ~pictures.heldout) for kind in range(len(emoji.CATEGORIES))]
    return np.array([rng.choice(places[kind]) for kind in rng.integers(len(places), size=size)])


def train_vq(pictures: emoji.Emoji, minutes: float, path: Path, seed: int = 0, batch: int = 16) -> VQ:
    """A trained tokenizer; its state stays at `path`."""
    torch.manual_seed(seed)
    vq = VQ(VQConfig())
    training = TimedTraining(vq, minutes, path, rate=3e-3)

    def loss_of(step: int) -> Tensor:
        batch_of, _ = fresh_pictures(pictures, step, batch)
        known = some_cells(batch, vq.config.grid)
        drawn, commitment, _ = vq(batch_of.contiguous(memory_format=torch.channels_last), known)
        seen = F.interpolate(known[:, None].float(), scale_factor=4).bool()
        return sketch_loss(drawn, batch_of, seen) + 0.1 * commitment

    training.train(loss_of)
    return vq.eval()
