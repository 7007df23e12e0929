"""Small pictures for the page: compressed data addresses, and hatching where nothing is known."""

import base64
import io

import numpy as np
from PIL import Image

HATCH_LIGHT, HATCH_DARK = (232, 234, 238), (196, 200, 208)


def address(pixels: np.ndarray, quality: int = 82) -> str:
    """RGB pixels, uint8 `[H, W, 3]`, as a WebP data address: about 1.5 kB for a picture."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", quality=quality, method=2)
    return webp_address(out.getvalue())


def webp_address(data: bytes) -> str:
    """A WebP file's bytes as a data address."""
    return "data:image/webp;base64," + base64.b64encode(data).decode()


def hatched(pixels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Pixels with slanted lines over the cells that are not known.

    Args:
        pixels: uint8 `[S, S, 3]`.
        known: bool `[G, G]`, G dividing S.
    """
    size, cell = len(pixels), len(pixels) // len(known)
    rows, columns = np.indices((size, size))
    lines = np.where(((rows + columns) // 2 % 3 == 0)[..., None], HATCH_DARK, HATCH_LIGHT).astype(np.uint8)
    hidden = ~np.kron(known, np.ones((cell, cell), dtype=bool))
    return np.where(hidden[..., None], lines, pixels)
