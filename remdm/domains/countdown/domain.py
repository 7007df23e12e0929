"""Countdown: three numbers, a target and the equations that reach it, with a checker."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from html import escape

import torch
from torch import Tensor

from remdm.domains.countdown import llada, problems
from remdm.domains.countdown.checker import RIGHT, WRONG, Line, Verdict, examine, issues, scene, solved
from remdm.domains.countdown.problems import LARGEST, LENGTH, LIMIT, PROMPT, WORDS, Problem
from remdm.models.checkpoints import Checkpoint, load_embedded, recommended
from remdm.runs.domain import Domain, Model
from remdm.runs.tokens import TokenView

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
    problem = problem_of(words)
    answer = "".join(word for word in words[PROMPT:] if word and word not in problems.SPECIALS)
    return f"{problem.question} {answer}" if problem else answer


def problem_of(words: Sequence[str | None]) -> Problem | None:
    """The problem in a row's words; None if they hold none."""
    numbers = [int(word) for word in (*words[:3], *words[4:5]) if word and word.isdecimal()]
    return Problem((numbers[0], numbers[1], numbers[2]), numbers[3]) if len(numbers) == 4 else None


def verdict(view: TokenView) -> Verdict | None:
    """What the checker says about a row `[LENGTH]`; None if it is none."""
    words = view.named(WORDS)
    problem, answer = problem_of(words), words[PROMPT:]
    while answer and answer[-1] == "<pad>":
        answer.pop()
    if problem is None:
        return None
    if COMMA < len(answer) and answer[COMMA] is None:  # the comma's place is known: each equation can be checked before
        answer[COMMA] = ","
        return replace(examine(answer, problem, PROMPT), complete=False, fair=False)
    return examine(answer, problem, PROMPT)


def tile(view: TokenView) -> str:
    """The problem, and each equation with its mark."""
    found = verdict(view)
    if found is None:
        return ""
    lines = "".join(f'<span class="cd-tile-line">{_printed(line)}</span>' for line in found.lines)
    numbers = " ".join(map(str, found.problem.numbers))
    state = "right" if found.correct else "wrong" if found.complete else "open"
    return f'<div class="cd-tile" data-state="{state}"><b>{numbers} → {found.problem.target}</b>{lines}</div>'


def _printed(line: Line) -> str:
    signs = {RIGHT: " ✓", WRONG: " ✗"}
    words = "".join('<i class="cd-hole"></i>' if word is None else escape(word) for word in line.words)
    return words + signs.get(line.state, "")


def numbers(samples: Sequence[TokenView]) -> Sequence[tuple[str, str, str]]:
    """How many of the answers are correct, and how many equations hold."""
    lines = [line for found in map(verdict, samples) if found for line in found.lines]
    right = sum(line.state == RIGHT for line in lines)
    return [
        *solved(verdict, samples),
        ("equations right", f"{right} of {len(lines)}", "Equations that hold, whatever the answer as a whole does."),
    ]


COUNTDOWN = Model(
    "countdown",
    "Countdown, three numbers",
    f"Finds two equations that lead from three numbers (1 to {LARGEST}) to a target (1 to {LIMIT}), learned from "
    "problems made by rule. It often guesses the first step wrong; watch the checker's marks change when it revises.",
    partial(load_embedded, "countdown"),
    start,
    piece,
    text,
    partial(issues, verdict),
    length=LENGTH,
    examples=("3, 5, 7 = 26", "4, 9, 11 = 55", "2, 8, 12 = 36"),
    draw=problems.draw,
    scene=partial(scene, verdict),
    tile=tile,
    numbers=numbers,
    recommended=recommended("countdown"),
    prompt_help="Three numbers from 1 to 12 and a target from 1 to 60, such as 3, 5, 7 = 26.",
    placeholder="Empty: draw a held-out problem",
)

DOMAIN = Domain("countdown", "Countdown", (COUNTDOWN, *llada.MODELS), most_samples=64, together=True)
