"""`python -m remdm train text`: the story model on fresh stories, the prose model on State of the Union addresses."""

from pathlib import Path

import torch
from torch import Tensor

from remdm.checkpoints import save_embedded
from remdm.data import storyworld
from remdm.data.vocabulary import story_tokenizer
from remdm.models.network import compute
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.training.loop import Recipe, Task, train

STORY_LENGTH = 128
HELDOUT_STORIES = 128


def story_batch(tokenizer, first: int, count: int, split: str = "train") -> Tensor:
    """Stories `first` .. `first + count - 1` of a split as `<bos> words <eos> <pad>...`, int64 `[count, 128]`."""
    known = tokenizer.get_vocab()
    batch = torch.full((count, STORY_LENGTH), known["<pad>"])
    for row in range(count):
        words = ("<bos>", *storyworld.generate(first + row, split).words, "<eos>")
        batch[row, : len(words)] = torch.tensor([known[word] for word in words])
    return batch


def train_stories(folder: Path, recipe: Recipe) -> None:
    """Train the story model and export it to `folder` as it goes."""
    tokenizer = story_tokenizer()
    mask_id = tokenizer.token_to_id("<mask>")
    torch.manual_seed(recipe.seed)
    network = PlainTransformer(TransformerConfig(tokenizer.get_vocab_size(), STORY_LENGTH, width=160, depth=6, heads=4))
    task = Task(
        network,
        lambda index, size: story_batch(tokenizer, index * size, size),
        story_batch(tokenizer, 0, HELDOUT_STORIES, "heldout"),
        mask_id,
        lambda averaged, about: save_embedded(folder, averaged, tokenizer, mask_id, about),
    )
    train(task, recipe, folder / "training", compute("cpu"))
