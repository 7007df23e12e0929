"""Pictures as codes on a 16 x 16 grid: the paper's ImageNet set-up on emoji, small enough to come with the app."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remdm.domains.image import emoji, imagenet
from remdm.domains.image.exports import animation
from remdm.domains.image.rendering import GRID, NAME, atlas, drawn, load_part, picture_address, tile
from remdm.models.checkpoints import Checkpoint, load_embedded
from remdm.models.classifier import Classifier, load_classifier
from remdm.runs.domain import Domain, Model
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.guidance import Guided, Prefixed
from remdm.sampling.knobs import check, knob


@dataclass(frozen=True)
class Asked:
    """What is to be drawn."""

    # all that any model draws; each model's `choices` say what it can
    category: str = knob("face", choices=(*emoji.NAMES, emoji.NOTHING, *imagenet.NAMES), help="What to draw.")
    style: str = knob("any", choices=(*emoji.STYLES, emoji.NOTHING), help="Whose drawing: Noto or Twemoji.")
    guidance_scale: float = knob(
        2.0, 0, 8, step=0.1, symbol="γ", help="Pulls towards the category: 1 is off. MaskGIT's papers write w = γ − 1."
    )

    def __post_init__(self) -> None:
        check(self)


def classifier() -> Classifier:
    """The classifier that was trained on the same emoji."""
    return load_part(NAME, "classifier.safetensors", load_classifier)


def conditioned(checkpoint: Checkpoint, asked: Asked) -> Denoiser:
    """x_theta of the codes under a category and a style, guided away from what is likely without them."""
    behind = partial(Prefixed, checkpoint.denoiser)
    nothing = behind(prefix(checkpoint, emoji.NOTHING, emoji.NOTHING))
    return Guided(behind(prefix(checkpoint, asked.category, asked.style)), nothing, asked.guidance_scale)


def prefix(checkpoint: Checkpoint, *said: str) -> tuple[int, ...]:
    """The ids of a category and a style."""
    return tuple(checkpoint.mask_id + 1 + emoji.CONDITIONS.index(word) for word in said)


def start(prompt: str, length: int, checkpoint: Checkpoint) -> Tensor:
    """Nothing but masks, `[256]`.

    Raises:
        ValueError: for a prompt, which this model cannot read.
    """
    if prompt.strip():
        raise ValueError("The picture model reads no prompt; choose a category instead.")
    return torch.full((length,), checkpoint.mask_id)


def piece(token: int, checkpoint: Checkpoint) -> str:
    """A code as printed: its number."""
    return f" {token}" if token < checkpoint.mask_id else " <mask>"


def text(ids: Sequence[int], checkpoint: Checkpoint) -> str:
    """The codes row by row."""
    rows = [ids[first : first + GRID] for first in range(0, len(ids), GRID)]
    return "\n".join(" ".join(str(int(code)) for code in row) for row in rows)


def scene(words: Sequence[str | None]) -> dict[str, Any]:
    """The picture of the codes known so far; what stands at masked cells means nothing, the page hatches it."""
    return {"picture": picture_address(tuple(words)) if any(word is not None for word in words) else ""}


@torch.inference_mode()
def answers(words: Sequence[Sequence[str | None]]) -> list[str]:
    """What the classifier takes each finished picture for."""
    pixels, _ = drawn(words)
    seen = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    return [emoji.NAMES[place] for place in classifier()(seen).argmax(dim=1).tolist()]


def numbers(words: Sequence[Sequence[str | None]]) -> list[tuple[str, str, str]]:
    """What the classifier says of all pictures, and how different they are."""
    whole = [each for each in words if all(word is not None for word in each)]
    if not whole:
        return []
    said = answers(whole)
    counted = ", ".join(f"{name} {said.count(name)}" for name in emoji.NAMES if name in said)
    made = [("Classifier says", counted, "A small classifier trained on the same emoji; it knows only these eight.")]
    used = np.mean([len(set(each)) for each in whole])
    made.append(("Codes in use", f"{used:.0f}", "Different codes in a picture, on average, of 256 cells."))
    if len(whole) > 1:
        alike = [np.mean([a == b for a, b in zip(one, other, strict=True)])
                 for k, one in enumerate(whole) for other in whole[:k]]  # fmt: skip
        made.append(("Cells alike", f"{np.mean(alike):.0%}", "Of two pictures of this set, on average."))
    return made


EMOJI = Model(
    NAME,
    "Emoji, 16 x 16 codes",
    "A small model of 1,628 emoji pictures in the geometry of the paper's ImageNet model: 256 codes from a "
    "codebook of 512. Art: Noto (Apache-2.0) and Twemoji (CC-BY 4.0).",
    partial(load_embedded, NAME),
    start,
    piece,
    text,
    None,
    length=GRID**2,
    denoiser=conditioned,
    scene=scene,
    once=atlas,
    tile=tile,
    film=animation,
    numbers=numbers,
    choices={"category": (*emoji.NAMES, emoji.NOTHING), "style": (*emoji.STYLES, emoji.NOTHING)},
    prompt_help="",
    # tau and eta of the paper's ImageNet runs (arXiv 2503.00307, Appendix D.2)
    defaults={"sampler": "remdm-rescale", "steps": 32, "eta": 0.05, "temperature": 0.8, "nucleus_p": 1.0},
)

DOMAIN = Domain(
    "image", "Pictures", (EMOJI, *imagenet.MODELS), ask=Asked, most_samples=16, together=True, layout="grid"
)
