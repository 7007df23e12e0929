"""Reads words as sentences: takes a story apart and finds for each sentence the one of the grammar that it is.

A sentence that no rule reads is compared with the nearest ones, word by word, so that only what does not fit is
blamed. A wrong or missing full stop or quotation mark is found by reading two pieces as one, or one as two.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from remdm.domains.text.checker.index import begins, edges_of, exact, group, index, nearest, walk, whole_but_stop
from remdm.domains.text.storyworld.grammar import Sentence
from remdm.domains.text.storyworld.lines import sentences_of
from remdm.domains.text.storyworld.worlds import STORIES, World

_SHORTEST = 4
_BAND = 4
_TRIED = 6
_KEPT = 3
# Costs are counted in fifths of a word, so that they stay whole numbers.
_WORD, _LIKE = 5, 3
_READ = 1 << 12
"""Sentences whose readings are kept, 5 kB each: a run writes some dozens, and reads each of them at many steps."""


@dataclass(frozen=True)
class Edit:
    """What does not fit: the word at `place` (None: one is missing before it) and the part expected, if any."""

    place: int
    word: str | None
    part: str | None


@dataclass(frozen=True)
class Fit:
    """A sentence of the grammar laid on words: `places` gives each part's place, or -1 where it does not fit."""

    sentence: Sentence
    places: tuple[int, ...]
    edits: tuple[Edit, ...] = ()
    cost: int = 0


@dataclass(frozen=True)
class Piece:
    """Words `start` to `stop` read as one sentence: its fits, best first; `open` if a word is masked.

    `cut` says that the words are the beginning of a sentence and then the story breaks off.
    """

    start: int
    stop: int
    fits: tuple[Fit, ...] = ()
    open: bool = False
    cut: bool = False

    @property
    def parsed(self) -> bool:
        """Whether the grammar reads these words exactly."""
        return bool(self.fits) and not self.fits[0].edits

    @property
    def cost(self) -> int:
        """How far the words are from a sentence; hopeless ones pay for about half of their words."""
        return self.fits[0].cost if self.fits else _hopeless(self.stop - self.start) + _WORD


def _longest(world: World) -> int:
    """The most words that can be read as one sentence, mistakes included."""
    return max(index(world).lengths) + _BAND


