"""Countdown by rule: three numbers, a target and two equations that reach it, as fixed rows of words.

A row is `a b c → N : left op right = value , left op right = N`: six prompt words, then eleven answer words, one word a
number. The task and the text format are those of ReMDM's LLaDA experiment (arXiv 2503.00307, section 5.3), with smaller
numbers: 1 to 12, and no result above 60 or below 1. Equations are canonical, the larger operand of + and * first.

Training goes further, to numbers up to 24 and results up to 99: the range alone has so few triples that a network
learns them by heart. Held out are a quarter of the number triples *and* a quarter of the targets, in and beyond the
range: no training problem has either. A held-out target's word is known from bare sums of two numbers.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, permutations

import numpy as np

LARGEST = 12
LIMIT = 60
"""The range: what is asked, shown and tested."""

WIDEST = 24
REACH = 99
"""The largest number and the largest result of training."""

PROMPT = 6
LENGTH = 17
OPERATIONS = ("+", "-", "*", "/")
SPECIALS = ("<mask>", "<pad>")
WORDS = (*SPECIALS, "→", ":", ",", "=", *OPERATIONS, *map(str, range(1, REACH + 1)))
"""The whole vocabulary; a word's place is its id."""

IDS = {word: place for place, word in enumerate(WORDS)}
ZERO = IDS["1"] - 1
"""A number's id is ZERO plus the number."""

Equation = tuple[int, str, int, int]
"""Left operand, operation, right operand, value."""

MIX = ((4415, (0.05, 0.1, 0.3)), (400, (0.15, 0.1, 0.45)), (0, (1.0, 0.0, 0.0)))
"""From which batch on which shares are not problems of the range: bare sums, two numbers, problems beyond the range.

Bare sums come first and alone: a problem teaches few sums, and late (docs/log.md). The range itself has the end.
"""
KINDS = (0.35, 0.35, 0.15, 0.15)
"""How often a bare sum is of each operation: there are fewer products and quotients to learn."""


@dataclass(frozen=True)
class Problem:
    """Three numbers and the target to reach."""

    numbers: tuple[int, int, int]
    target: int

    def __str__(self) -> str:
        return f"{', '.join(map(str, self.numbers))} = {self.target}"

    @property
    def question(self) -> str:
        """In the words of the paper's task."""
        numbers = ", ".join(map(str, self.numbers))
        return f"Question: Using the numbers [{numbers}], create an equation that equals {self.target}.\nAnswer:"


