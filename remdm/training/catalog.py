"""Every embedded model that can be trained: `python -m remdm train DOMAIN --model NAME`."""

from collections.abc import Callable
from pathlib import Path

from remdm.training import countdown, image, molecule, text
from remdm.training.loop import Recipe

Trainer = Callable[[Path, Recipe], None]
"""Trains a model by a recipe and exports it to a folder as it goes."""

TRAINERS: dict[str, dict[str, Trainer]] = {
    "countdown": countdown.TRAINERS,
    "image": image.TRAINERS,
    "molecule": molecule.TRAINERS,
    "text": text.TRAINERS,
}
"""By domain and name; a domain's first model is its default."""
