"""Countdown by rule: three numbers, a target and two equations that reach it, as fixed rows of words.

A row is `a b c → N : left op right = value , left op right = N`: six prompt words, then eleven answer words, one word a
number. The task and the text format are those of ReMDM's LLaDA experiment (arXiv 2503.00307, section 5.3). Equations
are canonical, the larger operand of + and * first, and no result is below 1.

Held out are a quarter of the number triples *and* a quarter of the targets, of every range and beyond it: no training
problem (`rows.py`) has either. A held-out target's word is known from bare sums of two numbers.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, permutations

import numpy as np


@dataclass(frozen=True)
class Size:
    """How large a network is, and whether its weights are stored in 8 bits rather than in half precision."""

    width: int
    depth: int
    heads: int
    eight_bits: bool = False


@dataclass(frozen=True)
class Range:
    """The numbers that a model is asked about, how much further its training goes, and all else that is its own.

    Attributes:
        title: the model's on the page. examples: prompts there. size: its network's.
        largest: of the three numbers. targets: the least and the greatest. limit: the largest result of an equation.
        widest: the largest number in training. reach: the largest result there, and the largest number with a word.
        mix: from which batch on which shares of training are not problems of the range: bare sums, two numbers,
            problems beyond the range; the last batches first. Bare sums come first and alone: a problem teaches few
            sums, and late (docs/log.md).
    """

    title: str
    examples: tuple[str, ...]
    size: Size
    largest: int
    targets: tuple[int, int]
    limit: int
    widest: int
    reach: int
    mix: tuple[tuple[int, tuple[float, float, float]], ...]

    def asks(self, target: np.ndarray) -> np.ndarray:
        """Whether each of these targets is asked for."""
        return (self.targets[0] <= target) & (target <= self.targets[1])


RANGES = {
    # the range alone has so few triples that a network learns them by heart: training goes beyond it
    "countdown": Range(
        "Countdown, three numbers", ("3, 5, 7 = 26", "4, 9, 11 = 55", "2, 8, 12 = 36"), Size(160, 6, 5),
        12, (1, 60), 60, 24, 99,
        ((4415, (0.05, 0.1, 0.3)), (400, (0.15, 0.1, 0.45)), (0, (1.0, 0.0, 0.0))),
    ),
    # the paper's examples have such numbers; with results to 9,801 only 1% of the problems more have an answer
    "countdown-99": Range(
        "Countdown, numbers to 99", ("44, 2, 54 = 64", "22, 11, 44 = 26", "52, 20, 21 = 53"), Size(256, 8, 8, True),
        99, (10, 100), 199, 99, 199,
        ((6000, (0.04, 0.08, 0.08)), (2400, (0.08, 0.1, 0.15)), (600, (0.2, 0.1, 0.25)), (0, (1.0, 0.0, 0.0))),
    ),
}  # fmt: skip
"""The embedded models by name: a row is a model, with its training and its tables; the first is the tab's."""
SMALL = RANGES["countdown"]

PROMPT = 6
LENGTH = 17
OPERATIONS = ("+", "-", "*", "/")
SPECIALS = ("<mask>", "<pad>")
WORDS = (
    *SPECIALS, "→", ":", ",", "=", *OPERATIONS, *map(str, range(1, max(each.reach for each in RANGES.values()) + 1))
)  # fmt: skip
"""The vocabulary of the widest range, with which every other begins; a word's place is its id."""

IDS = {word: place for place, word in enumerate(WORDS)}
ZERO = IDS["1"] - 1
"""A number's id is ZERO plus the number."""
SIGNS = np.array([IDS[operation] for operation in sorted(OPERATIONS)])
"""Ids of the operations in the order in which equations are sorted."""

Equation = tuple[int, str, int, int]
"""Left operand, operation, right operand, value."""
MOST_ASKED = 2000
"""The most held-out problems that are used, in the order of their numbers alone."""


def words(asked: Range) -> tuple[str, ...]:
    """The vocabulary of a range."""
    return WORDS[: ZERO + asked.reach + 1]


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


