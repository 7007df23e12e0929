"""The grammar as a trie: which sentences read a run of words, whatever the values of their slots.

A slot is read as its *family*, the words that could stand there if agreement did not matter: any name where a
name stands, `a` and `an`, `was` and `were`, singular and plural. So wrong agreement is a finding about a sentence
that was understood, not a sentence that was not.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, reduce

from remdm.domains.text.storyworld.grammar import Sentence, fillings, is_slot, slot
from remdm.domains.text.storyworld.lexicon import NUMBERS, PEOPLE, ROLES
from remdm.domains.text.storyworld.lines import STOPS
from remdm.domains.text.storyworld.worlds import STORIES, World

_WHOLE = frozenset(("food", "plant", "animal", "feel", "n"))
_TWINS = {"thing2": "thing", "colour2": "colour", "weather2": "weather"}
END = ""
"""The edge that ends a sentence; no word is empty."""


@cache
def family(part: str) -> str:
    """The family of a part: a literal word is its own."""
    if not is_slot(part):
        return part
    role, form = slot(part)
    if form in ("a", "were"):
        return f"<{form}>"
    if role in PEOPLE:
        return "<person>" if form in ("name", "own") else f"<{form}>"
    role = _TWINS.get(role, role)
    return f"<{role}>" if role in _WHOLE or form == "name" else f"<{role}.{form}>"


@cache
def _groups() -> dict[str, str]:
    """Words and families that are of one kind, so that one in the place of the other is more than a wrong word."""
    found = {"<n>": "count", "<were>": "count", "was": "count", "were": "count", "<a>": "article", "a": "article"}
    found |= {"an": "article", "<person>": "name"} | dict.fromkeys(NUMBERS, "count")
    found |= {person: "name" for role in PEOPLE for person in ROLES[role]}
    for form in ("he", "his", "him", "He", "His"):
        found[f"<{form}>"] = "pronoun"
        found |= dict.fromkeys(("they", "They"), "pronoun")
        found |= {forms[form]: "pronoun" for forms in ROLES["hero"].values()}
    for role in ("thing", "animal", "food", "plant"):
        found[f"<{role}>"] = "object"
        found |= {forms[form]: "object" for forms in ROLES[role].values() for form in forms if form != "a"}
    return found


def group(edge: str) -> str:
    """The kind of error it is to have this word or family for another of the same group, else nothing."""
    return _groups().get(edge, "")


@dataclass(frozen=True)
class Index:
    """`edges`: word -> what it can be read as; `root`: the trie; `holders`: edge -> sentences that hold it."""

    edges: dict[str, frozenset[str]]
    root: dict
    holders: dict[str, tuple[int, ...]]
    families: tuple[tuple[str, ...], ...]
    lengths: tuple[int, ...]


def _edges(sentences: Sequence[Sentence]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {number: {"<n>"} for number in NUMBERS}
    for part in {part for sentence in sentences for part in sentence.parts}:
        for word in fillings(part) if is_slot(part) else (part,):
            found.setdefault(word, {word}).add(family(part))
    return {word: frozenset(edges | {word}) for word, edges in found.items()}


@cache
def index(world: World = STORIES) -> Index:
    root: dict = {}
    holders: dict[str, list[int]] = {}
    families = tuple(tuple(map(family, sentence.parts)) for sentence in world.sentences)
    for number, parts in enumerate(families):
        node = root
        for edge in parts:
            node = node.setdefault(edge, {})
        node.setdefault(END, []).append(number)
        for edge in set(parts):
            holders.setdefault(edge, []).append(number)
    lengths = tuple(map(len, families))
    return Index(
        _edges(world.sentences), root, {edge: tuple(numbers) for edge, numbers in holders.items()}, families, lengths
    )


def edges_of(word: str, world: World) -> frozenset[str]:
    """What a word can be read as; a word from outside the world only as itself."""
    return index(world).edges.get(word) or frozenset((word,))


def _on(nodes: list[dict], word: str, world: World) -> list[dict]:
    return [node[edge] for node in nodes for edge in edges_of(word, world) if edge in node]


def walk(words: Sequence[str], world: World) -> list[dict]:
    """The trie nodes reached by these words: empty if no sentence begins like this."""
    return reduce(lambda nodes, word: _on(nodes, word, world), words, [index(world).root])


@cache
def begins(word: str, world: World) -> bool:
    """Whether a sentence can begin with this word and it looks like it."""
    return not word[:1].islower() and bool(walk((word,), world))


def exact(words: Sequence[str], world: World) -> tuple[Sentence, ...]:
    return tuple(world.sentences[number] for node in walk(words, world) for number in node.get(END, ()))


def whole_but_stop(words: Sequence[str], world: World) -> list[int]:
    """The lengths after which a sentence that starts here would be whole but for its last stop."""
    nodes, found = [index(world).root], []
    for length, word in enumerate(words, 1):
        nodes = _on(nodes, word, world)
        if any(stop in node and END in node[stop] for node in nodes for stop in STOPS):
            found.append(length)
    return found


@lru_cache(maxsize=1 << 12)
def _holding(word: str, world: World) -> frozenset[int]:
    """The sentences in which this word could stand somewhere."""
    holders = index(world).holders
    return frozenset(number for edge in edges_of(word, world) for number in holders.get(edge, ()))


def nearest(words: Sequence[str], misses: int, longer: int, world: World) -> list[int]:
    """The sentences that may read all but `misses` of the words, most promising first.

    `longer` is by how many words the lengths may differ.
    """
    shared: Counter[int] = Counter()
    for word in words:
        shared.update(_holding(word, world))
    length, lengths = len(words), index(world).lengths
    scored = [
        (abs(lengths[number] - length) * 0.7 - common, number)
        for number, common in shared.items()
        if common >= length - misses and lengths[number] - common <= misses and abs(lengths[number] - length) <= longer
    ]
    return [number for _, number in sorted(scored)]
