"""`remdm train countdown`: the Countdown models on generated problems; only the answer is masked."""

from functools import partial
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from remdm.domains.countdown import problems, rows
from remdm.domains.countdown.problems import Range
from remdm.models.checkpoints import load_embedded
from remdm.models.network import compute
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.models.vocabulary import closed_tokenizer
from remdm.training.batches import Data
from remdm.training.loop import Recipe, Task, Trainer, train, warm_started
from remdm.training.prism import train_prism


def tokenizer(asked: Range) -> Tokenizer:
    """One token per number, operation or sign."""
    return closed_tokenizer(problems.SPECIALS, problems.words(asked)[len(problems.SPECIALS) :])


def known(tokens: Tensor) -> Tensor:
    """The positions that are never masked, bool `[B, L]`."""
    return torch.from_numpy(rows.known(tokens.numpy()))


PERIODS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 60, 120, 240, 480)


def periods(reach: int) -> list[int]:
    """Of the circles that sums turn; the longest one still tells all numbers up to `reach` apart."""
    return [each for each in PERIODS if each <= 2.5 * reach]


def octaves(reach: int) -> list[float]:
    """How often an octave turns each circle of the logarithm; the fastest one tells the largest numbers apart."""
    return [0.25 + 0.5 * place for place in range(round(reach / 12.5))]


def circles(reach: int) -> Tensor:
    """Numbers 1..reach as points on circles, `[reach, 2 (periods + octaves)]`.

    A sum turns each circle by an angle, a product each circle of the logarithm, so what is learned of some sums holds
    for others. Embeddings start here and stay free: twice as few steps to know all sums (docs/log.md).
    """
    number = torch.arange(1, reach + 1).double()
    turns = [number / period for period in periods(reach)] + [rate * number.log2() for rate in octaves(reach)]
    angle = 2 * torch.pi * torch.stack(turns, dim=1)
    return torch.cat((angle.cos(), angle.sin()), dim=1).float()


@torch.no_grad()
def begin_on_circles(network: PlainTransformer) -> None:
    """Let the numbers' embeddings start on circles, at the size of other embeddings."""
    numbers = network.embedding.weight[problems.ZERO + 1 :]
    known = circles(len(numbers))
    numbers.mul_(0.5)[:, : known.shape[1]] = 2**0.5 * known


def heldout(asked: Range) -> Tensor:
    """Held-out problems once with the first of their answers, int64 `[N, L]`."""
    some = problems.spread(problems.problems(asked, True))
    ways = (problems.solutions(each.numbers, asked.limit)[each.target][0] for each in some)
    return torch.tensor([problems.row(each.numbers, each.target, way) for each, way in zip(some, ways, strict=True)])


def data(asked: Range, first: int = 0) -> Data:
    """What a model is trained on, from batch `first` on."""
    return Data(lambda index, size: torch.from_numpy(rows.batch(asked, first + index, size)), heldout(asked), known)


def train_countdown(name: str, folder: Path, recipe: Recipe) -> None:
    """Train the Countdown model of a name and export it to `folder` at every save."""
    asked = problems.RANGES[name]
    size = asked.size
    words = tokenizer(asked)
    shape = TransformerConfig(
        words.get_vocab_size(), problems.LENGTH, width=size.width, depth=size.depth, heads=size.heads, absolute=True
    )
    network = warm_started(folder, shape, recipe.seed, begin_on_circles)
    train(Task(network, data(asked), words, eight_bits=size.eight_bits), recipe, folder)


def train_countdown_prism(folder: Path, recipe: Recipe) -> None:
    """Train the head that scores the Countdown model's tokens, and write it to the model's folder."""
    late = problems.SMALL.mix[0][0]  # the mixture of problems that training ends with
    train_prism(
        folder.parent / "countdown", recipe, load_embedded("countdown", compute("cpu")), data(problems.SMALL, late)
    )


TRAINERS: dict[str, Trainer] = {
    **{name: partial(train_countdown, name) for name in problems.RANGES},
    "countdown-prism": train_countdown_prism,
}
"""The embedded Countdown models by name."""
