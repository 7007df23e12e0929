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
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def sheet(pixels: np.ndarray) -> str:
    """The same without loss, as PNG: for a sheet of patches, whose neighbours must not bleed into each other."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


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
