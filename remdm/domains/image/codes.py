"""Pictures as codes of a VQ tokenizer: every code is called by its number, and the square is read row by row."""

from collections.abc import Sequence
from math import isqrt

import numpy as np
import torch
from torch import Tensor

from remdm.models.checkpoints import Checkpoint


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
    side = isqrt(checkpoint.length)
    rows = [ids[first : first + side] for first in range(0, len(ids), side)]
    return "\n".join(" ".join(str(int(code)) for code in row) for row in rows)


def codes_of(ids: Sequence[int] | np.ndarray, codes: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes, int64 `[side, side]`, and which of them are known, bool; any other id, as the mask's, is unknown."""
    found, side = np.asarray(ids), isqrt(len(ids))
    known = found < codes
    return np.where(known, found, 0).reshape(side, side), known.reshape(side, side)


def described(known: np.ndarray) -> str:
    """How much of a picture is known, in words."""
    return "a finished picture" if known.all() else f"{int(known.sum())} of {known.size} cells known"
