"""ImageNet models from the hub as models of the image domain: 1,000 classes by name, 256 or 384 pixels."""

from functools import lru_cache, partial
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from remdm.domains.image.codes import codes_of, described, piece, start, text
from remdm.domains.image.pictures import address, hatched
from remdm.hub.catalog import Entry, offered
from remdm.hub.image import ImageCheckpoint
from remdm.hub.loading import MODEL_CACHE, fetching, load
from remdm.hub.store import size
from remdm.models.checkpoints import Checkpoint
from remdm.runs.domain import Model
from remdm.runs.tokens import TokenView
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.guidance import Guided

_FILE = Path(__file__).with_name("imagenet_classes.txt")
NAMES = tuple(line for line in _FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))
"""ImageNet's 1,000 classes by name; a class's label is its place."""
ANY = "any"
"""No class: what comes without a condition."""
TILE = 96
"""Pixels of a small picture."""
KEPT = 64
"""Pictures that are remembered."""


def conditioned(checkpoint: Checkpoint, asked: Any) -> Denoiser:
    """x_theta under a class, guided away from what is likely without one.

    Args:
        checkpoint: a picture model.
        asked: with `category`, a class's name or `any`, `guidance_scale`, gamma, and `guidance_schedule`.

    Raises:
        ValueError: for a class that ImageNet does not have.
    """
    assert isinstance(checkpoint, ImageCheckpoint)
    nothing = checkpoint.of(checkpoint.null)
    if asked.category == ANY:
        return nothing
    if asked.category not in NAMES:
        raise ValueError(f"ImageNet has no class {str(asked.category)[:60]}; search its 1,000 names.")
    rising = asked.guidance_schedule == "rising"
    return Guided(checkpoint.of(NAMES.index(asked.category)), nothing, asked.guidance_scale, rising)


def _able(name: str, view: TokenView) -> ImageCheckpoint | None:
    """The model that can draw this state, if it is loaded: on a CPU, where that takes seconds, finished ones alone."""
    loaded = MODEL_CACHE.peek(name)
    if not isinstance(loaded, ImageCheckpoint) or len(view.ids) != loaded.length:
        return None
    return loaded if loaded.draws_quickly or not view.masked else None


def scene(name: str, view: TokenView) -> dict[str, str] | None:
    """The picture of the codes known so far, where the model that can draw it is loaded."""
    loaded = _able(name, view)
    if loaded is None:
        return None
    return {"picture": address(_drawn(name, view.ids)) if view.masked < len(view.ids) else ""}


@lru_cache(KEPT)
def _drawn(name: str, ids: tuple[int, ...]) -> np.ndarray:
    """Pixels `[H, W, 3]`; what stands at unknown codes means nothing."""
    loaded = MODEL_CACHE.peek(name)
    assert isinstance(loaded, ImageCheckpoint)
    codes, _ = codes_of(ids, loaded.mask_id)
    return loaded.pictures(torch.from_numpy(codes.reshape(1, -1)))[0].numpy()


def tile(name: str, view: TokenView) -> str:
    """A small picture of a state, unknown cells hatched; all of it where no decoder is at hand."""
    if isqrt(len(view.ids)) ** 2 != len(view.ids):
        return ""
    _, known = codes_of(view.ids, view.mask_id)
    loaded = _able(name, view)
    if loaded and known.any():
        shown, pixels = known, _drawn(name, view.ids)
    else:
        shown, pixels = np.zeros_like(known), np.zeros((TILE, TILE, 3), dtype=np.uint8)
    small = hatched(np.asarray(Image.fromarray(pixels).resize((TILE, TILE))), shown)
    return f'<img width="{TILE}" height="{TILE}" alt="{described(known)}" src="{address(small)}">'


def model_of(entry: Entry) -> Model:
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
