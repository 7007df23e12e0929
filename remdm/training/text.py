"""`python -m remdm train text`: the story model on fresh stories, the prose model on State of the Union addresses."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from remdm.checkpoints import save_embedded
from remdm.data import prose, storyworld
from remdm.data.storyworld import lines
from remdm.data.vocabulary import story_tokenizer
from remdm.models.network import compute
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.training.loop import Recipe, Task, train

HELDOUT_STORIES = 128


def story_batch(tokenizer: Tokenizer, first: int, count: int, split: str = "train") -> Tensor:
    """Stories `first` .. `first + count - 1` of a split, a line a sentence, int64 `[count, lines.LENGTH]`."""
    known = tokenizer.get_vocab()
    stories = (storyworld.generate(first + row, split) for row in range(count))
    return torch.tensor([[known[word] for word in lines.lay_out(story.sentences)] for story in stories])


def started(
    folder: Path, shape: TransformerConfig, seed: int, begin: Callable[[PlainTransformer], None] | None = None
) -> PlainTransformer:
    """A network to train: with the weights of the folder's checkpoint if that has the same shape, else fresh.

    A fresh one goes through `begin`, where that is given.

    A state that training left behind comes before both (loop.Run); it is not kept in the repository, the weights are.
    """
    torch.manual_seed(seed)
    network = PlainTransformer(shape)
    weights, config = folder / "model.safetensors", folder / "config.json"
    if weights.is_file() and json.loads(config.read_text())["shape"] == asdict(shape):
        network.load_state_dict(load_file(weights))
        print(f"Going on from the weights in {folder}")
    elif begin:
        begin(network)
    return network


def train_stories(folder: Path, recipe: Recipe) -> None:
    """Train the story model and export it to `folder` as it goes."""
    tokenizer = story_tokenizer()
    mask_id = tokenizer.token_to_id("<mask>")
    shape = TransformerConfig(tokenizer.get_vocab_size(), lines.LENGTH, width=160, depth=6, heads=4, absolute=True)
    task = Task(
        started(folder, shape, recipe.seed),
        lambda index, size: story_batch(tokenizer, index * size, size),
        story_batch(tokenizer, 0, HELDOUT_STORIES, "heldout"),
        mask_id,
        lambda averaged, about: save_embedded(folder, averaged, tokenizer, mask_id, about),
    )
    train(task, recipe, folder / "training", compute("cpu"))


def train_prose(folder: Path, recipe: Recipe) -> None:
    """Train the prose model and export it to `folder` as it goes; fetches and prepares its data first."""
    data = prose.prepare(folder / "training" / "data")
    tokenizer = Tokenizer.from_file(str(data.tokenizer_file))
    blocks = torch.from_numpy(data.train.astype(np.int64))

    def batch(index: int, size: int) -> Tensor:
        """Blocks in an order shuffled anew for each pass over them."""
        places = torch.arange(index * size, (index + 1) * size)
        order = {turn: _shuffled(len(blocks), int(turn)) for turn in set((places // len(blocks)).tolist())}
        chosen = [order[place // len(blocks)][place % len(blocks)] for place in places.tolist()]
        return blocks[torch.stack(chosen)]

    shape = TransformerConfig(tokenizer.get_vocab_size(), prose.LENGTH, width=256, depth=6, heads=4)
    task = Task(
        started(folder, shape, recipe.seed),
        batch,
        torch.from_numpy(data.heldout.astype(np.int64))[:256],
        prose.MASK,
        lambda averaged, about: save_embedded(folder, averaged, tokenizer, prose.MASK, about),
    )
    train(task, recipe, folder / "training", compute("cpu"))


def _shuffled(count: int, turn: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(turn))


TRAINERS: dict[str, Callable[[Path, Recipe], None]] = {"stories": train_stories, "prose": train_prose}
"""The embedded text models by name."""
