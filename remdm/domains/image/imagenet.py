"""ImageNet models from the hub as models of the image domain: 1,000 classes by name, 256 or 384 pixels."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from remdm.domains.image.imagenet_classes import ANY, LABELS, NAMES
from remdm.domains.image.pictures import address, hatched
from remdm.hub.catalog import Entry, offered
from remdm.hub.image import ImageCheckpoint
from remdm.hub.loading import MODEL_CACHE, fetching, load
from remdm.hub.store import size
from remdm.models.checkpoints import Checkpoint
from remdm.runs.domain import Model, Words
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.guidance import Guided

TILE = 96
"""Pixels of a small picture."""
KEPT = 64
"""Pictures that are remembered."""


def conditioned(checkpoint: Checkpoint, asked: Any) -> Denoiser:
    """x_theta under a class, guided away from what is likely without one.

    Args:
        checkpoint: a picture model.
        asked: with `category`, a class's name or `any`, and `guidance_scale`, gamma.

    Raises:
        ValueError: for a class that ImageNet does not have.
    """
    assert isinstance(checkpoint, ImageCheckpoint)
    nothing = checkpoint.of(checkpoint.null)
    if asked.category == ANY:
        return nothing
    if asked.category not in LABELS:
        raise ValueError(f"ImageNet has no class {str(asked.category)[:60]}; search its 1,000 names.")
    return Guided(checkpoint.of(LABELS[asked.category]), nothing, asked.guidance_scale)


def start(prompt: str, length: int, checkpoint: Checkpoint) -> Tensor:
    """Nothing but masks, `[L]`.

    Raises:
        ValueError: for a prompt, which these models cannot read, or another length than the model's.
    """
    if prompt.strip():
        raise ValueError("The picture model reads no prompt; choose a category instead.")
    if length != checkpoint.length:
        raise ValueError(f"length must be {checkpoint.length} for this model, got {length}")
    return torch.full((length,), checkpoint.mask_id)


def piece(token: int, checkpoint: Checkpoint) -> str:
    """A code as printed: its number."""
    return f" {token}" if token < checkpoint.mask_id else " <mask>"


def text(ids: Sequence[int], checkpoint: Checkpoint) -> str:
    """The codes row by row."""
    assert isinstance(checkpoint, ImageCheckpoint)
    rows = [ids[first : first + checkpoint.side] for first in range(0, len(ids), checkpoint.side)]
    return "\n".join(" ".join(str(int(code)) for code in row) for row in rows)


def scene(name: str, words: Words) -> dict[str, Any] | None:
    """The picture of the codes known so far, where the model that can draw it is loaded.

    On a CPU the decoder takes seconds, so that only finished pictures are drawn there.
    """
    loaded = MODEL_CACHE.peek(name)
    whole = all(word is not None for word in words)
    if not isinstance(loaded, ImageCheckpoint) or not (whole or loaded.draws_quickly):
        return None
    return {"picture": address(_drawn(name, tuple(words))) if any(word is not None for word in words) else ""}


@lru_cache(KEPT)
def _drawn(name: str, words: tuple[str | None, ...]) -> np.ndarray:
    """Pixels `[H, W, 3]`; what stands at unknown codes means nothing."""
    loaded = MODEL_CACHE.peek(name)
    assert isinstance(loaded, ImageCheckpoint)
    codes, _ = codes_of(words, loaded.mask_id)
    return loaded.pictures(torch.from_numpy(codes.reshape(1, -1)))[0].numpy()


def codes_of(words: Words, codes: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes, int64 `[side, side]`, and which of them are known, bool; a word that is no code counts as unknown."""
    ids = np.array(
        [int(word) if word and word.isascii() and word.isdigit() and len(word) < 7 else -1 for word in words]
    )
    known, side = (ids >= 0) & (ids < codes), round(len(ids) ** 0.5)
    return np.where(known, ids, 0).reshape(side, side), known.reshape(side, side)


def tile(name: str, words: Words) -> str:
    """A small picture of a state, unknown cells hatched; all of it where no decoder is at hand."""
    loaded = MODEL_CACHE.peek(name)
    _, known = codes_of(words, loaded.mask_id if loaded else 1 << 20)
    if isinstance(loaded, ImageCheckpoint) and (known.all() or (known.any() and loaded.draws_quickly)):
        shown, pixels = known, _drawn(name, tuple(words))
    else:
        shown, pixels = np.zeros_like(known), np.zeros((TILE, TILE, 3), dtype=np.uint8)
    small = np.asarray(Image.fromarray(pixels).resize((TILE, TILE)))
    cells = len(shown)
    state = "a finished picture" if known.all() else f"{int(known.sum())} of {cells**2} cells known"
    return f'<img width="{TILE}" height="{TILE}" alt="{state}" src="{address(hatched(small, shown))}">'


def model_of(entry: Entry) -> Model:
    """A model of the image domain for an entry."""
    facts = f"{size(entry.download)} to download once; licence" if entry.download else "Downloaded once; licence"
    return Model(
        entry.name,
        entry.title,
        f"{entry.about} On a CPU only finished pictures are drawn. ({facts}: {entry.licence}.)",
        partial(load, entry.name),
        start,
        piece,
        text,
        None,
        length=entry.length,
        denoiser=conditioned,
        scene=partial(scene, entry.name),
        tile=partial(tile, entry.name),
        choices={"category": (*NAMES, ANY), "style": (ANY,)},
        prompt_help="",
        defaults=entry.defaults,
        fetch=partial(fetching, entry.name),
    )


MODELS = tuple(model_of(entry) for entry in offered("image"))
"""The public models of the image domain; nothing of them is loaded or downloaded before it is asked for."""