def equations(a: np.ndarray, b: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """The canonical equations of pairs of numbers `[n]` whose value lies in 1..limit.

    Returns:
        Whose each is, `[m]`, and left operand, place in SIGNS, right operand and value, `[m, 4]`.
    """
    high, low = np.maximum(a, b), np.minimum(a, b)
    values = {"*": high * low, "+": high + low, "-": high - low, "/": np.where(high % low, 0, high // low)}
    value = np.stack([values[WORDS[sign]] for sign in SIGNS])
    sign, which = np.nonzero((value >= 1) & (value <= limit))
    return which, np.column_stack((high[which], sign, low[which], value[sign, which]))


def answers(numbers: np.ndarray, limit: int) -> np.ndarray:
    """Every canonical answer for triples `[n, 3]`, each once and sorted; no result is above the limit.

    Returns:
        `[m, 9]`: the triple's place, the target, the first equation as in `equations`, the second without its value.
    """
    found = []
    for rest, (a, b) in ((2, (0, 1)), (1, (0, 2)), (0, (1, 2))):
        which, first = equations(numbers[:, a], numbers[:, b], limit)
        among, second = equations(first[:, 3], numbers[which, rest], limit)
        found.append(np.column_stack((which[among], second[:, 3], first[among], second[:, :3])))
    every = np.concatenate(found)
    free = every[:, [0, 1, 2, 3, 4, 6, 7, 8]].T  # the first value follows from the rest
    _, once = np.unique(np.ravel_multi_index(tuple(free), tuple(free.max(1, initial=0) + 1)), return_index=True)
    return every[once]


@cache
def solutions(numbers: tuple[int, int, int], limit: int) -> dict[int, tuple[tuple[Equation, Equation], ...]]:
    """Every canonical answer for a sorted triple, by the target that it reaches; no result is above the limit."""
    found: dict[int, list[tuple[Equation, Equation]]] = {}
    for _, target, a, op, b, value, left, sign, right in answers(np.array([numbers]), limit).tolist():
        first, second = (a, WORDS[SIGNS[op]], b, value), (left, WORDS[SIGNS[sign]], right, target)
        found.setdefault(target, []).append((first, second))
    return {target: tuple(ways) for target, ways in found.items()}


def is_held_out(key: str) -> bool:
    """Whether a triple ("3,5,7") or a target ("26") is kept for the test: a quarter, by checksum."""
    return zlib.crc32(key.encode()) % 4 == 0


@cache
def triples(held_out: bool, largest: int) -> np.ndarray:
    """The sorted triples `[n, 3]` of one side of the split, of numbers up to the largest."""
    every = combinations_with_replacement(range(1, largest + 1), 3)
    return np.array([each for each in every if is_held_out("{},{},{}".format(*each)) == held_out])


def held_out_targets(limit: int) -> np.ndarray:
    """Whether each number 0..limit is a target of the test, bool `[limit + 1]`."""
    return np.array([is_held_out(str(target)) for target in range(limit + 1)])


@cache
def problems(asked: Range, held_out: bool, target_held_out: bool | None = None) -> tuple[Problem, ...]:
    """The solvable problems of one side of the split, numbers sorted; targets are of the same side if not said."""
    wanted = held_out if target_held_out is None else target_held_out
    every = triples(held_out, asked.largest)
    found = answers(every, asked.limit)[:, :2]
    found = found[np.diff(found, axis=0, prepend=-1).any(1)]  # they are sorted: the first answer of each problem
    place, target = found[asked.asks(found[:, 1]) & (held_out_targets(asked.limit)[found[:, 1]] == wanted)].T
    return tuple(Problem((a, b, c), n) for (a, b, c), n in zip(every[place].tolist(), target.tolist(), strict=True))


def spread(some: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """At most MOST_ASKED of the problems, as far apart as can be."""
    return some[:: -(-len(some) // MOST_ASKED)]


def _in_every_order(some: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems in every order of their numbers, shuffled once and for all."""
    found = [Problem((a, b, c), each.target) for each in some for a, b, c in sorted(set(permutations(each.numbers)))]
    return tuple(found[place] for place in np.random.default_rng(0).permutation(len(found)))


@cache
def test_problems(asked: Range) -> tuple[Problem, ...]:
    """Held-out problems in every order of their numbers: neither triple nor target occurred in training."""
    return _in_every_order(spread(problems(asked, True)))


def draw(asked: Range, seed: int) -> str:
    """A held-out problem as a prompt."""
    return str(test_problems(asked)[seed % len(test_problems(asked))])


@cache
def tuning_problems(asked: Range) -> tuple[Problem, ...]:
    """Problems to choose settings by: held-out triples with targets of training, so none of the test."""
    return _in_every_order(spread(problems(asked, True, False)))


def row(numbers: tuple[int, ...], target: int, answer: tuple[Equation, ...]) -> list[int]:
    """A problem of two or three numbers and its answer as ids `[LENGTH]`."""
    prompt = [*map(str, numbers), *["<pad>"] * (3 - len(numbers)), "→", str(target), ":"]
    words = prompt + ",".join(" {} {} {} = {} ".format(*each) for each in answer).split()
    return [IDS[word] for word in words] + [IDS["<pad>"]] * (LENGTH - len(words))
