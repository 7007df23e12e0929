"""The story world: a small written world whose stories can be checked word by word.

`generate(seed)` draws a story from a simulated state, `STORIES.words` is the closed vocabulary, `text(words)` joins
words as they are printed and `split(text)` takes them apart again. `LONG` has stories of two chapters.
"""

import re
from collections.abc import Sequence

from remdm.domains.text.storyworld.generator import Story, generate, held_out
from remdm.domains.text.storyworld.worlds import LONG, STORIES, World, world_of

_WORD = re.compile(r"'s\b|\w+|[^\w\s]")


def text(tokens: Sequence[str]) -> str:
    """The words as printed: no space before closing punctuation or after an opening quotation mark."""
    joined = " ".join(tokens)
    return re.sub(r" (?=[.,:!?”]|'s\b)|(?<=“) ", "", joined)


def split(printed: str) -> tuple[str, ...]:
    """The words of printed text; straight quotation marks open and close in turn."""
    found = _WORD.findall(printed.replace("’", "'"))
    opened = False
    for place, word in enumerate(found):
        if word == '"':
            found[place] = "”" if opened else "“"
        opened = found[place] == "“" or (opened and found[place] != "”")
    return tuple(found)


def entropy(stories: int = 2000, world: World = STORIES) -> tuple[float, float]:
    """The world's own entropy in nats a story and nats a word: an upper bound, from drawn stories."""
    drawn = [generate(seed, world=world) for seed in range(stories)]
    nats = sum(story.nats for story in drawn)
    return nats / stories, nats / sum(len(story.words) for story in drawn)


__all__ = ["LONG", "STORIES", "Story", "World", "entropy", "generate", "held_out", "split", "text", "world_of"]
