"""Countdown by rule: three numbers, a target and two equations that reach it, as fixed rows of words.

A row is `a b c → N : left op right = value , left op right = N`: six prompt words, then eleven answer words, one word a
number. The task and the text format are those of ReMDM's LLaDA experiment (arXiv 2503.00307, section 5.3), with smaller
numbers: 1 to 12, and no result above 60 or below 1. Equations are canonical, the larger operand of + and * first.

Held out are a quarter of the number triples *and* a quarter of the targets: no training problem has either. A held-out
target's word is known from bare sums of two numbers.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, permutations

import numpy as np

LARGEST = 12
LIMIT = 60
PROMPT = 6
LENGTH = 17
OPERATIONS = ("+", "-", "*", "/")
SPECIALS = ("<mask>", "<pad>")
WORDS = (*SPECIALS, "→", ":", ",", "=", *OPERATIONS, *map(str, range(1, LIMIT + 1)))
"""The whole vocabulary; a word's place is its id."""

IDS = {word: place for place, word in enumerate(WORDS)}
ZERO = IDS["1"] - 1
"""A number's id is ZERO plus the number."""

Equation = tuple[int, str, int, int]
"""Left operand, operation, right operand, value."""

WARM_UP = 400
"""So many batches are bare sums and nothing else: a problem teaches few sums, and late (docs/log.md)."""
SUMS, TWO_NUMBERS, WIDE = 0.15, 0.1, 0.1
"""Shares of a batch after that which are not problems of the range: bare sums, two numbers, three with larger ones."""
KINDS = (0.35, 0.35, 0.15, 0.15)
"""How often a bare sum is of each operation: there are fewer products and quotients to learn."""


@dataclass(frozen=True)
class Problem:
    """Three numbers and the target to reach."""

    numbers: tuple[int, int, int]
    target: int

    def __str__(self) -> str:
        """As a prompt."""
        return f"{', '.join(map(str, self.numbers))} = {self.target}"

    @property
    def question(self) -> str:
        """In the words of the paper's task."""
        numbers = ", ".join(map(str, self.numbers))
        return f"Question: Using the numbers [{numbers}], create an equation that equals {self.target}.\nAnswer:"


