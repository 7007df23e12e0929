"""LLaDA on Countdown as in ReMDM's experiment (arXiv 2503.00307, section 5.3): four examples, then the problem.

As in the authors' task: plain text without turns or a beginning mark, for the Instruct model too; two blanks between
"Answer:" and an example's answer; "Answer: " and the 32 positions of the answer at the end, and nothing behind.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from remdm.domains.countdown.checker import Verdict, examine, issues, scene, solved
from remdm.domains.countdown.problems import SMALL, Problem, draw
from remdm.hub.catalog import ENTRIES
from remdm.hub.loading import fetching, load
from remdm.hub.prompting import TextCheckpoint, piece
from remdm.models.checkpoints import Checkpoint
from remdm.runs.domain import Model
from remdm.runs.tokens import TokenView

ANSWER = 32
"""Positions of the answer."""
EXAMPLES = (
    (Problem((44, 2, 54), 64), "2*54=108,108-44=64"),
    (Problem((22, 11, 44), 26), "44/11=4,22+4=26"),
    (Problem((2, 62, 96), 79), "62+96=158,158/2=79"),
    (Problem((52, 20, 21), 53), "52-20=32,21+32=53"),
)
"""Those of the paper's task."""
_MASKED = "\0"
_PROBLEM = re.compile(r"numbers\[([0-9]{1,4}),([0-9]{1,4}),([0-9]{1,4})\],createanequationthatequals([0-9]{1,4})\.")


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


def start(prompt: str, length: int, checkpoint: Checkpoint) -> Tensor:
    """Start ids `[L]`: examples and problem are given, and behind them `length` positions are masked.

    Raises:
        ValueError: for a prompt that is not a problem.
    """
    assert isinstance(checkpoint, TextCheckpoint)
    problem = parse(prompt)
    shots = "".join(f"{example.question}  {answer}\n\n" for example, answer in EXAMPLES)
    given = checkpoint.tokenizer.encode(f"{shots}{problem.question} ", add_special_tokens=False).ids
    return torch.tensor([*given, *[checkpoint.mask_id] * length])


def verdict(view: TokenView) -> Verdict | None:
    """What the checker says of the answer among all positions `[L]`; None where there is no problem or no answer yet.

    A number may be several pieces, and a piece several words.
    """
    line = ""
    where: list[int] = []
    for position, word in enumerate(view.printed):
        bare = _MASKED if word is None else re.sub(r"\s|\0", "", word)
        line += bare
        where += [position] * len(bare)
    marks = [found.end() for found in re.finditer("Answer:", line)]
    if len(marks) <= len(EXAMPLES):
        return None
    begin = marks[len(EXAMPLES)]
    found = _PROBLEM.findall(line[:begin])
    end = re.compile(r"<\||Question:").search(line, begin)
    parts = list(re.compile(rf"[0-9]+|{_MASKED}|[^0-9]").finditer(line, begin, end.start() if end else len(line)))
    if not found or not parts:
        return None
    a, b, c, target = map(int, found[-1])
    answer = examine([None if part[0] == _MASKED else part[0] for part in parts], Problem((a, b, c), target))

    def at(words: Sequence[int]) -> tuple[int, ...]:
        return tuple(sorted({where[letter] for word in words for letter in range(*parts[word].span())}))

    return replace(
        answer,
        lines=tuple(replace(each, positions=at(each.positions)) for each in answer.lines),
        issues=tuple(replace(each, positions=at(each.positions)) for each in answer.issues),
    )


def text(ids: Sequence[int], checkpoint: Checkpoint) -> str:
    """Question and answer without the examples, up to the answer's end."""
    assert isinstance(checkpoint, TextCheckpoint)
    whole = checkpoint.tokenizer.decode([int(token) for token in ids], skip_special_tokens=False)
    parts = whole.split("Question:")
    last = f"Question:{parts[len(EXAMPLES) + 1]}" if len(parts) > len(EXAMPLES) + 1 else whole
    return re.split(r"<\|", last)[0].strip()


def model_of(name: str) -> Model:
    entry = ENTRIES[name]
    return Model(
        name,
        entry.title,
        entry.summary,
        partial(load, name),
        start,
        piece,
        text,
        partial(issues, verdict),
        scene=partial(scene, verdict),
        numbers=partial(solved, verdict),
        draw=partial(draw, SMALL),
        length=ANSWER,
        lengths=(16, 128),
        examples=("44, 2, 54 = 64", "22, 11, 44 = 26", "3, 5, 7 = 26"),
        prompt_help="Three numbers and a target, such as 44, 2, 54 = 64.",
        placeholder="Empty: draw a held-out problem",
        defaults={**entry.defaults, "steps": 2 * ANSWER},
        fetch=partial(fetching, name),
    )


MODELS = tuple(map(model_of, ("llada-8b-instruct", "llada-8b-base")))
"""LLaDA as models of the countdown domain."""
