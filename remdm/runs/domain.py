"""What a domain offers to the command line, to the page and to the recorder of traces."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch

from remdm.hub.download import Fetched
from remdm.hub.loading import fetching, load, own_name
from remdm.models.checkpoints import Checkpoint
from remdm.models.network import Compute
from remdm.runs.tokens import Issue, TokenView
from remdm.runs.trace import Trace
from remdm.sampling.denoiser import Denoiser

Figures = Mapping[str, Any]
"""Plotly figures by name."""


@dataclass(frozen=True)
class Nothing:
    """What a domain without conditions asks for besides the prompt."""


def plain(checkpoint: Checkpoint, asked: Any) -> Denoiser:
    """x_theta as the checkpoint has it."""
    return checkpoint.denoiser


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
        issues: a state -> what a checker finds wrong; None where the model has no checker. Like all that is asked of a
            state here, it takes any ids: an opened trace may come from another version of the model.
        length: positions by default. lengths: the shortest and longest to choose from, None where it is fixed.
        examples: prompts to try.
        denoiser: (checkpoint, asked) -> x_theta under what was asked; guidance wraps around it here.
        draw: seed -> the prompt of a run whose prompt is empty; None where an empty prompt means free writing.
        scene: a state -> what the stage shows next to its tokens, small and JSON-ready; None: as before. It depends on
            the state alone, and it is asked at every step.
        once: what the scene needs once a run, JSON-ready, sent with its start; None for nothing.
        tile: a state -> the picture of a sample as a small piece of HTML or SVG, masked parts hatched.
        film: trace -> its GIF, where tokens alone would show little; None: the tokens.
        numbers: all samples that were made together -> (name, value, what it means) of each number.
        charts: the same -> figures by name.
        choices: for fields of the domain's `ask`, the choices that this model has.
        prompt_help: the prompt's one-line hint; empty where the model takes no prompt. placeholder: if it is empty.
        layout: how the player lays out this model's tokens, where not as the domain says.
        defaults: settings that suit the model, by their names in `methods.settings` and in the domain's `ask`.
        recommended: where no sampler is named, the settings that were measured to be best and calm for the model; a
            sampler that is named keeps its paper's values.
        fetch: device -> its download with progress, iterated to its end before `load`; None where nothing is lacking.
        ends: ids behind which nothing of an answer is printed; given words stay though one was written before them.
        notes: (prompt, checkpoint) -> sentences on what the model makes of the prompt otherwise than one may think.
    """

    name: str
    title: str
    about: str
    load: Callable[[Compute], Checkpoint]
    start: Callable[[str, int, Checkpoint], torch.Tensor]
    piece: Callable[[int, Checkpoint], str]
    text: Callable[[Sequence[int], Checkpoint], str]
    issues: Callable[[TokenView], tuple[Issue, ...]] | None
    length: int
    lengths: tuple[int, int] | None = None
    examples: tuple[str, ...] = ()
    denoiser: Callable[[Checkpoint, Any], Denoiser] = plain
    draw: Callable[[int], str] | None = None
    scene: Callable[[TokenView], dict[str, Any] | None] | None = None
    once: Callable[[], dict[str, Any]] | None = None
    tile: Callable[[TokenView], str] | None = None
    film: Callable[[Trace], bytes] | None = None
    numbers: Callable[[Sequence[TokenView]], Sequence[tuple[str, str, str]]] | None = None
    charts: Callable[[Sequence[TokenView]], Figures] | None = None
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    prompt_help: str = "Words stay as given. _ is one blank, _5 five; a final ... lets the text go on."
    placeholder: str = "Empty: write freely"
    layout: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    recommended: Mapping[str, Any] = field(default_factory=dict)
    fetch: Callable[[Compute], Iterator[Fetched]] | None = None
    ends: Callable[[Checkpoint], frozenset[int]] | None = None
    notes: Callable[[str, Checkpoint], Sequence[str]] | None = None


@dataclass(frozen=True)
class Domain:
    """A kind of thing that is sampled.

    Attributes:
        name: as in flags, addresses and traces. title: as on the page.
        models: the first one is the default.
        ask: a frozen dataclass whose knobs say what is generated besides the prompt; its `__post_init__` checks them.
        most_samples: how many runs of a seed may be asked for at once.
        together: whether these are made in one batch rather than one after the other.
        layout: how the player lays out the tokens: "text" (chips that flow), "line", "grid" (a square), or "rows:16"
            (a new line after every 16).
        another: the button that makes one more.
        other: a model by hub id or folder, where the domain takes any; None for what is neither, ValueError or
            CheckpointError for an invalid one.
    """

    name: str
    title: str
    models: tuple[Model, ...]
    ask: type = Nothing
    most_samples: int = 8
    together: bool = False
    layout: str = "text"
    another: str = "Write another"
    other: Callable[[str], Model | None] | None = None

    def model(self, name: str | None) -> Model:
        """A model by name, the default for None; also one of them from another folder or repository.

        Raises:
            ValueError: for an unknown name. CheckpointError: for one that `other` refuses.
        """
        if not isinstance(name, str | None):
            raise ValueError(f"model must be a name, got {str(name)[:40]}")
        for model in self.models:
            if name in (None, model.name):
                return model
        copy = own_name(name.strip()) if name else None
        for model in self.models:
            if name and copy == model.name:
                return replace(
                    model, name=name.strip(), load=partial(load, name.strip()), fetch=partial(fetching, name.strip())
                )
        if copy is not None:
            raise ValueError(f"{name} is a copy of “{copy[:40]}”, which is not a model of the domain {self.name}")
        found = self.other(name.strip()) if self.other is not None and name else None
        if found is not None:
            return found
        more = ", a hub id or a folder" if self.other else ""
        raise ValueError(f"model must be one of {', '.join(model.name for model in self.models)}{more}, got {name}")
