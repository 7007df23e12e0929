"""`remdm train countdown`: the Countdown model on generated problems; only the answer is masked."""

from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from remdm.domains.countdown import problems
from remdm.models.checkpoints import load_embedded
from remdm.models.network import compute
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.models.vocabulary import closed_tokenizer
from remdm.training.batches import Data
from remdm.training.loop import Recipe, Task, Trainer, train, warm_started
from remdm.training.prism import train_prism


def tokenizer() -> Tokenizer:
    """One token per number, operation or sign."""
    return closed_tokenizer(problems.SPECIALS, problems.WORDS[len(problems.SPECIALS) :])


def known(tokens: Tensor) -> Tensor:
    """The positions that are never masked, bool `[B, L]`."""
    return torch.from_numpy(problems.known(tokens.numpy()))


PERIODS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 60, 120, 240)
OCTAVES = (0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75)


def circles() -> Tensor:
    """Numbers 1..REACH as points on circles, `[REACH, 2 (periods + octaves)]`.

    A sum turns each circle by an angle, a product each circle of the logarithm, so what is learned of some sums holds
    for others. Embeddings start here and stay free: twice as few steps to know all sums (docs/log.md).
    """
    number = torch.arange(1, problems.REACH + 1).double()
    turns = [number / period for period in PERIODS] + [rate * number.log2() for rate in OCTAVES]
    angle = 2 * torch.pi * torch.stack(turns, dim=1)
    return torch.cat((angle.cos(), angle.sin()), dim=1).float()


@torch.no_grad()
def begin_on_circles(network: PlainTransformer) -> None:
    """Let the numbers' embeddings start on circles, at the size of other embeddings."""
    numbers = network.embedding.weight[problems.ZERO + 1 :]
    known = circles()
    numbers.mul_(0.5)[:, : known.shape[1]] = 2**0.5 * known


def heldout() -> Tensor:
    """Every held-out problem once with the first of its answers, int64 `[N, L]`."""
    rows = [
        problems.row(each.numbers, each.target, problems.solutions(each.numbers)[each.target][0])
        for each in problems.problems(True)
    ]
    return torch.tensor(rows)


def data(first: int = 0) -> Data:
    """What the model is trained on, from batch `first` on."""
    return Data(lambda index, size: torch.from_numpy(problems.batch(first + index, size)), heldout(), known)


def train_countdown(folder: Path, recipe: Recipe) -> None:
    """Train the Countdown model and export it to `folder` at every save."""
    shape = TransformerConfig(len(problems.WORDS), problems.LENGTH, width=160, depth=6, heads=5, absolute=True)
    network = warm_started(folder, shape, recipe.seed, begin_on_circles)
    train(Task(network, data(), tokenizer()), recipe, folder)


def train_countdown_prism(folder: Path, recipe: Recipe) -> None:
    """Train the head that scores the Countdown model's tokens, and write it to the model's folder."""
    late = problems.MIX[0][0]  # the mixture of problems that training ends with
    train_prism(folder.parent / "countdown", recipe, load_embedded("countdown", compute("cpu")), data(late))


TRAINERS: dict[str, Trainer] = {
    "countdown": train_countdown,
    "countdown-prism": train_countdown_prism,
}
"""The embedded Countdown models by name."""
