"""Prompts of public language models: given text and blanks as ids in the model's own frame, and ids printed as text."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from tokenizers import decoders
from torch import Tensor

from remdm.models.checkpoints import Checkpoint

UNKNOWN = "�"
_TIGHT = frozenset(".,!?;:)]}'’”%")
_BLANK = re.compile(r"(?<!\w)(?:_(?P<count>\d+)|_+)(?!\w)|[\[<{]\|?(?:mdm_)?(?:mask|blank)\|?[\]>}]", re.IGNORECASE)
MOST_BLANK = 999


@dataclass(frozen=True)
class PromptFrame:
    """The ids that a model expects around a text.

    Attributes:
        prefix: ids before the text.
        suffix: ids after its end.
        fill_id: the id of all positions behind the suffix.
        always: whether prefix and suffix also frame a sequence without a prompt.
        end_ids: ids that end an answer: nothing behind them is printed.
        turn: text before and after a question, where the model answers questions.
        answers: whether a length counts the positions to write behind the prompt, rather than all.
    """

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    fill_id: int
    always: bool = False
    end_ids: frozenset[int] = frozenset()
    turn: tuple[str, str] | None = None
    answers: bool = False


@dataclass(frozen=True)
class TextCheckpoint(Checkpoint):
    """A loaded language model with its frame."""

    frame: PromptFrame


def segments(prompt: str) -> tuple[list[str | int], bool]:
    """A prompt as texts and blank counts in turn, and whether the text continues after it.

    `_` is a blank of one token, `_3` one of three; `____`, `[MASK]`, `<mask>` and their like are one of one. An
    underscore that belongs to a word is text. A prompt without blanks, or with `...` at its end, continues.

    Raises:
        ValueError: for a blank of no token, or of more than any model has room for.
    """
    prompt = prompt.strip()
    ellipsis = prompt.endswith(("...", "…"))
    prompt = re.sub(r"(\.\.\.|…)$", "", prompt).rstrip()
    parts: list[str | int] = []
    place = 0
    for blank in _BLANK.finditer(prompt):
        count = blank["count"] or "1"
        if not 1 <= int(count[:9]) <= MOST_BLANK:
            raise ValueError(f"_{count[:9]} is not a blank: _ is one token, and _2 to _{MOST_BLANK} are so many.")
        parts += [prompt[place : blank.start()], int(count)]
        place = blank.end()
    parts.append(prompt[place:])
    blanks = any(isinstance(part, int) for part in parts)
    return [part for part in parts if not isinstance(part, str) or part.strip()], ellipsis or not blanks


def start(prompt: str, length: int, checkpoint: Checkpoint) -> Tensor:
    """Start ids, int64 `[L]`: the prompt in the model's own frame; its blanks and what follows it are masks.

    L is the length; for a model that answers, prompts that go on stand in front of so many masks.

    Raises:
        ValueError: if the prompt does not fit into the length, or the length into the model.
    """
    assert isinstance(checkpoint, TextCheckpoint)
    if length > checkpoint.length:
        raise ValueError(f"length must be at most {checkpoint.length} for this model, got {length}")
    head, tail, filler = _framed(prompt, checkpoint)
    if checkpoint.frame.answers and filler == checkpoint.mask_id:
        length += len(head)
    room = length - len(head) - len(tail)
    if room < 0:
        raise ValueError(f"The prompt takes {len(head) + len(tail)} positions, but there are {length}; shorten it.")
    return torch.tensor([*head, *[filler] * room, *tail])


def _framed(prompt: str, checkpoint: TextCheckpoint) -> tuple[list[int], list[int], int]:
    """The ids at a sequence's beginning, those at its end, and the id that fills the positions between."""
    frame, mask_id = checkpoint.frame, checkpoint.mask_id
    if frame.turn is not None and prompt.strip():
        return _encoded(prompt.strip().join(frame.turn), checkpoint), [], mask_id
    parts, continues = segments(prompt)
    if not parts:
        return (list(frame.prefix), list(frame.suffix), mask_id) if frame.always else ([], [], mask_id)
    ids = list(frame.prefix)
    for place, part in enumerate(parts):
        ids += [mask_id] * part if isinstance(part, int) else _encoded(_spaced(part, place > 0), checkpoint)
    if continues:
        return ids, list(frame.suffix) if frame.always else [], mask_id
    return [*ids, *frame.suffix], [], frame.fill_id


def _spaced(part: str, inner: bool) -> str:
    """A part without trailing space, and with one leading space where it follows a blank at a distance."""
    return (" " if inner and part[:1].isspace() else "") + part.strip()


def _encoded(part: str, checkpoint: TextCheckpoint) -> list[int]:
    return checkpoint.tokenizer.encode(part, add_special_tokens=False).ids


def piece(token: int, checkpoint: Checkpoint) -> str:
    """A token as printed; incomplete characters and ids without a token are the replacement character."""
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
    """The text that was written: of an answer, the answer alone; separate documents are separate paragraphs."""
    assert isinstance(checkpoint, TextCheckpoint)
    frame = checkpoint.frame
    end_ids = frame.end_ids or frozenset(frame.suffix[-1:])
    documents: list[list[int]] = [[]]
    for token in _answer([int(token) for token in ids], checkpoint):
        if token not in end_ids:
            documents[-1].append(token)
        elif documents[-1]:
            documents.append([])
    printed = [checkpoint.tokenizer.decode(each, skip_special_tokens=True).strip() for each in documents if each]
    return "\n\n".join(part for part in (printed[:1] if frame.end_ids else printed) if part)


def ends(checkpoint: Checkpoint) -> frozenset[int]:
    """The ids that end an answer."""
    assert isinstance(checkpoint, TextCheckpoint)
    return checkpoint.frame.end_ids


def notes(prompt: str, checkpoint: Checkpoint) -> list[str]:
    """Where the model reads something else than what was typed: words that it lacks, and special tokens."""
    tokenizer = checkpoint.tokenizer
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special}
    unknown = tokenizer.token_to_id(getattr(tokenizer.model, "unk_token", None) or "")
    lacking: dict[str, None] = {}
    acting: dict[str, None] = {}
    for part in segments(prompt)[0]:
        if isinstance(part, int):
            continue
        read = tokenizer.encode(part, add_special_tokens=False)
        for token, (first, last) in zip(read.ids, read.offsets, strict=True):
            if part[first:last] in special:
                acting[part[first:last]] = None
            elif token == unknown:
                lacking[part[first:last]] = None
    found = []
    if lacking:
        mark = tokenizer.model.unk_token
        found.append(f"The model has no token for {_quoted(lacking)}: it reads {mark} there.")
    if acting:
        found.append(f"{_quoted(acting)} in the prompt acts as a special token of the model, not as text.")
    return found


def _quoted(words: Iterable[str]) -> str:
    shown = [f"“{word[:20]}”" for word in words]
    return ", ".join(shown[:5]) + (" and others" if len(shown) > 5 else "")


def _answer(ids: list[int], checkpoint: TextCheckpoint) -> list[int]:
    """The ids behind the beginning of the last turn, where the model answers questions."""
    if checkpoint.frame.turn is None:
        return ids
    mark = _encoded(checkpoint.frame.turn[1], checkpoint)
    places = [place for place in range(len(ids)) if ids[place : place + len(mark)] == mark]
    return ids[places[-1] + len(mark) :] if places else ids