def equations(a: int, b: int) -> Iterator[Equation]:
    """The canonical equations of two numbers whose value lies in 1..LIMIT."""
    high, low = max(a, b), min(a, b)
    found = [(high, "+", low, high + low), (high, "*", low, high * low)]
    if high > low:
        found.append((high, "-", low, high - low))
    if high % low == 0:
        found.append((high, "/", low, high // low))
    return (each for each in found if each[3] <= LIMIT)


@cache
def solutions(numbers: tuple[int, int, int]) -> dict[int, tuple[tuple[Equation, Equation], ...]]:
    """Every canonical answer for a sorted triple, by the target that it reaches."""
    found: dict[int, set[tuple[Equation, Equation]]] = {}
    for rest, (a, b) in ((2, (0, 1)), (1, (0, 2)), (0, (1, 2))):
        for first in equations(numbers[a], numbers[b]):
            for second in equations(first[3], numbers[rest]):
                found.setdefault(second[3], set()).add((first, second))
    return {target: tuple(sorted(ways)) for target, ways in sorted(found.items())}


def is_held_out(key: str) -> bool:
    """Whether a triple ("3,5,7") or a target ("26") is kept for the test: a quarter, by checksum."""
    return zlib.crc32(key.encode()) % 4 == 0


@cache
def triples(held_out: bool) -> tuple[tuple[int, int, int], ...]:
    """The sorted triples of one side of the split."""
    every = combinations_with_replacement(range(1, LARGEST + 1), 3)
    return tuple(each for each in every if is_held_out(",".join(map(str, each))) == held_out)


@cache
def problems(held_out: bool) -> tuple[Problem, ...]:
    """The solvable problems of one side of the split, numbers sorted: both triple and target belong to that side."""
    return tuple(
        Problem(numbers, target)
        for numbers in triples(held_out)
        for target in solutions(numbers)
        if is_held_out(str(target)) == held_out
    )


def _in_every_order(some: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The problems in every order of their numbers, shuffled once and for all."""
    found = [Problem((a, b, c), each.target) for each in some for a, b, c in sorted(set(permutations(each.numbers)))]
    return tuple(found[place] for place in np.random.default_rng(0).permutation(len(found)))


@cache
def test_problems() -> tuple[Problem, ...]:
    """Every held-out problem in every order of its numbers: neither triple nor target occurred in training."""
    return _in_every_order(problems(True))


def draw(seed: int) -> str:
    """A held-out problem as a prompt."""
    return str(test_problems()[seed % len(test_problems())])


@cache
def tuning_problems() -> tuple[Problem, ...]:
    """Problems to choose settings by: held-out triples with targets of training, so none of the test."""
    return _in_every_order(
        tuple(
            Problem(numbers, target)
            for numbers in triples(True)
            for target in solutions(numbers)
            if not is_held_out(str(target))
        )
    )


def row(numbers: tuple[int, ...], target: int, answer: tuple[Equation, ...]) -> list[int]:
    """A problem of two or three numbers and its answer as ids `[LENGTH]`."""
    prompt = [*map(str, numbers), *["<pad>"] * (3 - len(numbers)), "→", str(target), ":"]
    words = prompt + ",".join(" {} {} {} = {} ".format(*each) for each in answer).split()
    return [IDS[word] for word in words] + [IDS["<pad>"]] * (LENGTH - len(words))


@dataclass(frozen=True)
class _Tables:
    """What batches are drawn from: rows of answers, where each problem's begin and end, and sums by their parts.

    facts: `[F, 4]` ids of left, operation, right, value. by_kind: fact places for each operation.
    continued: for each value, the facts that go on from it, as places and the side on which it stands.
    """

    rows: np.ndarray
    first: np.ndarray
    ways: np.ndarray
    facts: np.ndarray
    by_kind: tuple[np.ndarray, ...]
    continued: tuple[np.ndarray, ...]


@cache
def _tables() -> _Tables:
    trained = problems(False)
    ways = [solutions(each.numbers)[each.target] for each in trained]
    rows = [row(each.numbers, each.target, way) for each, them in zip(trained, ways, strict=True) for way in them]
    counts = np.array([len(them) for them in ways])
    every = {each for a in range(1, LIMIT + 1) for b in range(1, min(a, LARGEST) + 1) for each in equations(a, b)}
    facts = np.array([(ZERO + a, IDS[op], ZERO + b, ZERO + c) for a, op, b, c in sorted(every)])
    kinds = tuple(np.flatnonzero(facts[:, 1] == IDS[op]) for op in OPERATIONS)
    uses = tuple(np.flatnonzero((facts[:, 0] == v) | (facts[:, 2] == v)) for v in range(ZERO + 1, len(WORDS)))
    return _Tables(np.array(rows), counts.cumsum() - counts, counts, facts, kinds, uses)


def known(rows: np.ndarray) -> np.ndarray:
    """What is never masked in training, bool `[B, LENGTH]`: prompts and padding, and of bare sums all but results."""
    place = np.arange(LENGTH)
    problem = rows[:, 3:4] == IDS["→"]
    return np.where(problem, (place < PROMPT) | (rows == IDS["<pad>"]), place % 6 != 4)


def batch(index: int, size: int) -> np.ndarray:
    """Training rows `[size, LENGTH]`, the same for the same index: problems, wider ones, two numbers, bare sums."""
    rng = np.random.default_rng((1, index))
    if index < WARM_UP:
        return _sums(rng, size)
    sums, pairs, wide = (int(size * share) for share in (SUMS, TWO_NUMBERS, WIDE))
    return np.concatenate(
        (_problems(rng, size - pairs - sums - wide), _wide(rng, wide), _pairs(rng, pairs), _sums(rng, sums))
    )


def _mixed(rng: np.random.Generator, rows: np.ndarray, count: int) -> np.ndarray:
    """The rows with their first `count` words in another order."""
    rows[:, :count] = rng.permuted(rows[:, :count], axis=1)
    return rows


def _problems(rng: np.random.Generator, size: int) -> np.ndarray:
    tables = _tables()
    which = rng.integers(len(tables.first), size=size)
    return _mixed(rng, tables.rows[tables.first[which] + rng.integers(tables.ways[which])], 3)


def _facts(rng: np.random.Generator, size: int) -> np.ndarray:
    """Places of sums of which one operand at least is in the range of the problems' numbers."""
    kinds = _tables().by_kind
    chosen = rng.choice(len(kinds), size=size, p=KINDS)
    return np.array([kinds[kind][rng.integers(len(kinds[kind]))] for kind in chosen], int)


def _blank(size: int) -> np.ndarray:
    rows = np.full((size, LENGTH), IDS["<pad>"])
    rows[:, 3], rows[:, 5] = IDS["→"], IDS[":"]
    return rows


def _equation(rows: np.ndarray, place: int, facts: np.ndarray) -> None:
    rows[:, place : place + 3], rows[:, place + 3], rows[:, place + 4] = facts[:, :3], IDS["="], facts[:, 3]


def _pairs(rng: np.random.Generator, size: int) -> np.ndarray:
    """Problems of two numbers: `a b <pad> → N : left op right = N`."""
    facts, rows = _tables().facts[_facts(rng, size)], _blank(size)
    rows[:, 0], rows[:, 1], rows[:, 4] = facts[:, 0], facts[:, 2], facts[:, 3]
    _equation(rows, PROMPT, facts)
    return _mixed(rng, rows, 2)


def _sums(rng: np.random.Generator, size: int) -> np.ndarray:
    """Three sums that have nothing to do with each other, without a problem."""
    rows = np.full((size, LENGTH), IDS[","])
    for place in range(0, LENGTH, 6):
        _equation(rows, place, _tables().facts[_facts(rng, size)])
    return rows


def _wide(rng: np.random.Generator, size: int) -> np.ndarray:
    """Problems with a number beyond LARGEST; their targets are training targets too."""
    tables, rows = _tables(), _blank(size)
    done = 0
    while done < size:
        first = tables.facts[_facts(rng, 1)[0]]
        ways = tables.continued[first[3] - ZERO - 1]
        second = tables.facts[ways[rng.integers(len(ways))]]
        other = second[2] if second[0] == first[3] else second[0]
        numbers = np.array((first[0], first[2], other))
        if numbers.max() <= ZERO + LARGEST or is_held_out(WORDS[second[3]]):
            continue
        each = rows[done : done + 1]
        each[:, :3], each[:, 4], each[:, PROMPT + 5] = numbers, second[3], IDS[","]
        _equation(each, PROMPT, first[None])
        _equation(each, PROMPT + 6, second[None])
        done += 1
    return _mixed(rng, rows, 3)
