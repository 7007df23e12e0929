"""Training of a PRISM head (arXiv 2510.01384): which of the network's own tokens are right, while it stays as it is.

A clean sequence is noised to x_t; some of its masks are filled with draws from the network; the head sees what the
network computes of that and learns of each of them whether it is the clean token. What it learns is P(the token is
right | all that is visible), the token itself among it.

The source fills 8 masks of 1,024 positions. Then errors stand alone in a true text, and in a text that the network
wrote itself they do not (docs/log.md): here a random share of the masks is filled, up to all of them.
"""

from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from remdm.models.checkpoints import Checkpoint
from remdm.models.network import Network, NetworkDenoiser
from remdm.models.prism import Prism, PrismConfig, save_prism
from remdm.sampling.denoiser import subs
from remdm.sampling.nelbo import corrupt, stratified_times
from remdm.training.batches import Data
from remdm.training.loop import Recipe
from remdm.training.timed import Timed

FILLINGS = 4
"""How often each x_t is filled, other masks each time: as in the source."""


@torch.no_grad()
def filled(network: Network, x: Tensor, data: Data, mask_id: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """x_s, `[FILLINGS B, L]`, and where it was just filled, bool.

    Args:
        network: whose tokens they are.
        x: clean tokens, `[B, L]`.
        data: what is never masked.
        mask_id: the mask's id.
        generator: of the times, the masks and the draws.
    """
    given = data.given and data.given(x)
    z = corrupt(x, 1.0 - stratified_times(len(x), generator), mask_id, generator, given)
    masked = z == mask_id
    drawn = z.clone()
    log_x = subs(network.head(network.hidden_at(z, masked)), mask_id)
    drawn[masked] = torch.multinomial(log_x.exp(), 1, generator=generator)[:, 0]
    z, drawn, masked = (each.repeat(FILLINGS, 1) for each in (z, drawn, masked))
    order = torch.rand(z.shape, generator=generator).masked_fill(~masked, 2.0)
    count = (torch.rand(len(z), 1, generator=generator) * masked.sum(1, keepdim=True)).ceil()
    rows = masked & (order.argsort(1).argsort(1) < count)
    return torch.where(rows, drawn, z), rows


def auc(scores: Tensor, wrong: Tensor) -> float:
    """The chance that a wrong one has a lower score than a right one; ties count half. Both `[n]`."""
    low, high = scores[wrong].double(), scores[~wrong].double().sort().values
    below, up_to = torch.searchsorted(high, low), torch.searchsorted(high, low, right=True)
    return float((len(high) - (below + up_to) / 2).mean() / len(high))


def heldout_scores(network: Network, head: Prism, data: Data, mask_id: int) -> dict[str, float]:
    """On held-out sequences: cross-entropy in nats, that of the share of right tokens alone, and the AUC."""
    generator = Generator().manual_seed(0)
    odds, right = [], []
    with torch.no_grad():
        for x in data.heldout.split(32):
            x_s, rows = filled(network, x, data, mask_id, generator)
            odds.append(head(network.hidden(x_s))[rows])
            right.append((x_s == x.repeat(FILLINGS, 1))[rows])
    found, truth = torch.cat(odds), torch.cat(right)
    share = truth.double().mean()
    return {
        "nats": round(F.binary_cross_entropy_with_logits(found, truth.float()).item(), 4),
        "bare_nats": round(float(-(share * share.log() + (1 - share) * (1 - share).log())), 4),
        "wrong": round(float(1 - share), 4),
        "auc": round(auc(found, ~truth), 4),
    }


def train_prism(folder: Path, recipe: Recipe, checkpoint: Checkpoint, data: Data) -> None:
    """Train a head for a loaded model, `recipe.minutes` in all, and write it to the model's folder."""
    denoiser, mask_id = checkpoint.denoiser, checkpoint.mask_id
    assert isinstance(denoiser, NetworkDenoiser)
    network, generator = denoiser.network, Generator().manual_seed(recipe.seed)
    torch.manual_seed(recipe.seed)
    width = network.hidden(data.heldout[:1]).shape[-1]
    head = Prism(PrismConfig(width))
    timed = Timed("head", 60 * recipe.minutes, checkpoint.compute, falling=0.7)
    optimiser = timed.optimiser(head, recipe.other_rate, (0.9, 0.98), weight_decay=0.01)
    while timed.done < 1:
        x = data.batch(timed.step, recipe.batch)
        x_s, rows = filled(network, x, data, mask_id, generator)
        with torch.no_grad():
            hidden = network.hidden(x_s)
        right = (x_s == x.repeat(FILLINGS, 1))[rows].float()
        loss = F.binary_cross_entropy_with_logits(head(hidden)[rows], right)
        timed.apply(optimiser, loss)
        timed.report({"loss": loss.detach()})
    about = {"minutes": recipe.minutes, "batch": recipe.batch, "step": timed.step, "seed": recipe.seed}
    about |= heldout_scores(network, head.eval(), data, mask_id)
    save_prism(folder, head, about)
    print(about)
