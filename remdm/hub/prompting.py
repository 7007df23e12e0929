"""Prompts of public language models: what is given, what is blank, how each family frames it, and how it is printed."""

import re
from collections.abc import Sequence

import torch
from tokenizers import decoders
from torch import Tensor

from remdm.hub.text import TextCheckpoint
from remdm.models.checkpoints import Checkpoint

UNKNOWN = "�"
_TIGHT = frozenset(".,!?;:)]}'’”%")
_BLANK = re.compile(r"(?<!\S)_(\d{0,3})(?!\w)")


def segments(prompt: str) -> tuple[list[str | int], bool]:
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


def start(prompt: str, length: int, checkpoint: Checkpoint) -> Tensor:
    """Start ids `[length]`: the prompt is given in the model's own frame, its blanks and what follows it are masks.

    Raises:
        ValueError: where it does not fit into the length, or the length not into the model.
    """
    assert isinstance(checkpoint, TextCheckpoint)
    if length > checkpoint.length:
        raise ValueError(f"length must be at most {checkpoint.length} for this model, got {length}")
    ids, tail, rest = _asked(prompt, checkpoint)
    room = length - len(ids) - len(tail)
    if room < 0:
        raise ValueError(f"The prompt takes {len(ids) + len(tail)} positions, but there are {length}; shorten it.")
    return torch.tensor([*ids, *[rest] * room, *tail])


def _asked(prompt: str, checkpoint: TextCheckpoint) -> tuple[list[int], list[int], int]:
    """What a sequence begins with, what it ends with, and what stands between."""
    frame, mask_id = checkpoint.frame, checkpoint.mask_id
    if frame.turn is not None and prompt.strip():
        return _encoded(prompt.strip().join(frame.turn), checkpoint), [], mask_id
    parts, goes_on = segments(prompt)
    if not parts:
        return (list(frame.before), list(frame.after), mask_id) if frame.always else ([], [], mask_id)
    ids = list(frame.before)
    for place, part in enumerate(parts):
        ids += [mask_id] * part if isinstance(part, int) else _encoded(_spaced(part, place > 0), checkpoint)
    if goes_on:
        return ids, list(frame.after) if frame.always else [], mask_id
    return [*ids, *frame.after], [], frame.rest


def _spaced(part: str, inner: bool) -> str:
    """A part without space behind it, and with one in front where it follows a blank at a distance."""
    return (" " if inner and part[:1].isspace() else "") + part.strip()


def _encoded(part: str, checkpoint: TextCheckpoint) -> list[int]:
    return checkpoint.tokenizer.encode(part, add_special_tokens=False).ids


def piece(token: int, checkpoint: Checkpoint) -> str:
    """A piece as printed; bytes that are no whole character, and ids without a token, as the replacement character."""
    tokenizer = checkpoint.tokenizer
    word = tokenizer.id_to_token(token)
    if word is None:
        return UNKNOWN
    if token in tokenizer.get_added_tokens_decoder():
        return f" {word}"
    if isinstance(tokenizer.decoder, decoders.WordPiece):
        return word[2:] if word.startswith("##") else word if word in _TIGHT else f" {word}"
    if isinstance(tokenizer.decoder, decoders.ByteLevel):
        return tokenizer.decode([token], skip_special_tokens=False)
    return word.replace("▁", " ")


def text(ids: Sequence[int], checkpoint: Checkpoint) -> str:
    """What was written: of an answer the answer alone; documents that follow each other stand apart."""
    assert isinstance(checkpoint, TextCheckpoint)
    frame = checkpoint.frame
    left = _answer([int(token) for token in ids], checkpoint)
    stops = frame.ends or frozenset(frame.after[-1:])
    documents: list[list[int]] = [[]]
    for token in left:
        if token not in stops:
            documents[-1].append(token)
        elif documents[-1]:
            documents.append([])
    printed = [checkpoint.tokenizer.decode(each, skip_special_tokens=True).strip() for each in documents if each]
    return "\n\n".join(part for part in (printed[:1] if frame.ends else printed) if part)


def _answer(ids: list[int], checkpoint: TextCheckpoint) -> list[int]:
    """The ids behind the last turn's beginning, where the model answers."""
    if checkpoint.frame.turn is None:
        return ids
    mark = _encoded(checkpoint.frame.turn[1], checkpoint)
    places = [place for place in range(len(ids)) if ids[place : place + len(mark)] == mark]
    return ids[places[-1] + len(mark) :] if places else ids
