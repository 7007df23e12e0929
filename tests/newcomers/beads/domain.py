"""A domain of the tests: rows of coloured beads, where two neighbours must not be alike; an untrained model."""

from collections.abc import Sequence

import torch

from remdm.models.checkpoints import Checkpoint
from remdm.models.network import Compute, NetworkDenoiser
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.models.vocabulary import closed_tokenizer
from remdm.runs.domain import Domain, Model
from remdm.runs.tokens import Issue, TokenView

SPECIALS, COLOURS, LENGTH = ("<mask>", "<pad>"), ("red", "green", "blue"), 8


def network() -> PlainTransformer:
    torch.manual_seed(0)
    return PlainTransformer(TransformerConfig(len(SPECIALS) + len(COLOURS), LENGTH, 16, 2, 2)).eval()


def load(compute: Compute) -> Checkpoint:
    tokenizer = closed_tokenizer(SPECIALS, COLOURS)
    return Checkpoint("beads", NetworkDenoiser(network(), 0), tokenizer, 0, LENGTH, compute)


def start(prompt: str, length: int, checkpoint: Checkpoint) -> torch.Tensor:
    ids = checkpoint.tokenizer.encode(prompt).ids
    return torch.tensor(ids + [checkpoint.mask_id] * (length - len(ids)))


def alike(ids: Sequence[int]) -> list[int]:
    """Positions of beads that are as the one before."""
    return [place for place in range(1, len(ids)) if ids[place] >= len(SPECIALS) and ids[place] == ids[place - 1]]


def check(view: TokenView) -> tuple[Issue, ...]:
    return tuple(Issue((place - 1, place), "alike", "Two neighbours are alike.") for place in alike(view.ids))


BEADS = Model(
    name="beads",
    title="Beads",
    about="Says nothing in particular: it is not trained.",
    load=load,
    start=start,
    piece=lambda token, checkpoint: f" {checkpoint.tokenizer.id_to_token(token)}",
    text=lambda ids, checkpoint: checkpoint.tokenizer.decode(ids),
    issues=check,
    length=LENGTH,
)
DOMAIN = Domain("beads", "Beads", (BEADS,))
