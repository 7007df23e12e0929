"""Pictures of the embedded model's codes: decoded by its VQ tokenizer, whole or in part."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch

from remdm.domains.image.pictures import address, hatched, sheet
from remdm.models.checkpoints import ROOT, CheckpointError
from remdm.models.vq import VQ, as_pixels, load_vq

NAME = "emoji"
GRID = 16
MAX_TILE_CACHE = 512


def load_part(name: str, file: str, load: Any) -> Any:
    """A part of an embedded model beside its network.

    Raises:
        CheckpointError: if its file is missing or does not fit.
    """
    try:
        return load(ROOT / name / file)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"checkpoints/{name}/{file} is missing or does not fit; restore it or run: python -m remdm train image"
        ) from error


def tokenizer() -> VQ:
    """The VQ tokenizer of the embedded model."""
    return load_part(NAME, "vq.safetensors", load_vq)


def codes_of(words: Sequence[str | None], codes: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes, int64 `[16, 16]`, and which of them are known, bool; a word that is no code counts as unknown."""
    ids = np.array([int(word) if word is not None and word.isascii() and word.isdigit() else -1 for word in words])
    known = (ids >= 0) & (ids < codes)
    return np.where(known, ids, 0).reshape(GRID, GRID), known.reshape(GRID, GRID)


@torch.inference_mode()
def drawn(words: Sequence[Sequence[str | None]]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of states, uint8 `[n, 64, 64, 3]`, drawn in one batch, and their known cells, bool `[n, 16, 16]`."""
    vq = tokenizer()
    read = [codes_of(each, vq.config.codes) for each in words]
    codes, known = (torch.from_numpy(np.stack(part)) for part in zip(*read, strict=True))
    return as_pixels(vq.decode(codes, known)).numpy(), known.numpy()


@lru_cache(MAX_TILE_CACHE)
def picture_address(words: tuple[str | None, ...]) -> str:
    return address(drawn([words])[0][0])


@lru_cache(MAX_TILE_CACHE)
def _tile(words: tuple[str | None, ...]) -> str:
    pixels, known = drawn([words])
    known_cells = int(known.sum())
    state = "a finished picture" if known_cells == GRID**2 else f"{known_cells} of {GRID**2} cells known"
    return f'<img width="64" height="64" alt="{state}" src="{address(hatched(pixels[0], known[0]))}">'


def tile(words: Sequence[str | None]) -> str:
    """A small picture of a state, masked cells hatched."""
    return _tile(tuple(words))


@cache
@torch.inference_mode()
def atlas() -> dict[str, str]:
    """What each code draws among its own kind, 32 to a row, as one PNG: the middle of a field of that code."""
    vq = tokenizer()
    fields = torch.arange(vq.config.codes)[:, None, None].expand(-1, 8, 8)
    patches = as_pixels(torch.cat([vq.decode(part) for part in fields.split(64)])).numpy()[:, 12:16, 12:16]
    rows = patches.reshape(-1, 32, 4, 4, 3).transpose(0, 2, 1, 3, 4)
    return {"atlas": sheet(np.ascontiguousarray(rows.reshape(-1, 128, 3)))}
