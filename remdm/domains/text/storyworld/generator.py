"""Draws stories: a state (who, where, what), a plot's events, and a paraphrase for each event."""

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from math import log

from remdm.domains.text.storyworld.grammar import Sentence, fill, is_slot, numbered, slot
from remdm.domains.text.storyworld.lexicon import DISTINCT, GENDER, NOUNS, ROLES
from remdm.domains.text.storyworld.lines import fits
from remdm.domains.text.storyworld.plots import Plot
from remdm.domains.text.storyworld.worlds import STORIES, World

_HELD_OUT_EVERY = 20
_SPLITS = ("train", "heldout")


@dataclass(frozen=True)
class Story:
    """A story: its sentences, what was drawn, and how improbable its choices were.

    `state` holds every role the text mentions; `nats` is -log of the probability of the generator's choices,
    an upper bound on -log of the probability of the text (different choices may tell the same text).
    """

    sentences: tuple[tuple[str, ...], ...]
    plot: str
    state: dict[str, str]
    events: tuple[str, ...]
    nats: float

    @cached_property
    def words(self) -> tuple[str, ...]:
        return tuple(word for sentence in self.sentences for word in sentence)


@cache
def held_out(plot: str, hero: str, key: str) -> bool:
    """Whether the combination of plot, hero and key object is kept from training (about one in 20)."""
    digest = hashlib.sha256(f"{plot}/{hero}/{key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % _HELD_OUT_EVERY == 0


@cache
def _pairs(plot: Plot, split: str) -> tuple[tuple[str, str], ...]:
    """The (hero, key object) pairs of a plot that belong to a split."""
    keys = plot.limits.get(plot.key, tuple(ROLES[plot.key]))
    wanted = split == "heldout"
    return tuple((hero, key) for hero in ROLES["hero"] for key in keys if held_out(plot.name, hero, key) == wanted)


class _Choices:
    """Uniform choices from a seeded source, with the nats they cost."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed).random
        self.nats = 0.0

    def one(self, options: tuple):
        if len(options) == 1:
            return options[0]
        self.nats += log(len(options))
        return options[int(self.random() * len(options))]


@cache
def _values(role: str, only: tuple[str, ...] | None, without: str | None) -> tuple[str, ...]:
    return tuple(value for value in only or ROLES[role] if value != without)


class _State:
    """The values drawn so far; a role is drawn when a sentence first needs it."""

    def __init__(self, plot: Plot, choices: _Choices, split: str) -> None:
        self.plot, self.choices = plot, choices
        self.values: dict[str, str] = {}
        self.forms: dict[str, str] = {}
        hero, key = choices.one(_pairs(plot, split))
        self.put("hero", hero)
        self.put(plot.key, key)

    def put(self, role: str, value: str) -> None:
        self.values[role] = value
        self.forms.update(fill(role, value))
        if "n" in self.values and (role == "n" or role in NOUNS):
            for noun in NOUNS:
                if noun in self.values:
                    self.forms.update(numbered(noun, self.values[noun], ROLES["n"][self.values["n"]]))

    def need(self, roles: tuple[str, ...]) -> None:
        for role in roles:
            if role not in self.values:
                other = self.values.get(DISTINCT.get(role, ""))
                self.put(role, self.choices.one(_values(role, self.plot.limits.get(role), other)))


@cache
def _roles(sentence: Sentence) -> tuple[str, ...]:
    """The roles of a sentence in the order in which they have to be drawn."""
    found = [slot(part)[0] for part in sentence.parts if is_slot(part)]
    bases = [DISTINCT[role] for role in found if role in DISTINCT]
    return tuple(dict.fromkeys(bases + found))


def pronoun_is_clear(before: Sentence | None, person: str, values: Mapping[str, str]) -> bool:
    """Whether a pronoun can only mean `person`: the focus just before, and nobody else there of that gender."""
    if before is None or before.focus != person:
        return False
    return all(other == person or GENDER[values[other]] != GENDER[values[person]] for other in before.people)


def _tell(event: str, before: Sentence | None, state: _State, world: World) -> Sentence:
    choices = state.choices
    paraphrase = choices.one(world.paraphrases[event])
    options = paraphrase.named
    if paraphrase.subject and pronoun_is_clear(before, paraphrase.subject, state.values):
        options = choices.one((paraphrase.named, paraphrase.pronoun))
    sentence = choices.one(options)
    state.need(_roles(sentence))
    return sentence


def _draw(plot: Plot, choices: _Choices, split: str, world: World) -> Story:
    state = _State(plot, choices, split)
    sentences: list[tuple[str, ...]] = []
    events: list[str] = []
    before = None
    for step in plot.steps:
        for event in choices.one(step):
            before = _tell(event, before, state, world)
            events.append(event)
            forms = state.forms
            sentences.append(tuple(forms.get(part, part) for part in before.parts))
    return Story(tuple(sentences), plot.name, state.values, tuple(events), choices.nats)


def generate(seed: int, split: str = "train", world: World = STORIES) -> Story:
    """The story of a seed: the same seed and split give the same story on every machine.

    Args:
        seed: any integer.
        split: `train`, or `heldout` for the combinations of plot, hero and key object kept from training.
        world: whose story.

    Raises:
        ValueError: for an unknown split.
    """
    if split not in _SPLITS:
        raise ValueError(f"split must be one of {', '.join(_SPLITS)}, not {split!r}")
    choices = _Choices(seed)
    while True:
        choices.nats = 0.0
        story = _draw(choices.one(world.plots), choices, split, world)
        # A longer story is drawn again, so that none is ever cut.
        if fits(story.sentences, world.length):
            return story
