"""Countdown: three numbers, a target and the equations that reach it, with a checker."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from html import escape
from typing import Any

import torch
from torch import Tensor

from remdm.domains.countdown import llada, problems
from remdm.domains.countdown.checker import RIGHT, WRONG, Line, Verdict, examine
from remdm.domains.countdown.problems import LARGEST, LENGTH, LIMIT, PROMPT, Problem
from remdm.models.checkpoints import Checkpoint, load_embedded
from remdm.runs.domain import Domain, Issue, Model, Words

COMMA = 5
"""Where the comma between the equations stands in an answer."""
FORM = "Write three numbers and a target, such as 3, 5, 7 = 26."


def parse(prompt: str) -> Problem:
    """The problem that a prompt asks for: three numbers, then the target, with anything but digits between them.

    Raises:
        ValueError: for other counts, numbers out of range, and targets that cannot be reached.
    """
    found = re.findall(r"[0-9]+", prompt)
    if len(prompt) > 200 or len(found) != 4 or re.search(r"[0-9]\.[0-9]|-[0-9]", prompt):
        raise ValueError(f"{FORM} Whole numbers only.")
    if max(map(len, found)) > 4:
        raise ValueError(f"The numbers must lie between 1 and {LARGEST}, the target between 1 and {LIMIT}.")
    *numbers, target = map(int, found)
    outside = [number for number in numbers if not 1 <= number <= LARGEST]
    if outside:
        raise ValueError(f"The model learned numbers from 1 to {LARGEST}, got {outside[0]}.")
    if not 1 <= target <= LIMIT:
        raise ValueError(f"The model learned targets from 1 to {LIMIT}, got {target}.")
    ways = problems.solutions(tuple(sorted(numbers)))
    if target not in ways:
        near = sorted(sorted(ways, key=lambda other: abs(other - target))[:3])
        raise ValueError(
            f"No two equations lead from {numbers[0]}, {numbers[1]} and {numbers[2]} to {target} with whole results "
            f"from 1 to {LIMIT}; near it: {', '.join(map(str, near))}."
        )
    return Problem((numbers[0], numbers[1], numbers[2]), target)


def written(problem: Problem) -> str:
    """A problem as a prompt."""
    return f"{', '.join(map(str, problem.numbers))} = {problem.target}"


def draw(seed: int) -> str:
    """A held-out problem: neither its numbers nor its target occurred in training."""
    held_out = problems.test_problems()
    return written(held_out[seed % len(held_out)])


def start(prompt: str, length: int, checkpoint: Checkpoint) -> Tensor:
    """Start ids `[LENGTH]`: the problem is given, its answer is masked.

    Raises:
        ValueError: as `parse`.
    """
    problem = parse(prompt)
    given = torch.tensor(problems.row(problem.numbers, problem.target, ())[:PROMPT])
    return torch.cat((given, torch.full((length - PROMPT,), checkpoint.mask_id)))


def piece(token: int, checkpoint: Checkpoint) -> str:
    """A word as printed, a space before it."""
    return f" {checkpoint.tokenizer.id_to_token(token)}"


def text(ids: Sequence[int], checkpoint: Checkpoint) -> str:
    """Question and answer in the format of the paper's task."""
    words = [checkpoint.tokenizer.id_to_token(int(token)) for token in ids]
    problem, answer = (
        problem_of(words),
        "".join(word for word in words[PROMPT:] if word and word not in problems.SPECIALS),
    )
    numbers = ", ".join(map(str, problem.numbers))
    return (
        f"Question: Using the numbers [{numbers}], create an equation that equals {problem.target}.\nAnswer: {answer}"
    )


def problem_of(words: Words) -> Problem:
    """The problem in a row's words."""
    a, b, c, target = (int(words[place] or 0) for place in (0, 1, 2, 4))
    return Problem((a, b, c), target)


def verdict(words: Words) -> Verdict:
    """What the checker says about a row's words `[LENGTH]`, None where masked."""
    problem = problem_of(words)
    answer = list(words[PROMPT:])
    while answer and answer[-1] == "<pad>":
        answer.pop()
    if (
        COMMA < len(answer) and answer[COMMA] is None
    ):  # its place is known, so each equation can be checked before it is
        answer[COMMA] = ","
        return replace(examine(answer, problem.numbers, problem.target, PROMPT), complete=False, fair=False)
    return examine(answer, problem.numbers, problem.target, PROMPT)


def notes(words: Words) -> tuple[Issue, ...]:
    """The rules that the answer breaks so far."""
    return tuple(Issue(each.positions, each.rule, each.message) for each in verdict(words).broken)


def scene(words: Words) -> dict[str, Any]:
    """The problem, and each equation with its words and whether it holds; then the answer as a whole."""
    problem, found = problem_of(words), verdict(words)
    return {
        "numbers": list(problem.numbers),
        "target": problem.target,
        "lines": [
            {
                "words": list(each.words),
                "positions": list(each.positions),
                "state": each.state,
                "message": each.message,
            }
            for each in found.lines
        ],
        "broken": [each.message for each in found.broken if each.rule != "equation"],
        "state": "right" if found.correct else "wrong" if found.broken else "open",
        "fair": found.fair,
    }


def tile(words: Words) -> str:
    """The problem, and each equation with its mark."""
    problem, found = problem_of(words), verdict(words)
    lines = "".join(f'<span class="cd-tile-line">{_printed(line)}</span>' for line in found.lines)
    numbers = " ".join(map(str, problem.numbers))
    state = "right" if found.correct else "wrong" if found.complete else "open"
    return f'<div class="cd-tile" data-state="{state}"><b>{numbers} → {problem.target}</b>{lines}</div>'


def _printed(line: Line) -> str:
    signs = {RIGHT: " ✓", WRONG: " ✗"}
    words = "".join('<i class="cd-hole"></i>' if word is None else escape(word) for word in line.words)
    return words + signs.get(line.state, "")


def numbers(samples: Sequence[Words]) -> Sequence[tuple[str, str, str]]:
    """How many of the answers are correct, and how many equations hold."""
    found = [verdict(words) for words in samples]
    lines = [line for each in found for line in each.lines]
    right = sum(line.state == "right" for line in lines)
    solved = sum(each.correct for each in found)
    return (
        ("solved", f"{solved} of {len(found)}", "Answers that keep every rule: pass@1 of these runs."),
        ("equations right", f"{right} of {len(lines)}", "Equations that hold, whatever the answer as a whole does."),
    )


COUNTDOWN = Model(
    "countdown",
    "Countdown, three numbers",
    f"Finds two equations that lead from three numbers (1 to {LARGEST}) to a target (1 to {LIMIT}), learned from "
    "problems made by rule. It often guesses the first step wrong; watch the checker's marks change when it revises.",
    partial(load_embedded, "countdown"),
    start,
    piece,
    text,
    notes,
    length=LENGTH,
    examples=("3, 5, 7 = 26", "4, 9, 11 = 55", "2, 8, 12 = 36"),
    draw=draw,
    scene=scene,
    tile=tile,
    numbers=numbers,
    prompt_help="Three numbers from 1 to 12 and a target from 1 to 60, such as 3, 5, 7 = 26.",
    placeholder="Empty: draw a held-out problem",
)

DOMAIN = Domain("countdown", "Countdown", (COUNTDOWN, *llada.MODELS), most_samples=64, together=True)
