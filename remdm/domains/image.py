"""Pictures as codes on a 16 x 16 grid: the paper's ImageNet set-up on emoji, small enough to come with the app."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remdm.checkpoints import ROOT, Checkpoint, CheckpointError, load_embedded
from remdm.data import emoji
from remdm.data.pictures import address, hatched, sheet
from remdm.denoiser import Denoiser
from remdm.domains import imagenet
from remdm.domains.base import Domain, Model
from remdm.guidance import Guided, Prefixed
from remdm.knobs import check, knob
from remdm.models.classifier import Classifier, load_classifier
from remdm.models.vq import VQ, as_pixels, load_vq
from remdm.trace import Trace

NAME = "emoji"
GRID = 16
MAX_TILE_CACHE = 512


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


def scene(words: Sequence[str | None]) -> dict[str, Any]:
    """The picture of the codes known so far; what stands at masked cells means nothing, the page hatches it."""
    return {"picture": _address(tuple(words)) if any(word is not None for word in words) else ""}


@lru_cache(MAX_TILE_CACHE)
def _address(words: tuple[str | None, ...]) -> str:
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


def film(trace: Trace) -> bytes:
    """A run as a GIF of its pictures."""
    from remdm.domains.image_files import animation  # it draws with what stands here

    return animation(trace)


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
    film=film,
    numbers=numbers,
    choices={"category": (*emoji.NAMES, emoji.NOTHING), "style": (*emoji.STYLES, emoji.NOTHING)},
    prompt_help="",
    # tau and eta of the paper's ImageNet runs (arXiv 2503.00307, Appendix D.2)
    defaults={"sampler": "remdm-rescale", "steps": 32, "eta": 0.05, "temperature": 0.8, "nucleus_p": 1.0},
)

DOMAIN = Domain(
    "image", "Pictures", (EMOJI, *imagenet.MODELS), ask=Asked, most_samples=16, together=True, layout="grid"
)
