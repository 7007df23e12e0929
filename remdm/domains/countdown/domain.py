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
from remdm.domains.countdown.problems import LENGTH, PROMPT, RANGES, WORDS, Problem, Range
from remdm.models.checkpoints import Checkpoint, load_embedded, recommended
from remdm.runs.domain import Domain, Model
from remdm.runs.tokens import TokenView

COMMA = 5
"""Where the comma between the equations stands in an answer."""
FORM = "Write three numbers and a target, such as 3, 5, 7 = 26."


def parse(asked: Range, prompt: str) -> Problem:
    """The problem that a prompt asks for: three numbers, then the target, with anything but digits between them.

    Raises:
        ValueError: for other counts, numbers out of range, and targets that cannot be reached.
    """
    found = re.findall(r"[0-9]+", prompt)
    if len(prompt) > 200 or len(found) != 4 or re.search(r"[0-9]\.[0-9]|-[0-9]", prompt):
        raise ValueError(f"{FORM} Whole numbers only.")
    least, most = asked.targets
    if max(map(len, found)) > 4:
        raise ValueError(f"The numbers must lie between 1 and {asked.largest}, the target between {least} and {most}.")
    *numbers, target = map(int, found)
    outside = [number for number in numbers if not 1 <= number <= asked.largest]
    if outside:
        raise ValueError(f"The model learned numbers from 1 to {asked.largest}, got {outside[0]}.")
    if not least <= target <= most:
        raise ValueError(f"The model learned targets from {least} to {most}, got {target}.")
    reached = problems.solutions(tuple(sorted(numbers)), asked.limit)
    if target not in reached:
        asks = (other for other in reached if least <= other <= most)
        near = sorted(sorted(asks, key=lambda other: abs(other - target))[:3])
        raise ValueError(
            f"No two equations lead from {numbers[0]}, {numbers[1]} and {numbers[2]} to {target} with whole results "
            f"from 1 to {asked.limit}; near it: {', '.join(map(str, near)) or 'nothing'}."
        )
    return Problem((numbers[0], numbers[1], numbers[2]), target)


def start(asked: Range, prompt: str, length: int, checkpoint: Checkpoint) -> Tensor:
    """Start ids `[LENGTH]`: the problem is given, its answer is masked.

    Raises:
        ValueError: as `parse`.
    """
    problem = parse(asked, prompt)
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


def model_of(name: str) -> Model:
    """An embedded model, which is asked for the numbers of its range."""
    asked = RANGES[name]
    numbers_to, targets = f"1 to {asked.largest}", f"{asked.targets[0]} to {asked.targets[1]}"
    return Model(
        name,
        asked.title,
        f"Finds two equations that lead from three numbers ({numbers_to}) to a target ({targets}), learned from "
        "problems made by rule. It often guesses the first step wrong; watch the checker's marks change when it "
        "revises.",
        partial(load_embedded, name),
        partial(start, asked),
        piece,
        text,
        partial(issues, verdict),
        length=LENGTH,
        examples=asked.examples,
        draw=partial(problems.draw, asked),
        scene=partial(scene, verdict),
        tile=tile,
        numbers=numbers,
        recommended=recommended(name),
        prompt_help=f"Three numbers from {numbers_to} and a target from {targets}, such as {asked.examples[0]}.",
        placeholder="Empty: draw a held-out problem",
    )


EMBEDDED = tuple(map(model_of, RANGES))
COUNTDOWN = EMBEDDED[0]

DOMAIN = Domain("countdown", "Countdown", (*EMBEDDED, *llada.MODELS), most_samples=64, together=True)
