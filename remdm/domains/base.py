"""What a domain offers to the command line, to the page and to the recorder of traces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from remdm.checkpoints import Checkpoint
from remdm.models.network import Compute


@dataclass(frozen=True)
class Note:
    """Something wrong that a checker found: the positions to blame, its kind, and a plain sentence."""

    positions: tuple[int, ...]
    kind: str
    message: str


@dataclass(frozen=True)
class Model:
    """A model of a domain.

    Attributes:
        name: as in flags, addresses and traces. title: as in the list on the page.
        about: one or two plain sentences: what it is, and where it is weak.
        load: the checkpoint on a device, loaded once.
        start: (prompt, length, checkpoint) -> start ids; raises ValueError with one sentence.
        piece: (id, checkpoint) -> how a token is printed, a leading space where one stands before it.
        text: (ids, checkpoint) -> the printed text without special tokens.
        notes: words `[L]` (None where masked) -> what a checker finds wrong; None where the model has no checker.
        length: positions by default. lengths: the shortest and longest to choose from, None where it is fixed.
        examples: prompts to try.
    """

    name: str
    title: str
    about: str
    load: Callable[[Compute], Checkpoint]
    start: Callable[[str, int, Checkpoint], torch.Tensor]
    piece: Callable[[int, Checkpoint], str]
    text: Callable[[Sequence[int], Checkpoint], str]
    notes: Callable[[Sequence[str | None]], tuple[Note, ...]] | None
    length: int
    lengths: tuple[int, int] | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Domain:
    """A kind of thing that is sampled: its models, the first one being the default."""

    name: str
    title: str
    models: tuple[Model, ...]

    def model(self, name: str | None) -> Model:
        """A model by name, the default for None.

        Raises:
            ValueError: for an unknown name.
        """
        for model in self.models:
            if name in (None, model.name):
                return model
        raise ValueError(f"model must be one of {', '.join(model.name for model in self.models)}, got {name}")
