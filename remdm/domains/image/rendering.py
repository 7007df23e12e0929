"""Pictures of the embedded model's codes: decoded by its VQ tokenizer, whole or in part."""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image

from remdm.domains.image.codes import codes_of, described
from remdm.domains.image.pictures import address, hatched, webp_address
from remdm.models.checkpoints import ROOT, CheckpointError
from remdm.models.small_vqgan import SmallVQGAN, load_tokenizer
from remdm.models.vq import as_pixels
from remdm.runs.tokens import TokenView

NAME = "emoji"
GRID = 16
MAX_TILE_CACHE = 512
Part = TypeVar("Part")


def load_part(file: str, load: Callable[[Path], Part]) -> Part:
    """A part of the embedded model other than its network.

    Raises:
        CheckpointError: if its file is missing or does not fit.
    """
    try:
        return load(ROOT / NAME / file)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"checkpoints/{NAME}/{file} is missing or does not fit; restore it or run: python -m remdm train image"
        ) from error


def tokenizer() -> SmallVQGAN:
    return load_part("vq.safetensors", load_tokenizer)


@torch.inference_mode()
def drawn(states: Sequence[Sequence[int]] | Sequence[np.ndarray] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of states, uint8 `[n, S, S, 3]`, drawn in one batch, and their known cells, bool `[n, 16, 16]`.

    Args:
        states: ids `[n, 256]`; the mask, like all that is not a code, is unknown.
    """
    vq = tokenizer()
    read = [codes_of(ids, vq.config.codes) for ids in states]
    codes, known = (torch.from_numpy(np.stack(part)) for part in zip(*read, strict=True))
    return as_pixels(vq.decode(codes, known)).numpy(), known.numpy()


@lru_cache(MAX_TILE_CACHE)
def _picture(ids: tuple[int, ...]) -> str:
    return address(drawn([ids])[0][0])


@lru_cache(MAX_TILE_CACHE)
def _tile(ids: tuple[int, ...]) -> str:
    pixels, known = drawn([ids])
    picture = address(hatched(pixels[0], known[0]))
    return f'<img width="64" height="64" alt="{described(known)}" src="{picture}">'


def scene(view: TokenView) -> dict[str, str] | None:
    """The picture of the codes known so far; what stands at masked cells means nothing, the page hatches it."""
    if len(view.ids) != GRID**2:
        return None
    return {"picture": _picture(view.ids) if view.masked < GRID**2 else ""}


def tile(view: TokenView) -> str:
    """A small picture of a state, masked cells hatched."""
    return _tile(view.ids) if len(view.ids) == GRID**2 else ""


@torch.inference_mode()
def patches(vq: SmallVQGAN, codes: torch.Tensor) -> np.ndarray:
    """What each of `codes [n]` draws among its own kind, uint8 `[n, cell, cell, 3]`: the middle of a field of it."""
    fields, cell = codes[:, None, None].expand(-1, 8, 8), vq.config.cell
    pixels = as_pixels(torch.cat([vq.decode(part) for part in fields.split(64)])).cpu().numpy()
    return pixels[:, 3 * cell : 4 * cell, 3 * cell : 4 * cell]


def save_atlas(vq: SmallVQGAN, file: Path) -> None:
    """Write the patches of all codes, 32 to a row, as one picture without loss."""
    codes, cell = vq.config.codes, vq.config.cell
    rows = patches(vq, torch.arange(codes, device=vq.codebook.vectors.device)).reshape(-1, 32, cell, cell, 3)
    pixels = np.ascontiguousarray(rows.transpose(0, 2, 1, 3, 4).reshape(-1, 32 * cell, 3))
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, method=6)


@cache
def atlas() -> dict[str, str]:
    """That picture: it takes a CPU seconds to draw, so it comes with the weights."""
    return {"atlas": webp_address(load_part("atlas.webp", Path.read_bytes))}
