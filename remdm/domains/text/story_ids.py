"""Stories as token ids, made by one process or by several: story i is the same whoever makes it."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from remdm.domains.text.storyworld import STORIES, World, generate, lines, world_of

SPECIALS = ("<mask>", "<bos>", "<eos>", "<pad>")


def story_ids(world: World, split: str, first: int, count: int) -> np.ndarray:
    """Stories `first` .. `first + count - 1` of a split, a line a sentence, uint16 `[count, world.length]`.

    Ids follow `SPECIALS`, then the world's words.
    """
    known = {word: place for place, word in enumerate((*SPECIALS, *world.words))}
    drawn = (generate(first + row, split, world) for row in range(count))
    rows = [[known[word] for word in lines.lay_out(story.sentences, world.length) if word] for story in drawn]
    return np.array(rows, np.uint16)


def _part(length: int, first: int, count: int) -> np.ndarray:
    return story_ids(world_of(length), "train", first, count)


def shared_out(processes: int, world: World = STORIES) -> Callable[[int, int], np.ndarray]:
    """(first, count) -> these stories of the training split, made by so many processes of their own."""
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))

    def made(first: int, count: int) -> np.ndarray:
        share = -(-count // processes)
        starts = range(first, first + count, share)
        counts = (min(share, first + count - start) for start in starts)
        return np.concatenate(list(pool.map(partial(_part, world.length), starts, counts)))

    return made
