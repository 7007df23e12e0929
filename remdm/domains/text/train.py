"""`remdm train text`: the story model on fresh stories, the prose model on several registers of English."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from remdm.domains.text import prose
from remdm.domains.text.story_ids import SPECIALS, shared_out, story_ids
from remdm.domains.text.storyworld import LONG, STORIES, World
from remdm.models.checkpoints import ROOT, load_embedded
from remdm.models.encoder import Encoder, EncoderConfig
from remdm.models.network import compute
from remdm.models.transformer import TransformerConfig
from remdm.models.vocabulary import closed_tokenizer
from remdm.models.weights import load_weights, read_json
from remdm.training.batches import Data
from remdm.training.loop import Recipe, Task, Trainer, train, warm_started
from remdm.training.prism import train_prism

HELDOUT_STORIES = 128
MAKERS = 8
"""Processes that make stories while a GPU trains: each makes some thousand a second."""
DROPOUT = 0.1
"""Of the prose model, as MiniLM-L6 was trained with: its texts are seen many times."""


def story_tokenizer(world: World = STORIES) -> Tokenizer:
    """One token a word of the story world; ids 0-3 are `<mask> <bos> <eos> <pad>`."""
    return closed_tokenizer(SPECIALS, world.words)


def story_batch(first: int, count: int, split: str = "train", world: World = STORIES) -> Tensor:
    """Stories `first` .. `first + count - 1` of a split, a line a sentence, int64 `[count, world.length]`."""
    return torch.from_numpy(story_ids(world, split, first, count).astype(np.int64))


def stories(world: World = STORIES, processes: int = 0) -> Data:
    """What a story model is trained on; made by so many other processes, 0: by this one."""
    heldout = story_batch(0, HELDOUT_STORIES, "heldout", world)
    if not processes:
        return Data(lambda index, size: story_batch(index * size, size, world=world), heldout)
    made = shared_out(processes, world)
    return Data(lambda index, size: torch.from_numpy(made(index * size, size).astype(np.int64)), heldout)


def _train_stories(world: World, width: int, folder: Path, recipe: Recipe, eight_bits: bool = False) -> None:
    tokenizer = story_tokenizer(world)
    shape = TransformerConfig(tokenizer.get_vocab_size(), world.length, width=width, depth=6, heads=4, absolute=True)
    network = warm_started(folder, shape, recipe.seed)
    processes = 0 if compute(recipe.device).device.type == "cpu" else min(MAKERS, os.cpu_count() or 1)
    train(Task(network, stories(world, processes), tokenizer, eight_bits=eight_bits), recipe, folder)


def train_stories(folder: Path, recipe: Recipe) -> None:
    """Train the story model and export it to `folder` as it goes."""
    _train_stories(STORIES, 160, folder, recipe)


def train_stories_long(folder: Path, recipe: Recipe) -> None:
    """Train the model of stories of two chapters and export it to `folder` as it goes."""
    # 8 bits cost it 0.0001 nats a position
    _train_stories(LONG, 192, folder, recipe, eight_bits=True)


def train_prose(folder: Path, recipe: Recipe) -> None:
    """Train the prose model and export it to `folder` when it has become better; fetches its data first.

    It begins from the folder's weights, else from the embedded model's, whatever its vocabulary, else from MiniLM-L6.
    """
    fetched = recipe.data or folder / "training" / "data"
    data = prose.prepare(fetched)
    tokenizer = Tokenizer.from_file(str(data.tokenizer_file))
    drawn = prose.Drawn(data.train, data.shares, recipe.seed)
    entries = [entry for entry, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]

    def begin(network: Encoder) -> None:
        if not _begin_from_embedded(network, entries):
            known = prose.pretrained(fetched)
            places = {entry: place for place, entry in enumerate(known.vocabulary)}
            theirs = dict(zip(prose.SPECIAL, prose.IN_BERT, strict=True))
            network.begin_from_bert(
                known.weights, torch.tensor([places[theirs.get(entry, entry)] for entry in entries])
            )
        counts = torch.bincount(torch.from_numpy(drawn(0, 8192)).flatten(), minlength=len(entries)).double()
        network.bias.data.copy_(((counts + 0.5) / counts.sum()).log())

    network = warm_started(folder, EncoderConfig(len(entries), prose.LENGTH), recipe.seed, begin)
    assert isinstance(network, Encoder)
    network.drop(DROPOUT)
    heldout = torch.from_numpy(data.heldout.astype(np.int64))
    blocks = Data(lambda index, size: torch.from_numpy(drawn(index, size)), heldout)
    train(Task(network, blocks, tokenizer, {"dropout": DROPOUT}, best=True), recipe, folder)


def _begin_from_embedded(network: Encoder, entries: Sequence[str]) -> bool:
    """Take the embedded prose model over if its layers are as large; an entry new to it is the mean of its pieces."""
    folder = ROOT / "prose"
    try:
        config = read_json(folder / "config.json")
        state = load_weights(folder / "model.safetensors")
    except (ValueError, OSError):
        return False
    if config["shape"] != asdict(network.config) | {"vocab_size": config["shape"]["vocab_size"]}:
        return False
    theirs = Tokenizer.from_file(str(folder / "tokenizer.json"))
    known = theirs.get_vocab()
    rows = [[known[entry]] if entry in known else theirs.encode(entry.removeprefix("##")).ids for entry in entries]
    embedding = state.pop("embedding.weight")
    state |= {
        "embedding.weight": torch.stack([embedding[row].mean(0) for row in rows]),
        "bias": network.bias.detach(),
    }
    network.load_state_dict(state)
    print(f"Beginning from the weights in {folder}; {sum(e not in known for e in entries)} entries are new to them")
    return True


def train_stories_prism(folder: Path, recipe: Recipe) -> None:
    """Train the head that scores the story model's tokens, and write it to the model's folder."""
    train_prism(folder.parent / "stories", recipe, load_embedded("stories", compute("cpu")), stories())


TRAINERS: dict[str, Trainer] = {
    "stories": train_stories,
    "stories-long": train_stories_long,
    "prose": train_prose,
    "stories-prism": train_stories_prism,
}
"""The embedded text models by name."""
