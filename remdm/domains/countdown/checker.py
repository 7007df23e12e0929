"""The Countdown checker: each equation right or wrong as soon as it is complete, and which rule an answer breaks.

The rules are those of the reference's task (arXiv 2503.00307, section 5.3; lm-evaluation-harness task `countdown3`).
An answer is correct iff every comma-separated equation is true, exactly five numbers stand before the last `=`, all
given numbers are used, any other number before the last `=` occurs more than once, and the last result is the target.
These rules look at which numbers occur, not how often: 5*5=25,25+3=28 passes for [5, 3, 3]. `Verdict.fair` asks for
more: each given number once, and the first result in the second equation.

The reference evaluates an equation as Python; here it may hold + - * / and brackets, nothing else, in exact fractions.
"""

import ast
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from remdm.domains.countdown.problems import Problem
from remdm.runs.tokens import Issue, TokenView

RIGHT, WRONG, OPEN = "right", "wrong", "open"
MOST_WORDS = 64
"""An equation with more words than this is not read: nested brackets must not exhaust the stack."""
MOST_DIGITS = 1000
"""A longer number is not read: Python refuses to."""


@dataclass(frozen=True)
class Line:
    """One equation of an answer.

    Attributes:
        positions: where its words stand.
        words: the words, None where masked.
        state: `right`, `wrong`, or `open` while something in it is masked.
        message: what is wrong, else empty.
    """

    positions: tuple[int, ...]
    words: tuple[str | None, ...]
    state: str
    message: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the checker says about an answer, complete or not.

    The kind of an issue is the rule that is broken: `equation`, `count`, `unused`, `stranger` or `target`.
    """

    problem: Problem
    lines: tuple[Line, ...]
    issues: tuple[Issue, ...]
    complete: bool
    fair: bool

    @property
    def correct(self) -> bool:
        """Whether the answer is complete and breaks no rule of the paper."""
        return self.complete and not self.issues


_WORD = re.compile(r"0|[1-9][0-9]{0,11}|[-+*/()]")
_OPERATIONS: dict[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


def value(words: Sequence[str]) -> Fraction:
    """What an expression is worth, read as Python reads it.

    Raises:
        ValueError: if the words are not an expression of whole numbers, + - * / and brackets.
        ZeroDivisionError: if it divides by 0.
    """
    if len(words) > MOST_WORDS or not all(map(_WORD.fullmatch, words)):
        raise ValueError("not an expression")
    try:
        return _worth(ast.parse(" ".join(words), mode="eval").body)
    except SyntaxError as error:
        raise ValueError("not an expression") from error


def _worth(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int(number)):
            return Fraction(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_worth(operand)
        case ast.BinOp(left=left, op=sign, right=right):
            return _OPERATIONS[type(sign)](_worth(left), _worth(right))
    raise ValueError("not an expression")


def _result(words: Sequence[str]) -> int | None:
    """The whole number right of an `=`, None if that is something else."""
    sign, digits = (words[0], words[1:]) if len(words) == 2 and words[0] in "+-" else ("", words)
    number = _decimal(digits[0]) if len(digits) == 1 else None
    return -number if number is not None and sign == "-" else number


def _decimal(word: str | None) -> int | None:
    """The value of a word of digits, leading zeros allowed; None for any other, and for one of absurd length."""
    return int(word) if word and word.isdecimal() and len(word) <= MOST_DIGITS else None


def printed(words: Sequence[str | None]) -> str:
    """Words as people write them, `_` where masked."""
    return " ".join(word or "_" for word in words)


def _line(positions: Sequence[int], words: Sequence[str | None]) -> Line:
    def line(state: str, message: str = "") -> Line:
        return Line(tuple(positions), tuple(words), state, message)

    known = [word for word in words if word is not None]
    if len(known) < len(words):
        return line(OPEN)
    shape = f"“{printed(words)[:60]}” is not an equation: it must read number, operation, number, =, result."
    if known.count("=") != 1:
        return line(WRONG, shape)
    left, right = known[: known.index("=")], known[known.index("=") + 1 :]
    result = _result(right)
    try:
        worth = value(left)
    except ZeroDivisionError:
        return line(WRONG, "Nothing can be divided by 0.")
    except ValueError:
        return line(WRONG, shape)
    if result is None:
        return line(WRONG, shape)
    if worth != result:
        exact = str(worth) if worth.denominator == 1 else f"{worth}, which is not a whole number"
        return line(WRONG, f"{printed(left)} is {exact}, not {result}.")
    return line(RIGHT)


def _lines(words: Sequence[str | None], first: int) -> Iterator[Line]:
    begin = 0
    for place in range(len(words) + 1):
        if place == len(words) or words[place] == ",":
            yield _line(range(first + begin, first + place), words[begin:place])
            begin = place + 1


def examine(answer: Sequence[str | None], problem: Problem, first: int = 0) -> Verdict:
    """Check an answer by its words.

    Args:
        answer: numbers, operations, `=`, `,` and brackets, a word each, None where masked; `[n]`.
        problem: what is asked.
        first: position of the first word; positions in the verdict count from it.
    """
    lines = tuple(_lines(answer, first))
    complete = None not in answer and bool(answer)
    found = [Issue(line.positions, "equation", line.message) for line in lines if line.state == WRONG]
    last = lines[-1]
    if last.state != OPEN and "=" in last.words and (complete or len(lines) > 1):
        found += _target_issues(last, problem.target)
    if complete:
        found += _usage_issues(answer, problem.numbers, first)
    return Verdict(problem, lines, tuple(found), complete, complete and not found and _is_fair(lines, problem.numbers))


def _target_issues(last: Line, target: int) -> Iterator[Issue]:
    begin = len(last.words) - last.words[::-1].index("=")
    if _result([word for word in last.words[begin:] if word]) != target:
        message = f"The last result is {printed(last.words[begin:])[:40]}, not the target {target}."
        yield Issue(last.positions[begin:], "target", message)


def _usage_issues(answer: Sequence[str | None], numbers: Sequence[int], first: int) -> Iterator[Issue]:
    """The rules about which numbers stand before the last `=`."""
    end = len(answer) - 1 - answer[::-1].index("=") if "=" in answer else 0
    found = {first + place: _decimal(word) for place, word in enumerate(answer[:end])}
    used = {place: number for place, number in found.items() if number is not None}
    counts = Counter(used.values())
    if len(used) != 5:
        message = f"Five numbers must stand before the last =, not {len(used)}."
        yield Issue(tuple(used) or (first,), "count", message)
    for number in sorted(set(numbers) - set(counts)):
        yield Issue((), "unused", f"The given number {number} is not used.")
    for place, number in used.items():
        if number not in numbers and counts[number] == 1:
            message = f"{number} is neither a given number nor a result that is used."
            yield Issue((place,), "stranger", message)


def _is_fair(lines: Sequence[Line], numbers: Sequence[int]) -> bool:
    """Whether a correct answer uses each given number once and the first result once."""
    if len(lines) != 2:
        return False
    operands = Counter(_decimal(word) for line in lines for word in line.words[: line.words.index("=")])
    del operands[None]
    passed_on = _result([word for word in lines[0].words[lines[0].words.index("=") + 1 :] if word])
    return operands == Counter(numbers) + Counter([passed_on])


def words_of(answer: str) -> list[str]:
    """The words of an answer as text: numbers, and every other sign alone. At most 1,000 signs are read."""
    return re.findall(r"[0-9]+|[^\s0-9]", answer[:1000])


def judge(answer: str, numbers: Sequence[int], target: int) -> Verdict:
    """Check an answer as text, such as `2*54=108,108-44=64`."""
    return examine(words_of(answer), Problem((numbers[0], numbers[1], numbers[2]), target))


# What a model shows of its verdicts

Judge = Callable[[TokenView], Verdict | None]
"""What the checker says of a model's tokens; None where they hold no problem."""


def issues(judged: Judge, view: TokenView) -> tuple[Issue, ...]:
    """The rules that the answer breaks so far."""
    found = judged(view)
    return found.issues if found else ()


def scene(judged: Judge, view: TokenView) -> dict[str, Any] | None:
    """The problem, and each equation with its words and whether it holds; then the answer as a whole."""
    found = judged(view)
    if found is None:
        return None
    return {
        "numbers": list(found.problem.numbers),
        "target": found.problem.target,
        "lines": [
            {"words": list(line.words), "positions": list(line.positions), "state": line.state, "message": line.message}
            for line in found.lines
        ],
        "broken": [issue.message for issue in found.issues if issue.kind != "equation"],
        "state": RIGHT if found.correct else WRONG if found.issues else OPEN,
        "fair": found.fair,
    }


def solved(judged: Judge, samples: Sequence[TokenView]) -> list[tuple[str, str, str]]:
    """How many of the answers are correct."""
    count = sum(found.correct for found in map(judged, samples) if found)
    return [("solved", f"{count} of {len(samples)}", "Answers that keep every rule: pass@1 of these runs.")]
