"""Pictures as codes on a 16 x 16 grid: the paper's ImageNet set-up on emoji, small enough to come with the app."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from remdm.domains.image import emoji, imagenet
from remdm.domains.image.codes import piece, start, text
from remdm.domains.image.exports import animation
from remdm.domains.image.rendering import GRID, NAME, atlas, drawn, load_part, scene, tile
from remdm.models.checkpoints import Checkpoint, load_embedded, recommended
from remdm.models.classifier import Classifier, load_classifier
from remdm.models.vq import as_input
from remdm.runs.domain import Domain, Model
from remdm.runs.tokens import TokenView
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.guidance import Guided, Prefixed
from remdm.sampling.knobs import check, knob

CONSTANT, RISING = "constant", "rising"


@dataclass(frozen=True)
class Asked:
    """What is to be drawn."""

    # all that any model draws; each model's `choices` say what it can
    category: str = knob("face", choices=(*emoji.NAMES, emoji.NOTHING, *imagenet.NAMES), help="What to draw.")
    style: str = knob("any", choices=(*emoji.STYLES, emoji.NOTHING), help="Whose drawing.")
    guidance_scale: float = knob(
        4.0, 0, 8, step=0.1, symbol="γ", help="Pulls towards the category: 1 is off. MaskGIT's papers write w = γ − 1."
    )
    guidance_schedule: str = knob(
        CONSTANT, choices=(CONSTANT, RISING), label="Guidance over time",
        help="The same throughout, or from 1 up to γ.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)


def classifier() -> Classifier:
    """The classifier that was trained on the same emoji."""
    return load_part("classifier.safetensors", load_classifier)


def conditioned(checkpoint: Checkpoint, asked: Asked) -> Denoiser:
    """x_theta of the codes under a category and a style, guided away from what is likely without them."""
    behind = partial(Prefixed, checkpoint.denoiser)
    nothing = behind(prefix(checkpoint, emoji.NOTHING, emoji.NOTHING))
    category = behind(prefix(checkpoint, asked.category, asked.style))
    return Guided(category, nothing, asked.guidance_scale, asked.guidance_schedule == RISING)


def prefix(checkpoint: Checkpoint, *asked: str) -> tuple[int, ...]:
    """The ids of a category and a style."""
    vocab = checkpoint.tokenizer.get_vocab()
    return tuple(vocab[word] for word in asked)


@torch.inference_mode()
def answers(states: Sequence[Sequence[int]]) -> list[str]:
    """What the classifier takes each finished picture for, by its ids `[256]`."""
    pixels, _ = drawn(states)
    logits = classifier()(as_input(torch.from_numpy(pixels)))
    return [emoji.NAMES[place] for place in logits.argmax(dim=1).tolist()]


def numbers(samples: Sequence[TokenView]) -> list[tuple[str, str, str]]:
    """What the classifier says of all finished pictures, and how different they are."""
    whole = [view.ids for view in samples if not view.masked and len(view.ids) == GRID**2]
    if not whole:
        return []
    named = answers(whole)
    counted = ", ".join(f"{name} {named.count(name)}" for name in emoji.NAMES if name in named)
    used = np.mean([len(set(ids)) for ids in whole])
    found = [
        ("Classifier says", counted, "A small classifier trained on the same emoji; it knows only the categories."),
        ("Codes in use", f"{used:.0f}", "Different codes in a picture, on average, of 256 cells."),
    ]
    if len(whole) > 1:
        alike = [np.mean(np.equal(one, other)) for k, one in enumerate(whole) for other in whole[:k]]
        found.append(("Cells alike", f"{np.mean(alike):.0%}", "Of two pictures of this set, on average."))
    return found


EMOJI = Model(
    NAME,
    "Emoji, 16 x 16 codes",
    "A small model of 6,865 emoji pictures in the geometry of the paper's ImageNet model: 256 codes from a codebook of "
    "1,024. Art: Noto (Apache-2.0), Twemoji (CC-BY 4.0) and Fluent (MIT).",
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
    recommended=recommended(NAME),
)

DOMAIN = Domain(
    "image",
    "Images",
    (EMOJI, *imagenet.MODELS),
    ask=Asked,
    most_samples=16,
    together=True,
    layout="grid",
    another="Draw another",
)
