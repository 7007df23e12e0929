"""`remdm train text`: the story model on fresh stories, the prose model on State of the Union addresses."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from remdm.domains.text import prose, storyworld
from remdm.domains.text.domain import SPECIALS
from remdm.domains.text.storyworld import lines
from remdm.models.checkpoints import save_embedded
from remdm.models.network import compute
from remdm.models.transformer import TransformerConfig
from remdm.models.vocabulary import closed_tokenizer
from remdm.training.loop import Recipe, Task, train, warm_started

HELDOUT_STORIES = 128


def story_tokenizer() -> Tokenizer:
    """One token a word of the story world; ids 0-3 are `<mask> <bos> <eos> <pad>`."""
    return closed_tokenizer(SPECIALS, storyworld.words())


def story_batch(tokenizer: Tokenizer, first: int, count: int, split: str = "train") -> Tensor:
    """Stories `first` .. `first + count - 1` of a split, a line a sentence, int64 `[count, lines.LENGTH]`."""
    known = tokenizer.get_vocab()
    stories = (storyworld.generate(first + row, split) for row in range(count))
    return torch.tensor([[known[word] for word in lines.lay_out(story.sentences) if word] for story in stories])


def train_stories(folder: Path, recipe: Recipe) -> None:
    """Train the story model and export it to `folder` as it goes."""
    tokenizer = story_tokenizer()
    mask_id = tokenizer.get_vocab()["<mask>"]
    shape = TransformerConfig(tokenizer.get_vocab_size(), lines.LENGTH, width=160, depth=6, heads=4, absolute=True)
    task = Task(
        warm_started(folder, shape, recipe.seed),
        lambda index, size: story_batch(tokenizer, index * size, size),
        story_batch(tokenizer, 0, HELDOUT_STORIES, "heldout"),
        mask_id,
        lambda averaged, about: save_embedded(folder, averaged, tokenizer, mask_id, about),
    )
    train(task, recipe, folder / "training", compute(recipe.device))


def train_prose(folder: Path, recipe: Recipe) -> None:
    """Train the prose model and export it to `folder` as it goes; fetches and prepares its data first."""
    data = prose.prepare(folder / "training" / "data")
    tokenizer = Tokenizer.from_file(str(data.tokenizer_file))
    blocks = torch.from_numpy(data.train.astype(np.int64))

    def batch(index: int, size: int) -> Tensor:
        """Blocks `[size, L]`, in a new random order in each pass over them."""
        places = torch.arange(index * size, (index + 1) * size)
        order = {turn: _shuffled(len(blocks), int(turn)) for turn in set((places // len(blocks)).tolist())}
        chosen = [order[place // len(blocks)][place % len(blocks)] for place in places.tolist()]
        return blocks[torch.stack(chosen)]

    shape = TransformerConfig(tokenizer.get_vocab_size(), prose.LENGTH, width=256, depth=6, heads=4)
    task = Task(
        warm_started(folder, shape, recipe.seed),
        batch,
        torch.from_numpy(data.heldout.astype(np.int64))[:256],
        prose.MASK,
        lambda averaged, about: save_embedded(folder, averaged, tokenizer, prose.MASK, about),
    )
    train(task, recipe, folder / "training", compute(recipe.device))


def _shuffled(count: int, turn: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(turn))


TRAINERS: dict[str, Callable[[Path, Recipe], None]] = {"stories": train_stories, "prose": train_prose}
"""The embedded text models by name."""