def equations(a: int, b: int, limit: int = LIMIT) -> Iterator[Equation]:
    """The canonical equations of two numbers whose value lies in 1..limit."""
    high, low = max(a, b), min(a, b)
    found = [(high, "+", low, high + low), (high, "*", low, high * low)]
    if high > low:
        found.append((high, "-", low, high - low))
    if high % low == 0:
        found.append((high, "/", low, high // low))
    return (each for each in found if each[3] <= limit)


@cache
def solutions(numbers: tuple[int, int, int], limit: int = LIMIT) -> dict[int, tuple[tuple[Equation, Equation], ...]]:
    """Every canonical answer for a sorted triple, by the target that it reaches; no result is above the limit."""
    found: dict[int, set[tuple[Equation, Equation]]] = {}
    for rest, (a, b) in ((2, (0, 1)), (1, (0, 2)), (0, (1, 2))):
        for first in equations(numbers[a], numbers[b], limit):
            for second in equations(first[3], numbers[rest], limit):
                found.setdefault(second[3], set()).add((first, second))
    return {target: tuple(sorted(ways)) for target, ways in sorted(found.items())}


def is_held_out(key: str) -> bool:
    """Whether a triple ("3,5,7") or a target ("26") is kept for the test: a quarter, by checksum."""
    return zlib.crc32(key.encode()) % 4 == 0


@cache
def triples(held_out: bool, largest: int = LARGEST) -> tuple[tuple[int, int, int], ...]:
    """The sorted triples of one side of the split, of numbers up to the largest."""
    every = combinations_with_replacement(range(1, largest + 1), 3)
    return tuple(each for each in every if is_held_out(",".join(map(str, each))) == held_out)


@cache
def problems(held_out: bool, target_held_out: bool | None = None) -> tuple[Problem, ...]:
    """The solvable problems of one side of the split, numbers sorted; targets are of the same side if not said."""
    wanted = held_out if target_held_out is None else target_held_out
    every = (Problem(numbers, target) for numbers in triples(held_out) for target in solutions(numbers))
    return tuple(each for each in every if is_held_out(str(each.target)) == wanted)


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
    return _in_every_order(problems(True, False))


def row(numbers: tuple[int, ...], target: int, answer: tuple[Equation, ...]) -> list[int]:
    """A problem of two or three numbers and its answer as ids `[LENGTH]`."""
    prompt = [*map(str, numbers), *["<pad>"] * (3 - len(numbers)), "→", str(target), ":"]
    words = prompt + ",".join(" {} {} {} = {} ".format(*each) for each in answer).split()
    return [IDS[word] for word in words] + [IDS["<pad>"]] * (LENGTH - len(words))


@dataclass(frozen=True)
class _Tables:
    """What batches are drawn from: rows of answers, where each problem's begin and end, and sums by their parts.

    near, wide: the problems within the range and beyond it, as places in `first` and `ways`.
    facts: `[F, 4]` ids of left, operation, right, value. by_kind: fact places for each operation.
    """

    rows: np.ndarray
    first: np.ndarray
    ways: np.ndarray
    near: np.ndarray
    wide: np.ndarray
    facts: np.ndarray
    by_kind: tuple[np.ndarray, ...]


@cache
def _tables() -> _Tables:
    rows: list[list[int]] = []
    counts, is_near = [], []
    for numbers in triples(False, WIDEST):
        for target, ways in solutions(numbers, REACH).items():
            if not is_held_out(str(target)):
                rows.extend(row(numbers, target, way) for way in ways)
                counts.append(len(ways))
                is_near.append(numbers[2] <= LARGEST and target <= LIMIT)
    count, near = np.array(counts), np.array(is_near)
    every = {each for a in range(1, REACH + 1) for b in range(1, min(a, WIDEST) + 1) for each in equations(a, b, REACH)}
    facts = np.array([(ZERO + a, IDS[op], ZERO + b, ZERO + c) for a, op, b, c in sorted(every)])
    kinds = tuple(np.flatnonzero(facts[:, 1] == IDS[op]) for op in OPERATIONS)
    return _Tables(
        np.array(rows, np.int8), count.cumsum() - count, count, near.nonzero()[0], (~near).nonzero()[0], facts, kinds
    )


def known(rows: np.ndarray) -> np.ndarray:
    """What is never masked in training, bool `[B, LENGTH]`: prompts and padding, and of bare sums all but results."""
    place = np.arange(LENGTH)
    problem = rows[:, 3:4] == IDS["→"]
    return np.where(problem, (place < PROMPT) | (rows == IDS["<pad>"]), place % 6 != 4)


def batch(index: int, size: int) -> np.ndarray:
    """Training rows `[size, LENGTH]`, the same for the same index: problems, wider ones, two numbers, bare sums."""
    rng = np.random.default_rng((1, index))
    shares = next(shares for first, shares in MIX if index >= first)
    sums, pairs, wide = (int(size * share) for share in shares)
    near = _problems(rng, _tables().near, size - pairs - sums - wide)
    return np.concatenate((near, _problems(rng, _tables().wide, wide), _pairs(rng, pairs), _sums(rng, sums)))


def _mixed(rng: np.random.Generator, rows: np.ndarray, count: int) -> np.ndarray:
    """The rows with their first `count` words in another order."""
    rows[:, :count] = rng.permuted(rows[:, :count], axis=1)
    return rows


def _problems(rng: np.random.Generator, among: np.ndarray, size: int) -> np.ndarray:
    tables = _tables()
    which = among[rng.integers(len(among), size=size)]
    return _mixed(rng, tables.rows[tables.first[which] + rng.integers(tables.ways[which])].astype(int), 3)


def _facts(rng: np.random.Generator, size: int) -> np.ndarray:
    """Places of sums of which one operand at least is in the range of the problems' numbers."""
    kinds = _tables().by_kind
    chosen = rng.choice(len(kinds), size=size, p=KINDS)
    return np.array([kinds[kind][rng.integers(len(kinds[kind]))] for kind in chosen], int)


def _equation(rows: np.ndarray, place: int, facts: np.ndarray) -> None:
    rows[:, place : place + 3], rows[:, place + 3], rows[:, place + 4] = facts[:, :3], IDS["="], facts[:, 3]


def _pairs(rng: np.random.Generator, size: int) -> np.ndarray:
    """Problems of two numbers: `a b <pad> → N : left op right = N`."""
    facts, rows = _tables().facts[_facts(rng, size)], np.full((size, LENGTH), IDS["<pad>"])
    rows[:, [0, 1, 4]], rows[:, [3, 5]] = facts[:, [0, 2, 3]], (IDS["→"], IDS[":"])
    _equation(rows, PROMPT, facts)
    return _mixed(rng, rows, 2)


def _sums(rng: np.random.Generator, size: int) -> np.ndarray:
    """Three sums that have nothing to do with each other, without a problem."""
    rows = np.full((size, LENGTH), IDS[","])
    for place in range(0, LENGTH, 6):
        _equation(rows, place, _tables().facts[_facts(rng, size)])
    return rows