def _hopeless(length: int) -> int:
    """The cost above which a sentence is not worth comparing with: two words in five, at least one."""
    return max(_WORD, length * _WORD * 2 // 5)


def _price(word: str, part_family: str, world: World) -> int:
    if part_family in edges_of(word, world):
        return 0
    like = group(word)
    return _LIKE if like and like == group(part_family) else _WORD


def _distances(words: Sequence[str], families: Sequence[str], limit: int, world: World) -> list[list[int]] | None:
    """Edit distances of all beginnings, words by parts, near the diagonal only; None above the limit."""
    far, width = _WORD * (len(words) + len(families)), len(families) + 1
    rows = [[_WORD * column for column in range(width)]]
    for i, word in enumerate(words, 1):
        edges, like, above, row = edges_of(word, world), group(word), rows[-1], [far] * width
        row[0] = _WORD * i
        left = row[max(0, i - _BAND - 1)]
        for j in range(max(1, i - _BAND), min(width - 1, i + _BAND) + 1):
            part = families[j - 1]
            cost = above[j - 1]
            if part not in edges:
                cost += _LIKE if like and like == group(part) else _WORD
            if above[j] + _WORD < cost:
                cost = above[j] + _WORD
            if left + _WORD < cost:
                cost = left + _WORD
            row[j] = left = cost
        if min(row) > limit:
            return None
        rows.append(row)
    return rows if rows[-1][-1] <= limit else None


def _laid(words: Sequence[str], number: int, limit: int, world: World) -> Fit | None:
    """The cheapest way to lay a sentence on the words, None above the limit."""
    sentence, families = world.sentences[number], index(world).families[number]
    rows = _distances(words, families, limit, world)
    if rows is None:
        return None
    i, j = len(words), len(families)
    places, edits = [-1] * j, []
    while i or j:
        price = _price(words[i - 1], families[j - 1], world) if i and j else 0
        if i and j and rows[i][j] == rows[i - 1][j - 1] + price:
            i, j = i - 1, j - 1
            if price:
                edits.append(Edit(i, words[i], sentence.parts[j]))
            else:
                places[j] = i
        elif i and rows[i][j] == rows[i - 1][j] + _WORD:
            i -= 1
            edits.append(Edit(i, words[i], None))
        else:
            j -= 1
            edits.append(Edit(i, None, sentence.parts[j]))
    return Fit(sentence, tuple(places), tuple(reversed(edits)), rows[-1][-1])


@lru_cache(maxsize=_READ)
def _fits(words: tuple[str, ...], world: World) -> tuple[Fit, ...]:
    """The sentences that read the words exactly, or else the nearest ones, or none."""
    if found := exact(words, world):
        return tuple(Fit(sentence, tuple(range(len(words)))) for sentence in found)
    if not _SHORTEST <= len(words) <= _longest(world):
        return ()
    best, limit = [], _hopeless(len(words))
    for number in nearest(words, limit // _LIKE, _BAND, world)[:_TRIED]:
        if fit := _laid(words, number, limit, world):
            best.append(fit)
            limit = min(limit, fit.cost + _WORD)
    best.sort(key=lambda fit: fit.cost)
    return tuple(fit for fit in best[:_KEPT] if fit.cost <= best[0].cost + _WORD)


def _cost(pieces: Sequence[Piece]) -> int:
    return sum(piece.cost for piece in pieces)


def _moved(pieces: Sequence[Piece], by: int) -> list[Piece]:
    return [replace(piece, start=piece.start + by, stop=piece.stop + by) for piece in pieces]


@lru_cache(maxsize=_READ)
def _taken_apart(words: tuple[str, ...], world: World, depth: int = 3) -> tuple[Piece, ...]:
    """The words as one sentence or, if that is cheaper, as several with a wrong or missing stop between."""
    size = len(words)
    best: tuple[Piece, ...] = (Piece(0, size, _fits(words, world)),)
    if best[0].cost <= _WORD or size < 2 * _SHORTEST or not depth:
        return best
    found = [best]
    cuts = [cut for length in whole_but_stop(words, world) for cut in (length, length + 1) if size - cut >= _SHORTEST]
    cuts += [
        cut for cut in range(_SHORTEST, size - _SHORTEST) if begins(words[cut], world) or exact(words[cut:], world)
    ]
    for cut in cuts:
        behind = _taken_apart(words[cut:], world, depth - 1)
        found.append((Piece(0, cut, _fits(words[:cut], world)), *_moved(behind, cut)))
    return min(found, key=_cost)


def _joined(words: Sequence[str | None], run: list[tuple[int, int]], world: World) -> list[Piece]:
    """Reads segments that no rule reads: two or three of them as one sentence where that is cheaper."""
    best: list[list[Piece]] = [[]]
    for end in range(1, len(run) + 1):
        options = []
        for first in range(max(0, end - 3), end):
            start, stop = run[first][0], run[end - 1][1]
            if first < end - 1 and stop - start > _longest(world):
                continue
            cut = tuple(word for word in words[start:stop] if word is not None)
            alone = first == end - 1
            pieces = _taken_apart(cut, world) if alone else (Piece(0, len(cut), _fits(cut, world)),)
            options.append([*best[first], *_moved(pieces, start)])
        best.append(min(options, key=_cost))
    return best[-1]


def read(words: Sequence[str | None], world: World = STORIES) -> list[Piece]:
    """The pieces of a story, in order, without gaps."""
    pieces: list[Piece] = []
    unread: list[tuple[int, int]] = []
    stop = 0
    for segment in sentences_of(words):
        start, stop = stop, stop + len(segment)
        cut = tuple(word for word in segment if word is not None)
        if len(cut) < len(segment):
            found = Piece(start, stop, open=True)
        elif exact(cut, world):
            found = Piece(start, stop, _fits(cut, world))
        elif stop == len(words) and walk(cut, world):
            found = Piece(start, stop, cut=True)
        else:
            unread.append((start, stop))
            continue
        if unread:
            pieces += _joined(words, unread, world)
            unread = []
        pieces.append(found)
    return pieces + (_joined(words, unread, world) if unread else [])
