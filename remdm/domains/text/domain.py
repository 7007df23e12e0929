"""Text: the story model with its checker, and the prose model."""

import difflib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from remdm.domains.text import hub_models, storyworld
from remdm.domains.text.checker import check
from remdm.domains.text.story_ids import SPECIALS
from remdm.domains.text.storyworld import lines
from remdm.hub.prompting import segments
from remdm.models.checkpoints import Checkpoint, is_embedded, load_embedded, recommended
from remdm.runs.domain import Domain, Model
from remdm.runs.tokens import Issue, TokenView

_CLOSERS = frozenset({".", ",", ":", "!", "?", "”", "'s"})
_JOINED = frozenset({*SPECIALS, *".,!?;:')%-"})


def _known_words(part: str, checkpoint: Checkpoint) -> list[str]:
    vocabulary = checkpoint.tokenizer.get_vocab()
    words = storyworld.split(part)
    for word in words:
        if word not in vocabulary or word in SPECIALS:
            near = difflib.get_close_matches(word, list(vocabulary)[len(SPECIALS) :], n=3, cutoff=0.5)
            hint = f" Near it: {', '.join(near)}." if near else f" It knows {len(vocabulary) - len(SPECIALS)} words."
            raise ValueError(f"The story model does not know the word “{word[:40]}”.{hint}")
    return list(words)


def story_start(prompt: str, length: int, checkpoint: Checkpoint) -> Tensor:
    """Start ids of a story, each sentence of the prompt on a line of its own; its blanks and what follows are masks.

    Raises:
        ValueError: for words that the model does not know (with the nearest known ones), or too many of them.
    """
    parts, goes_on = segments(prompt)
    vocabulary = checkpoint.tokenizer.get_vocab()
    if not parts:
        return torch.full((length,), checkpoint.mask_id)
    words: list[str | None] = []
    for part in parts:
        words += [None] * part if isinstance(part, int) else _known_words(part, checkpoint)
    sentences = lines.sentences_of(words)
    ends = words[-1] in lines.STOPS
    if not lines.fits(sentences, length):
        rows = length // lines.WIDTH
        raise ValueError(f"The prompt takes more than {rows} lines of {lines.WIDTH} words; shorten it.")
    laid = lines.lay_out(sentences, length)
    if goes_on:  # the line of a sentence that is over stays blank, everything behind it is open
        end = laid.index(lines.EOS)
        end += -end % lines.WIDTH if ends else 0
        laid = [lines.PAD if word == lines.EOS else word for word in laid[:end]]
        laid += [None] * (length - end)
    return torch.tensor([checkpoint.mask_id if word is None else vocabulary[word] for word in laid])


def prose_start(prompt: str, length: int, checkpoint: Checkpoint) -> Tensor:
    """Start ids `[length]` of prose: the prompt's words are given, its blanks and what follows it are masks.

    Raises:
        ValueError: for more pieces than there are positions.
    """
    mask_id, tokenizer = checkpoint.mask_id, checkpoint.tokenizer
    parts, goes_on = segments(prompt)
    if not parts:
        return torch.full((length,), mask_id)
    ids = [tokenizer.token_to_id("<bos>")]
    for part in parts:
        if isinstance(part, int):
            ids += [mask_id] * part
        else:
            ids += tokenizer.encode(f" {part.strip()}", add_special_tokens=False).ids
    if not goes_on:
        ids.append(tokenizer.token_to_id("<eos>"))
    if len(ids) > length:
        raise ValueError(f"The prompt takes {len(ids)} positions, but there are {length}; shorten it.")
    rest = mask_id if goes_on else tokenizer.token_to_id("<pad>")
    return torch.tensor(ids + [rest] * (length - len(ids)))


def story_piece(token: int, checkpoint: Checkpoint) -> str:
    word = checkpoint.tokenizer.id_to_token(token)
    return word if word in _CLOSERS or word in SPECIALS else f" {word}"


