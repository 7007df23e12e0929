"""Text: the story model with its checker, and the prose model."""

import difflib
import re
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from remdm.checkpoints import Checkpoint, is_embedded, load_embedded
from remdm.data import storyworld
from remdm.domains.base import Domain, Model, Note
from remdm.evaluation.stories import check

SPECIALS = ("<mask>", "<bos>", "<eos>", "<pad>")
_BLANK = re.compile(r"(?<!\S)_(\d{0,3})(?!\w)")
_CLOSERS = frozenset({".", ",", "!", "?", "”", "'s"})
_BLANK_HELP = "write _ for one blank, _5 for five, and end with ... to let the text go on"


def _segments(prompt: str) -> tuple[list[str | int], bool]:
    """A prompt's texts and blank counts in turn, and whether the text goes on after it."""
    prompt = prompt.strip()
    goes_on = prompt.endswith(("...", "…"))
    prompt = re.sub(r"(\.\.\.|…)$", "", prompt).rstrip()
    parts: list[str | int] = []
    place = 0
    for blank in _BLANK.finditer(prompt):
        parts += [prompt[place : blank.start()], int(blank.group(1) or 1)]
        place = blank.end()
    parts.append(prompt[place:])
    blanks = any(isinstance(part, int) for part in parts)
    return [part for part in parts if not isinstance(part, str) or part.strip()], goes_on or not blanks


def start(prompt: str, length: int, checkpoint: Checkpoint, encode: Callable[[str, Checkpoint], list[int]]) -> Tensor:
    """Start ids `[length]` for a prompt: its words are given, its blanks and what follows it are masks.

    Raises:
        ValueError: for words that the model does not know, or more of them than there are positions.
    """
    mask_id = checkpoint.mask_id
    parts, goes_on = _segments(prompt)
    if not parts:
        return torch.full((length,), mask_id)
    vocabulary = checkpoint.tokenizer.get_vocab()
    ids = [vocabulary["<bos>"]]
    for part in parts:
        ids += [mask_id] * part if isinstance(part, int) else encode(part, checkpoint)
    if not goes_on:
        ids.append(vocabulary["<eos>"])
    if len(ids) > length:
        raise ValueError(f"The prompt takes {len(ids)} positions, but there are {length}; shorten it.")
    rest = mask_id if goes_on else vocabulary["<pad>"]
    return torch.tensor(ids + [rest] * (length - len(ids)))


def _known_words(part: str, checkpoint: Checkpoint) -> list[int]:
    vocabulary = checkpoint.tokenizer.get_vocab()
    ids = []
    for word in storyworld.split(part):
        if word not in vocabulary or word in SPECIALS:
            near = difflib.get_close_matches(word, list(vocabulary)[len(SPECIALS) :], n=3, cutoff=0.5)
            hint = f" Near it: {', '.join(near)}." if near else f" It knows {len(vocabulary) - len(SPECIALS)} words."
            raise ValueError(f"The story model does not know the word “{word[:40]}”.{hint}")
        ids.append(vocabulary[word])
    return ids


def _pieces(part: str, checkpoint: Checkpoint) -> list[int]:
    return checkpoint.tokenizer.encode(" " + part.strip(), add_special_tokens=False).ids


def story_start(prompt: str, length: int, checkpoint: Checkpoint) -> Tensor:
    """Start ids of a story; unknown words are refused with the nearest known ones."""
    return start(prompt, length, checkpoint, _known_words)


def prose_start(prompt: str, length: int, checkpoint: Checkpoint) -> Tensor:
    """Start ids of prose."""
    return start(prompt, length, checkpoint, _pieces)


def story_piece(token: int, checkpoint: Checkpoint) -> str:
    """A word as printed."""
    word = checkpoint.tokenizer.id_to_token(token)
    return word if word in _CLOSERS or word in SPECIALS else f" {word}"


def prose_piece(token: int, checkpoint: Checkpoint) -> str:
    """A BPE piece as printed; bytes that are no whole character show as the replacement character."""
    word = checkpoint.tokenizer.id_to_token(token)
    return word if word in SPECIALS else checkpoint.tokenizer.decode([token], skip_special_tokens=False)


def _end(words: Sequence[str | None]) -> int:
    """Where a story ends: at its first `<eos>`, else its first `<pad>` after which no word stands."""
    if "<eos>" in words:
        return words.index("<eos>")
    last = max((place for place, word in enumerate(words) if word and word not in SPECIALS), default=-1)
    return next((place for place in range(last + 1, len(words)) if words[place] == "<pad>"), len(words))


def story_body(words: Sequence[str | None]) -> list[str | None]:
    """The words of a story between its special tokens, None where masked; `words` are all of them, `[L]`."""
    return list(words[1 : _end(words)])


def story_text(ids: Sequence[int], checkpoint: Checkpoint) -> str:
    """The story as printed."""
    words = [checkpoint.tokenizer.id_to_token(int(token)) for token in ids]
    return storyworld.text([word for word in words if word and word not in SPECIALS])


def prose_text(ids: Sequence[int], checkpoint: Checkpoint) -> str:
    """The prose as printed."""
    return checkpoint.tokenizer.decode([int(token) for token in ids], skip_special_tokens=True).strip()


def story_notes(words: Sequence[str | None]) -> tuple[Note, ...]:
    """What the checker of the story world finds wrong in the sentences that are complete.

    Args:
        words: the words at all positions `[L]`, special tokens included, None where masked.
    """
    notes = [
        Note(tuple(place + 1 for place in error.positions), error.kind, error.message)
        for error in check(story_body(words)).errors
    ]
    if words[0] not in (None, "<bos>"):
        notes.insert(0, Note((0,), "ungrammatical", "a word stands before the beginning"))
    after = tuple(place for place in range(_end(words) + 1, len(words)) if words[place] not in (None, *SPECIALS))
    if after:
        notes.append(Note(after, "ungrammatical", "words stand after the end"))
    return tuple(notes)


STORIES = Model(
    "stories",
    "Stories from a small made-up world",
    "Short stories from a small made-up world of 609 words, learned from its own generator. Every sentence can be "
    "checked, so errors are underlined with their kind.",
    partial(load_embedded, "stories"),
    story_start,
    story_piece,
    story_text,
    story_notes,
    length=128,
    examples=(
        "On Tuesday, Rosa and her friend Hugo were at the pond. ...",
        "One sunny morning, _ and Ben met at the _. _ had brought _ red _ along. ...",
        "Now there were three _ left. ...",
    ),
)

PROSE = Model(
    "prose",
    "Speeches (State of the Union)",
    "A small model of presidential addresses since 1934. It is weak: it writes phrases that sound right and mean "
    "little. No checker exists for free English, so nothing is underlined.",
    partial(load_embedded, "prose"),
    prose_start,
    prose_piece,
    prose_text,
    None,
    length=128,
    lengths=(32, 128),
    examples=("My fellow Americans, ...", "We must _ _ the people of this _. ..."),
)

# The prose model is offered as soon as it has been trained; the stories come with the app.
DOMAIN = Domain("text", "Text", (STORIES, *(model for model in (PROSE,) if is_embedded(model.name))))
