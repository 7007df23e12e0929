"""`remdm train image`: the tokenizer, the classifier that measures, and the model of the tokenizer's codes."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from remdm.domains.image import emoji
from remdm.domains.image.album import Album
from remdm.domains.image.emoji_art import SIDE
from remdm.domains.image.perceptual import load_perceptual
from remdm.domains.image.rendering import save_atlas
from remdm.domains.image.train_vq import train_vq
from remdm.models.classifier import Classifier
from remdm.models.network import Compute, compute
from remdm.models.small_vqgan import SmallVQGAN
from remdm.models.square_transformer import GridConfig, GridTransformer
from remdm.models.vocabulary import closed_tokenizer
from remdm.models.vq import as_pixels
from remdm.models.weights import save_weights
from remdm.training.batches import Data, leading
from remdm.training.loop import Recipe, Task, Trainer, train
from remdm.training.timed import Timed

VQ_SHARE, CLASSIFIER_SHARE = 0.36, 0.05
"""Of the whole time; encoding takes what it takes, and the model of the codes gets the rest."""
VARIATIONS = 32
"""Of each picture; their codes are computed once."""
DROPPED = 0.1
"""Share of training pictures without category and style; as many again have a category alone."""
HELDOUT = 256
"""Held-out pictures for the bound."""
SHOWN = 48
"""Held-out pictures on the sheet of reconstructions."""


def train_classifier(
    album: Album, vq: SmallVQGAN, seconds: float, file: Path, compute: Compute, batch: int = 48, seed: int = 0
) -> Classifier:
    """A classifier of pictures and of their reconstructions, so that the tokenizer's artefacts do not mislead it."""
    torch.manual_seed(seed)
    generator = torch.Generator(album.device).manual_seed(seed)
    network = Classifier(len(emoji.CATEGORIES), 32, SIDE).to(album.device)
    timed = Timed("classifier", seconds, compute)
    optimiser = timed.optimiser(network, 2e-3, (0.9, 0.95))
    while timed.done < 1:
        chosen = album.drawn(batch, generator, even=True)
        seen = album.varied(chosen, generator)
        with torch.no_grad(), timed.compute.autocast():
            seen = torch.cat((seen[: batch // 2], vq.decode(vq.encode(seen[batch // 2 :]))))
        noise = torch.rand(batch, 1, 1, 1, device=album.device) * torch.randn_like(seen)
        with timed.compute.autocast():
            logits = network(seen + 0.1 * noise).float()
        loss = F.cross_entropy(logits, album.label[chosen], label_smoothing=0.05)
        timed.apply(optimiser, loss)
        timed.report({"loss": loss.detach()})
    remember(network.eval(), album, generator)
    save_weights(network, file, torch.float32)
    return network


@torch.inference_mode()
def remember(classifier: Classifier, album: Album, generator: torch.Generator, batches: int = 64) -> None:
    """Store mean and covariance of the features of training pictures, with categories equally likely."""
    chosen = [album.drawn(64, generator, even=True) for _ in range(batches)]
    features = torch.cat([classifier.features(album.varied(each, generator)) for each in chosen])
    classifier.mean.copy_(features.mean(dim=0))
    classifier.covariance.copy_(features.T.cov())


@torch.inference_mode()
def held_accuracy(classifier: Classifier, vq: SmallVQGAN, album: Album) -> str:
    """How well held-out pictures and their reconstructions are told apart, and how near these are to them."""
    chosen = album.heldout.nonzero()[:, 0]
    right, redrawn, off, used = 0.0, 0.0, 0.0, []
    for part in chosen.split(128):
        seen = album.plain(part)
        codes = vq.encode(seen)
        again = vq.decode(codes)
        used.append(codes.flatten())
        right += (classifier(seen).argmax(1) == album.label[part]).float().sum().item()
        redrawn += (classifier(again).argmax(1) == album.label[part]).float().sum().item()
        off += ((again - seen) / 2).square().mean((1, 2, 3)).sum().item()
    share = torch.bincount(torch.cat(used), minlength=vq.config.codes).double()
    share = share / share.sum()
    perplexity = torch.exp(-(share * share.clamp(min=1e-12).log()).sum()).item()
    count = len(chosen)
    return (
        f"{count} held-out pictures: classifier right {right / count:.1%}, of reconstructions {redrawn / count:.1%}; "
        f"mean squared error {off / count:.5f} of [0, 1]; {int((share > 0).sum())} codes in use, "
        f"perplexity {perplexity:.0f}"
    )


def sequences(album: Album, codes: Tensor, chosen: Tensor, generator: torch.Generator, first: int) -> Tensor:
    """Category, style and the codes of one variation of each chosen picture, int64 `[n, 2 + 256]`.

    `first` is the id of the first condition. Category and style are named unless chance withholds them.
    """
    nothing = len(emoji.CONDITIONS) - 1
    luck = torch.rand(len(chosen), generator=generator, device=album.device)
    category = torch.where(luck < DROPPED, nothing, album.label[chosen])
    style = torch.where(luck < 2 * DROPPED, nothing, album.style[chosen] + len(emoji.CATEGORIES))
    which = torch.randint(len(codes), (len(chosen),), generator=generator, device=album.device)
    return torch.cat((torch.stack((category, style), dim=1) + first, codes[which, chosen].long()), dim=1)


def train_emoji(folder: Path, recipe: Recipe) -> None:
    """Train tokenizer, classifier and model, and export them to `folder`; `recipe.minutes` are for all of it.

    What is done already is not done again: the tokenizer and classifier of the folder's training state are kept.
    """
    begun, seconds, chosen = time.monotonic(), recipe.minutes * 60, compute(recipe.device)
    if chosen.device.type == "cuda":
        torch.backends.cudnn.benchmark = torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    large = chosen.device.type == "cuda"
    data, work = recipe.data or folder / "training" / "data", folder / "training"
    folder.mkdir(parents=True, exist_ok=True)
    album = Album(emoji.prepare(data), chosen.device)
    print(f"{len(album.label):,} pictures after {time.monotonic() - begun:.0f} s", flush=True)
    batch = 96 if large else 16
    vq = train_vq(album, load_perceptual(data), VQ_SHARE * seconds, folder / "vq.safetensors", chosen, batch)
    reconstructions(album, vq).save(folder / "reconstruction.webp", quality=88)
    save_atlas(vq, folder / "atlas.webp")
    classifier = train_classifier(
        album, vq, CLASSIFIER_SHARE * seconds, folder / "classifier.safetensors", chosen, 256 if large else 48
    )
    print(held_accuracy(classifier, vq, album), flush=True)
    codes = album.codes(vq, VARIATIONS if large else 2)
    print(f"codes after {time.monotonic() - begun:.0f} s", flush=True)
    torch.manual_seed(recipe.seed)
    config = GridConfig(vq.config.codes, kinds=len(emoji.CONDITIONS), fine=112, width=224)
    first = config.mask_id + 1  # of the conditions
    words = [*map(str, range(vq.config.codes)), "<mask>", *emoji.CONDITIONS]
    tokenizer = closed_tokenizer((), words)

    def batch_of(index: int, size: int) -> Tensor:
        with torch.no_grad():
            generator = torch.Generator(album.device).manual_seed(1000 + index)
            return sequences(album, codes, album.drawn(size, generator), generator, first)

    generator = torch.Generator(album.device).manual_seed(4)
    held = album.heldout.nonzero()[:, 0]
    held = held[torch.randperm(len(held), generator=generator, device=album.device)[:HELDOUT]]
    heldout = sequences(album, codes, held, generator, first).cpu()
    task = Task(GridTransformer(config), Data(batch_of, heldout, leading(config.conditions)), tokenizer)
    left = max(seconds - (time.monotonic() - begun), 0.3 * seconds if not work.exists() else 0.0)
    train(task, replace(recipe, minutes=left / 60), folder)


@torch.inference_mode()
def reconstructions(album: Album, vq: SmallVQGAN) -> Image.Image:
    """Held-out pictures next to what their codes draw, eight pairs in a row."""
    held = album.heldout.nonzero()[:, 0]
    chosen = held[:: max(1, len(held) // SHOWN)][:SHOWN]
    seen = album.plain(chosen)
    pairs = torch.cat((as_pixels(seen), as_pixels(vq.decode(vq.encode(seen)))), dim=2).cpu().numpy()
    rows = [np.concatenate(list(pairs[first : first + 8]), axis=1) for first in range(0, len(pairs) - 7, 8)]
    return Image.fromarray(np.concatenate(rows))


TRAINERS: dict[str, Trainer] = {"emoji": train_emoji}
"""The embedded picture models by name."""
