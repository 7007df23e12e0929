"""`remdm train image`: the VQ tokenizer, the model of its codes, and the classifier that measures both."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from remdm.domains.image import emoji
from remdm.domains.image.train_vq import TimedTraining, balanced, fresh_pictures, train_vq
from remdm.models.checkpoints import save_embedded
from remdm.models.classifier import Classifier
from remdm.models.network import compute
from remdm.models.square_transformer import GridConfig, GridTransformer
from remdm.models.vocabulary import closed_tokenizer
from remdm.models.vq import VQ, as_input
from remdm.models.weights import save_weights
from remdm.training.loop import Recipe, Task, train

VQ_MINUTES = 5.5
CLASSIFIER_MINUTES = 1.0
VARIATIONS = 12
"""Of each picture; their codes are computed once."""
DROPPED = 0.1
"""Share of training pictures without category and style; as many again have a category alone."""
HELDOUT = 96
"""Held-out pictures for the bound."""


def train_classifier(pictures: emoji.Emoji, vq: VQ, minutes: float, path: Path, seed: int = 0) -> Classifier:
    """A classifier of pictures and of their reconstructions, so that the tokenizer's artefacts do not mislead it."""
    torch.manual_seed(seed)
    network = Classifier(len(emoji.CATEGORIES))

    def loss_of(step: int) -> Tensor:
        seen, label = fresh_pictures(pictures, step, 48)
        with torch.no_grad():
            seen[::2] = vq.decode(vq.encode(seen[::2]))
        noise = 0.1 * torch.rand(len(seen), 1, 1, 1) * torch.randn_like(seen)
        return F.cross_entropy(network(seen + noise).float(), label, label_smoothing=0.05)

    TimedTraining(network, minutes, path, rate=2e-3).train(loss_of)
    return network.eval()


@torch.inference_mode()
def remember(classifier: Classifier, pictures: emoji.Emoji, batches: int = 64) -> None:
    """Store mean and covariance of the features of training pictures, with categories equally likely."""
    features = torch.cat([classifier.features(fresh_pictures(pictures, 10**6 + k, 64)[0]) for k in range(batches)])
    classifier.mean.copy_(features.mean(dim=0))
    classifier.covariance.copy_(features.T.cov())


@torch.inference_mode()
def tokenized(pictures: emoji.Emoji, vq: VQ, cache: Path) -> np.ndarray:
    """Codes of variations of every picture, held-out ones too, uint16 `[VARIATIONS, N, 256]`; computed once."""
    if not cache.is_file():
        rng, everyone = np.random.default_rng(2), np.arange(len(pictures.label))
        codes = []
        for _ in range(VARIATIONS):
            pixels = torch.from_numpy(emoji.varied(pictures, everyone, rng))
            codes.append(torch.cat([vq.encode(as_input(part)).flatten(1) for part in pixels.split(64)]))
        np.savez_compressed(cache, codes=torch.stack(codes).numpy().astype(np.uint16))
    with np.load(cache, allow_pickle=False) as data:
        return data["codes"]


def sequences(
    pictures: emoji.Emoji, codes: np.ndarray, chosen: np.ndarray, rng: np.random.Generator, first: int
) -> Tensor:
    """Category, style and the codes of one variation of each chosen picture, int64 `[n, 2 + 256]`.

    `first` is the id of the first condition. Category and style are named whenever `rng` does not withhold them.
    """
    category, style, nothing = pictures.label[chosen], pictures.style[chosen], len(emoji.CONDITIONS) - 1
    luck = rng.random(len(chosen))
    category = np.where(luck < DROPPED, nothing, category)
    style = np.where(luck < 2 * DROPPED, nothing, style + len(emoji.CATEGORIES))
    drawn = codes[rng.integers(len(codes), size=len(chosen)), chosen].astype(np.int64)
    return torch.from_numpy(np.concatenate((np.stack((category, style), axis=1) + first, drawn), axis=1))


def train_emoji(folder: Path, recipe: Recipe) -> None:
    """Train tokenizer, model and classifier, and export them to `folder`; `recipe.minutes` are the model's."""
    work = folder / "training"
    pictures = emoji.prepare(work / "data")
    vq = train_vq(pictures, VQ_MINUTES, work / "vq.pt")
    save_weights(vq, folder / "vq.safetensors")
    codes = tokenized(pictures, vq, work / "codes.npz")
    torch.manual_seed(recipe.seed)
    network = GridTransformer(GridConfig(vq.config.codes, kinds=len(emoji.CONDITIONS)))
    mask_id = network.config.mask_id
    words = [*map(str, range(vq.config.codes)), "<mask>", *emoji.CONDITIONS]
    tokenizer = closed_tokenizer((), words)

    def batch(index: int, size: int) -> Tensor:
        rng = np.random.default_rng((3, index))
        return sequences(pictures, codes, balanced(pictures, rng, size), rng, mask_id + 1)

    rng = np.random.default_rng(4)
    heldout = rng.permutation(np.flatnonzero(pictures.heldout))[:HELDOUT]
    task = Task(
        network,
        batch,
        sequences(pictures, codes, heldout, rng, mask_id + 1),
        mask_id,
        lambda averaged, about: save_embedded(folder, averaged, tokenizer, mask_id, about),
        given=lambda x: torch.arange(x.shape[1]).expand_as(x) < network.config.conditions,
    )
    train(task, recipe, work, compute(recipe.device))
    classifier = train_classifier(pictures, vq, CLASSIFIER_MINUTES, work / "classifier.pt")
    remember(classifier, pictures)
    save_weights(classifier, folder / "classifier.safetensors", torch.float32)


TRAINERS: dict[str, Callable[[Path, Recipe], None]] = {"emoji": train_emoji}
"""The embedded picture models by name."""