def prose_piece(token: int, checkpoint: Checkpoint) -> str:
    """A word or a piece of one as printed; pieces inside a word start with `##`."""
    word = checkpoint.tokenizer.id_to_token(token) or ""
    return word.removeprefix("##") if word.startswith("##") or word in _JOINED else f" {word}"


def story_text(ids: Sequence[int], checkpoint: Checkpoint) -> str:
    words = [checkpoint.tokenizer.id_to_token(int(token)) for token in ids]
    return storyworld.text([word for word in words if word and word not in SPECIALS])


def prose_text(ids: Sequence[int], checkpoint: Checkpoint) -> str:
    return checkpoint.tokenizer.decode([int(token) for token in ids], skip_special_tokens=True).strip()


def issues_of(words: Sequence[str | None]) -> tuple[Issue, ...]:
    """What the checker of the story world finds wrong in the sentences that are complete.

    Args:
        words: the words at all positions `[L]`, special tokens included, None where masked.
    """
    body, places = lines.read_off(words)
    found = [
        replace(issue, positions=tuple(dict.fromkeys(places[at] for at in issue.positions)))
        for issue in check(body, storyworld.world_of(len(words))).issues
    ]
    if words[0] not in (None, "<bos>"):
        found.insert(0, Issue((0,), "ungrammatical", "a word stands before the beginning"))
    behind = range(lines.end_of(words) + 1, len(words))
    after = tuple(place for place in behind if words[place] not in (None, *SPECIALS))
    if after:
        found.append(Issue(after, "ungrammatical", "words stand after the end"))
    return tuple(found)


def story_issues(view: TokenView) -> tuple[Issue, ...]:
    """The same for a state. A function of its own, for requests travel to other processes."""
    return issues_of(view.printed)


STORIES = Model(
    "stories",
    "Stories from a small made-up world",
    "Short stories from a small made-up world of 609 words, learned from its own generator: a line for each "
    "sentence, the rest of the line blank. Every sentence can be checked, so errors are underlined with their kind.",
    partial(load_embedded, "stories"),
    story_start,
    story_piece,
    story_text,
    story_issues,
    length=lines.LENGTH,
    layout=f"rows:{lines.WIDTH}",
    examples=(
        "On Tuesday, Rosa and her friend Hugo were at the pond. ...",
        "One sunny morning, _ and Ben met at the _. _ had brought _ red _ along. ...",
        "Now there were three _ left. ...",
    ),
    recommended=recommended("stories"),
)

STORIES_LONG = replace(
    STORIES,
    name="stories-long",
    title="Stories of two chapters",
    about="The same world with twice the length: what the first chapter settles, who, where, what, how many, on "
    "which day, holds in the second one, which speaks of it often. So one wrong word contradicts others far away.",
    load=partial(load_embedded, "stories-long"),
    length=storyworld.LONG.length,
    examples=(
        "On Tuesday, Rosa and her friend Hugo were at the pond. ...",
        "One sunny morning, _ and Ben met at the _. _ had brought _ red _ along. ...",
    ),
    recommended=recommended("stories-long"),
)

PROSE = Model(
    "prose",
    "English prose",
    "A small model of seven kinds of English: addresses, articles, histories, the Bible, Austen, Moby-Dick. It is "
    "weak: sentences hold together more often than not, paragraphs mean little, and all is lower case. No checker "
    "exists for free English, so nothing is underlined.",
    partial(load_embedded, "prose"),
    prose_start,
    prose_piece,
    prose_text,
    None,
    length=128,
    lengths=(32, 128),
    examples=(
        "My fellow Americans, ...",
        "Call me Ishmael. ...",
        "It is a truth universally acknowledged, that _ _ _ must be in want of a _. ...",
    ),
    recommended=recommended("prose"),
)

# What has not been trained yet is not offered; the stories come with the app, the rest from the hub.
DOMAIN = Domain(
    "text",
    "Text",
    (STORIES, *(model for model in (STORIES_LONG, PROSE) if is_embedded(model.name)), *hub_models.MODELS),
    other=hub_models.other,
)
