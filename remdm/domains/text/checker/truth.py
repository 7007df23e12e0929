"""Finds the truth of a story, the value of every role, from all that its sentences say of it.

What most mentions agree on is true, the earliest mention where they are even; pronouns count less than names.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from remdm.domains.text.checker.order import Walk
from remdm.domains.text.checker.reading import Fit, Piece
from remdm.domains.text.storyworld.grammar import fillings, is_slot, slot
from remdm.domains.text.storyworld.lexicon import DISTINCT, ROLES

PRONOUNS = frozenset(("he", "his", "him", "He", "His"))
SHARED = frozenset(("hero", "friend", "grown", "place", "weather", "weather2", "day", "time"))
"""Roles that stories of every plot have."""

_LOOSE = PRONOUNS | {"were", "a"}
_HINT, _REPAIRED, _SAME = 0.4, 0.5, 1.5


@dataclass(frozen=True)
class Mention:
    """A word in a slot: the `values` of the role that it speaks for; not `right` if it is of another form."""

    role: str
    form: str
    part: str
    place: int
    word: str
    values: frozenset[str]
    right: bool
    weight: float
    piece: int

    @property
    def names(self) -> bool:
        """Whether the word tells values apart, as names do and pronouns and articles do not."""
        return self.form not in _LOOSE


@cache
def _meanings(role: str) -> dict[str, frozenset[str]]:
    """The values a word can speak for in any form of the role."""
    found: dict[str, set[str]] = {}
    for value, forms in ROLES[role].items():
        for form, word in forms.items():
            if form not in _LOOSE:
                found.setdefault(word, set()).add(value)
    return {word: frozenset(values) for word, values in found.items()}


def chosen(pieces: Sequence[Piece], walk: Walk) -> list[Fit | None]:
    """The fit of every piece that can be learned from: the one on the walk, or an exact one."""
    return [
        piece.fits[walk.placed[place][1]] if place in walk.placed else piece.fits[0] if piece.parsed else None
        for place, piece in enumerate(pieces)
    ]


def mentions(
    words: Sequence[str | None], pieces: Sequence[Piece], fits: Sequence[Fit | None], walk: Walk
) -> Iterator[Mention]:
    """Every word in a slot, in the order of the story; a sentence of another plot only speaks of what all share."""
    for number, (piece, fit) in enumerate(zip(pieces, fits, strict=True)):
        if fit is None:
            continue
        foreign = fit.sentence.event not in walk.graph.events
        weight = _REPAIRED if fit.edits else 1.0
        for part, at in zip(fit.sentence.parts, fit.places, strict=True):
            if at < 0 or not is_slot(part) or foreign and slot(part)[0] not in SHARED:
                continue
            (role, form), place, word = slot(part), piece.start + at, words[piece.start + at]
            assert word is not None  # a sentence with a mask has no fit
            if right := word in fillings(part):
                yield Mention(role, form, part, place, word, fillings(part)[word], right, weight, number)
            else:
                meant = _meanings(role).get(word, frozenset())
                yield Mention(role, form, part, place, word, meant, right, weight / 2, number)


def _votes(mentioned: Sequence[Mention]) -> dict[str, tuple[float, int]]:
    """Each value that is named, with its votes and minus its first place: the largest pair wins."""
    votes: dict[str, float] = {}
    first: dict[str, int] = {}
    allowed = ROLES[mentioned[0].role]
    for mention in mentioned:
        if mention.names:
            for value in mention.values & allowed.keys():
                votes[value] = votes.get(value, 0.0) + mention.weight
                first.setdefault(value, mention.place)
    for mention in mentioned:
        if not mention.names:
            for value in mention.values & votes.keys():
                votes[value] += _HINT * mention.weight
    return {value: (round(vote, 3), -first[value]) for value, vote in votes.items()}


def _unnamed(mentioned: Sequence[Mention]) -> frozenset[str]:
    """Values that most of the pronouns fit, for somebody who is never named."""
    sets = [mention.values for mention in mentioned if mention.form != "a" and mention.values]
    return max(sets, key=sets.count, default=frozenset())


def _pair(one: dict[str, tuple[float, int]], other: dict[str, tuple[float, int]]) -> tuple[str, str]:
    """The best two values for roles that must differ; the same value twice only if little speaks against it."""

    def worth(pair: tuple[str, str]) -> tuple[float, int, int]:
        (first, place), (second, place2) = one[pair[0]], other[pair[1]]
        return first + second - _SAME * (pair[0] == pair[1]), place, place2

    return max(((a, b) for a in one for b in other), key=worth)


def truth(mentioned: Sequence[Mention]) -> dict[str, frozenset[str]]:
    """The values each role may have: one, or for somebody never named all that the pronouns leave."""
    roles = dict.fromkeys(mention.role for mention in mentioned)
    by_role = {role: [mention for mention in mentioned if mention.role == role] for role in roles}
    votes = {role: _votes(own) for role, own in by_role.items()}
    found = {
        role: frozenset((max(values, key=values.__getitem__),)) if values else _unnamed(by_role[role])
        for role, values in votes.items()
    }
    for other, one in DISTINCT.items():
        if votes.get(one) and votes.get(other):
            a, b = _pair(votes[one], votes[other])
            found[one], found[other] = frozenset((a,)), frozenset((b,))
    return found
