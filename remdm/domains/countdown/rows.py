"""What a Countdown model is trained on: problems of its range, wider ones, problems of two numbers, bare sums.

All answers of a range are in tables, made once; a batch is drawn from them without a loop over its rows.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from remdm.domains.countdown.problems import (
    IDS,
    LENGTH,
    OPERATIONS,
    PROMPT,
    SIGNS,
    ZERO,
    Range,
    answers,
    equations,
    held_out_targets,
    triples,
)  # fmt: skip

KINDS = (0.35, 0.35, 0.15, 0.15)
"""How often a bare sum is of each operation: there are fewer products and quotients to learn."""


@dataclass(frozen=True)
class _Tables:
    """What batches are drawn from: rows of answers, where each problem's begin and how many it has, and sums.

    near, wide: the problems within the range and beyond it, as places in `first` and `ways`.
    facts: `[F, 4]` ids of left, operation, right, value. by_kind: fact places, operation after operation.
    kinds: where in these each operation begins. counts: how many it has.
    """

    rows: np.ndarray
    first: np.ndarray
    ways: np.ndarray
    near: np.ndarray
    wide: np.ndarray
    facts: np.ndarray
    by_kind: np.ndarray
    kinds: np.ndarray
    counts: np.ndarray


@cache
def _tables(asked: Range) -> _Tables:
    numbers = triples(False, asked.widest)
    found = answers(numbers, asked.reach)
    found = found[~held_out_targets(asked.reach)[found[:, 1]]]
    place, target, *first, left, sign, right = found.T
    given = numbers[place]
    rows = np.empty((len(found), LENGTH), np.int16)
    rows[:, :3], rows[:, 3], rows[:, 4], rows[:, 5] = ZERO + given, IDS["→"], ZERO + target, IDS[":"]
    _equation(rows, PROMPT, _ids(*first))
    rows[:, PROMPT + 5] = IDS[","]
    _equation(rows, PROMPT + 6, _ids(left, sign, right, target))
    begin = np.flatnonzero(np.diff(found[:, :2], axis=0, prepend=-1).any(1))
    near = (given[begin, 2] <= asked.largest) & asked.asks(target[begin])
    pairs = [(a, b) for a in range(1, asked.reach + 1) for b in range(1, min(a, asked.widest) + 1)]
    larger, smaller = np.array(pairs).T
    _, sums = equations(larger, smaller, asked.reach)
    facts = _ids(*sums[np.lexsort(sums[:, 2::-1].T)].T)
    kinds = [np.flatnonzero(facts[:, 1] == IDS[op]) for op in OPERATIONS]
    counts = np.array(list(map(len, kinds)))
    return _Tables(
        rows, begin, np.diff(begin, append=len(found)), near.nonzero()[0], (~near).nonzero()[0], facts,
        np.concatenate(kinds), counts.cumsum() - counts, counts,
    )  # fmt: skip


def _ids(left: np.ndarray, sign: np.ndarray, right: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Equations as in `problems.equations`, in ids `[n, 4]`."""
    return np.column_stack((ZERO + left, SIGNS[sign], ZERO + right, ZERO + value))


def known(rows: np.ndarray) -> np.ndarray:
    """What is never masked in training, bool `[B, LENGTH]`: prompts and padding, and of bare sums all but results."""
    place = np.arange(LENGTH)
    problem = rows[:, 3:4] == IDS["→"]
    return np.where(problem, (place < PROMPT) | (rows == IDS["<pad>"]), place % 6 != 4)


def batch(asked: Range, index: int, size: int) -> np.ndarray:
    """Training rows `[size, LENGTH]`, the same for the same index: problems, wider ones, two numbers, bare sums."""
    rng, tables = np.random.default_rng((1, index)), _tables(asked)
    shares = next(shares for first, shares in asked.mix if index >= first)
    sums, pairs, wide = (int(size * share) for share in shares)
    near = _problems(rng, tables, tables.near, size - pairs - sums - wide)
    beyond = _problems(rng, tables, tables.wide, wide)
    return np.concatenate((near, beyond, _pairs(rng, tables, pairs), _sums(rng, tables, sums)))


def _mixed(rng: np.random.Generator, rows: np.ndarray, count: int) -> np.ndarray:
    """The rows with their first `count` words in another order."""
    rows[:, :count] = rng.permuted(rows[:, :count], axis=1)
    return rows


def _problems(rng: np.random.Generator, tables: _Tables, among: np.ndarray, size: int) -> np.ndarray:
    which = among[rng.integers(len(among), size=size)]
    return _mixed(rng, tables.rows[tables.first[which] + rng.integers(tables.ways[which])].astype(int), 3)


def _facts(rng: np.random.Generator, tables: _Tables, size: int) -> np.ndarray:
    """Sums `[size, 4]`, of which one operand at least is among the numbers of training."""
    chosen = rng.choice(len(KINDS), size=size, p=KINDS)
    return tables.facts[tables.by_kind[tables.kinds[chosen] + rng.integers(tables.counts[chosen])]]


def _equation(rows: np.ndarray, place: int, facts: np.ndarray) -> None:
    rows[:, place : place + 3], rows[:, place + 3], rows[:, place + 4] = facts[:, :3], IDS["="], facts[:, 3]


def _pairs(rng: np.random.Generator, tables: _Tables, size: int) -> np.ndarray:
    """Problems of two numbers: `a b <pad> → N : left op right = N`."""
    facts, rows = _facts(rng, tables, size), np.full((size, LENGTH), IDS["<pad>"])
    rows[:, [0, 1, 4]], rows[:, [3, 5]] = facts[:, [0, 2, 3]], (IDS["→"], IDS[":"])
    _equation(rows, PROMPT, facts)
    return _mixed(rng, rows, 2)


def _sums(rng: np.random.Generator, tables: _Tables, size: int) -> np.ndarray:
    """Three sums that have nothing to do with each other, without a problem."""
    rows = np.full((size, LENGTH), IDS[","])
    for place in range(0, LENGTH, 6):
        _equation(rows, place, _facts(rng, tables, size))
    return rows
