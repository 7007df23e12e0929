"""LLaDA on Countdown as in ReMDM's experiment (arXiv 2503.00307, section 5.3): four examples, then the problem.

The prompt is plain text, without turns, for the Instruct model too; the answer has 32 positions. What is behind them is
filled with end marks, as LLaDA was trained with.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from remdm.domains.countdown.checker import Verdict, examine
from remdm.domains.countdown.problems import Problem, test_problems
from remdm.hub.catalog import ENTRIES
from remdm.hub.loading import fetching, load
from remdm.hub.prompting import TextCheckpoint, piece
from remdm.models.checkpoints import Checkpoint
from remdm.runs.domain import Issue, Model, Words

ANSWER = 32
"""Positions of the answer."""
EXAMPLES = (
    ((44, 2, 54), 64, "2*54=108,108-44=64"),
    ((22, 11, 44), 26, "44/11=4,22+4=26"),
    ((2, 62, 96), 79, "62+96=158,158/2=79"),
    ((52, 20, 21), 53, "52-20=32,21+32=53"),
)
"""Those of the paper's task."""
_MASKED = "\0"
_PROBLEM = re.compile(r"numbers\[(\d+),(\d+),(\d+)\],createanequationthatequals(\d+)\.")


def asked(numbers: Sequence[int], target: int) -> str:
    """A problem in the task's words."""
    listed = ", ".join(map(str, numbers))
    return f"Question: Using the numbers [{listed}], create an equation that equals {target}.\nAnswer:"


def parse(prompt: str) -> Problem:
    """Three numbers and a target, with anything but digits between them.

    Raises:
        ValueError: for other counts, and for numbers of more than four digits.
    """
    found = re.findall(r"[0-9]+", prompt[:200])
    if len(found) != 4 or max(map(len, found)) > 4:
        raise ValueError("Write three numbers and a target of at most four digits each, such as 44, 2, 54 = 64.")
    a, b, c, target = map(int, found)
    return Problem((a, b, c), target)


def draw(seed: int) -> str:
    """One of the embedded model's held-out problems, so that both can be compared."""
    problem = test_problems()[seed % len(test_problems())]
    return f"{', '.join(map(str, problem.numbers))} = {problem.target}"


def start(prompt: str, length: int, checkpoint: Checkpoint) -> Tensor:
    """Start ids `[length]`: examples and problem are given, the answer is masked.

    Raises:
        ValueError: for a prompt that is no problem, or does not fit.
    """
    assert isinstance(checkpoint, TextCheckpoint)
    problem = parse(prompt)
    shots = "".join(f"{asked(numbers, target)} {answer}\n\n" for numbers, target, answer in EXAMPLES)
    given = checkpoint.tokenizer.encode(shots + asked(problem.numbers, problem.target), add_special_tokens=False).ids
    ids = [*checkpoint.frame.prefix, *given, *[checkpoint.mask_id] * ANSWER]
    if len(ids) > length:
        raise ValueError(f"Examples, problem and answer take {len(ids)} positions, but there are {length}.")
    return torch.tensor(ids + [checkpoint.frame.fill_id] * (length - len(ids)))


@dataclass(frozen=True)
class Read:
    """An answer as the checker reads it: its words, None where masked, and the positions that each one stands at."""

    problem: Problem
    words: tuple[str | None, ...]
    places: tuple[tuple[int, ...], ...]
    ended: bool


def read(words: Words) -> Read | None:
    """The answer in the bare pieces of all positions `[L]`, None where these are no such problem.

    A number may be several pieces, and a piece several words.
    """
    line = ""
    where: list[int] = []
    for position, word in enumerate(words):
        bare = _MASKED if word is None else re.sub(r"\s|\0", "", word)
        line += bare
        where += [position] * len(bare)
    marks = [found.end() for found in re.finditer("Answer:", line)]
    if len(marks) <= len(EXAMPLES):
        return None
    begin = marks[len(EXAMPLES)]
    problems = _PROBLEM.findall(line[:begin])
    if not problems:
        return None
    a, b, c, target = map(int, problems[-1])
    end = re.compile(r"<\||Question:").search(line, begin)
    last = end.start() if end else len(line)
    found = [part for part in re.finditer(rf"\d+|{_MASKED}|[^\d{_MASKED}]", line[:last]) if part.start() >= begin]
    return Read(
        Problem((a, b, c), target),
        tuple(None if part[0] == _MASKED else part[0] for part in found),
        tuple(tuple(sorted({where[place] for place in range(part.start(), part.end())})) for part in found),
        end is not None,
    )


def _positions(each: Read, words: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted({place for word in words for place in each.places[word]}))


def verdict(words: Words) -> tuple[Read, Verdict] | None:
    """What the checker says, with positions of pieces; None where there is no answer yet."""
    each = read(words)
    if each is None or not each.words:
        return None
    said = examine(each.words, each.problem.numbers, each.problem.target)
    lines = tuple(replace(line, positions=_positions(each, line.positions)) for line in said.lines)
    broken = tuple(replace(rule, positions=_positions(each, rule.positions)) for rule in said.broken)
    return each, replace(said, lines=lines, broken=broken)


def notes(words: Words) -> tuple[Issue, ...]:
    """The rules that the answer breaks so far."""
    found = verdict(words)
    return tuple(Issue(each.positions, each.rule, each.message) for each in found[1].broken) if found else ()


def scene(words: Words) -> dict[str, Any] | None:
    """The problem and its equations, in the form that the domain's own scene has."""
    found = verdict(words)
    if found is None:
        return None
    each, said = found
    lines = [
        {"words": list(line.words), "positions": list(line.positions), "state": line.state, "message": line.message}
        for line in said.lines
    ]
    return {
        "numbers": list(each.problem.numbers),
        "target": each.problem.target,
        "lines": lines,
        "broken": [rule.message for rule in said.broken if rule.rule != "equation"],
        "state": "right" if said.correct else "wrong" if said.broken else "open",
        "fair": said.fair,
    }


def numbers(samples: Sequence[Words]) -> Sequence[tuple[str, str, str]]:
    """How many of the answers are correct."""
    solved = sum(found is not None and found[1].correct for found in map(verdict, samples))
    return (("solved", f"{solved} of {len(samples)}", "Answers that keep every rule: pass@1 of these runs."),)


def text(ids: Sequence[int], checkpoint: Checkpoint) -> str:
    """Question and answer without the examples, up to the answer's end."""
    assert isinstance(checkpoint, TextCheckpoint)
    whole = checkpoint.tokenizer.decode([int(token) for token in ids], skip_special_tokens=False)
    parts = whole.split("Question:")
    last = f"Question:{parts[len(EXAMPLES) + 1]}" if len(parts) > len(EXAMPLES) + 1 else whole
    return re.split(r"<\|", last)[0].strip()


def model_of(name: str) -> Model:
    """A LLaDA of the catalog as a model of Countdown."""
    entry = ENTRIES[name]
    return Model(
        name,
        entry.title,
        entry.summary,
        partial(load, name),
        start,
        piece,
        text,
        notes,
        scene=scene,
        numbers=numbers,
        draw=draw,
        length=256,
        lengths=(192, 512),
        examples=("44, 2, 54 = 64", "22, 11, 44 = 26", "3, 5, 7 = 26"),
        prompt_help="Three numbers and a target, such as 44, 2, 54 = 64.",
        placeholder="Empty: draw a held-out problem",
        defaults=entry.defaults,
        fetch=partial(fetching, name),
    )


MODELS = tuple(map(model_of, ("llada-8b-instruct", "llada-8b-base")))
"""LLaDA as models of the countdown domain."""
