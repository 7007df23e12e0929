"""LLaDA's answers to Countdown and TruthfulQA, as the authors' task files ask for them: raw prompts, 32 positions.

The tasks are `countdown3` of the authors' evaluation harness and `truthfulqa_gen` of lm-eval, version 3: the latter's
prompt, with its six questions, and its ROUGE come from the installed package.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from remdm.domains.countdown.checker import judge
from remdm.domains.countdown.llada import ANSWER, EXAMPLES
from remdm.domains.countdown.problems import Problem, solutions
from remdm.evaluation.measurement import Bench
from remdm.evaluation.metrics.statistics import bootstrap
from remdm.evaluation.sweeps.compiled import number_type
from remdm.evaluation.sweeps.results import with_ends
from remdm.evaluation.sweeps.samples import Cell, Samples, Tick, draw, silent, timed
from remdm.hub.catalog import ENTRIES
from remdm.hub.loading import load as load_model
from remdm.hub.prompting import TextCheckpoint
from remdm.hub.store import Source
from remdm.models.network import compute
from remdm.studies.reproduce.experiment import Experiment, Figure, Need, Package, Work, columns, digest

MODEL = "llada-8b-instruct"
REPEATS, PROBLEMS = 10, 256
"""Answers to a problem, and problems."""
LM_EVAL = Package(
    ("lm_eval", "rouge_score", "sacrebleu", "pyarrow"), "pip install lm-eval sacrebleu rouge-score", "TruthfulQA"
)
QUESTIONS = Need(
    "TruthfulQA", 230_000,
    Source("truthfulqa/truthful_qa", ("generation/validation-00000-of-00001.parquet",), "dataset"),
    package=LM_EVAL,
)  # fmt: skip


@dataclass(frozen=True)
class Answers:
    """Draws answers to prompts, as many to each; answer k is one to prompt k // `repeats`."""

    checkpoint: TextCheckpoint
    cell: Cell
    prompts: Sequence[str]
    repeats: int

    def __call__(self, first: int, stop: int, tick: Tick = silent) -> Samples:
        """Answers `first` to `stop - 1`, those to prompts of one length in one batch: nothing stands behind them."""
        begun, seeds = time.perf_counter(), self.cell.seeds(first, stop)
        ids = {place: self._encoded(self.prompts[place]) for place in {k // self.repeats for k in range(first, stop)}}
        groups: dict[int, list[int]] = {}
        for k in range(first, stop):
            groups.setdefault(len(ids[k // self.repeats]), []).append(k)
        tokens = np.zeros((stop - first, ANSWER), np.int32)
        forwards = np.zeros(stop - first, np.int32)
        for group in groups.values():
            starts = torch.tensor([ids[k // self.repeats] + [self.checkpoint.mask_id] * ANSWER for k in group])
            where = [k - first for k in group]
            made, forwards[where] = draw(
                self.checkpoint.denoiser, self.cell.settings, starts, tuple(seeds[place] for place in where), tick
            )
            tokens[where] = made[:, -ANSWER:]
        return timed(tokens, forwards, begun, number_type(self.checkpoint))

    def _encoded(self, prompt: str) -> list[int]:
        return self.checkpoint.tokenizer.encode(prompt, add_special_tokens=False).ids


def printed(ids: Sequence[int], checkpoint: TextCheckpoint, stops: Sequence[str]) -> str:
    """An answer's text up to the first of the stops, or to its end mark."""
    text = checkpoint.tokenizer.decode([int(token) for token in ids], skip_special_tokens=False)
    ends = [checkpoint.tokenizer.id_to_token(token) for token in checkpoint.frame.end_ids]
    for stop in (*stops, *filter(None, ends)):
        text = text.split(stop)[0]
    bare = checkpoint.tokenizer.encode(text, add_special_tokens=False).ids
    return checkpoint.tokenizer.decode(bare, skip_special_tokens=True)


@dataclass(frozen=True)
class Task:
    """What is asked, and what the answers to all of it are worth.

    Attributes:
        name: of its samples' folder. prompts: the texts. repeats: answers to each. stops: what ends an answer.
        score: the answers' texts, those to one prompt together -> columns of the results file.
    """

    name: str
    prompts: Sequence[str]
    repeats: int
    stops: Sequence[str]
    score: Callable[[Sequence[Sequence[str]]], Mapping[str, Any]]


class Asked(Experiment):
    """What both tasks have in common: LLaDA-8B-Instruct, sampled at temperature 1, in one block of 32 positions."""

    model, seeds, at_once, batch = MODEL, tuple(range(20)), 16, 64
    answer = ANSWER
    tokens: int
    """Positions of a prompt, about."""

    def task(self, args: argparse.Namespace) -> Task:
        """The task."""
        raise NotImplementedError

    def base(self, sampler: str) -> Mapping[str, Any]:
        """Nothing is cut off, and tokens are sampled, as the paper does for its intervals."""
        return {"nucleus_p": 1.0, "temperature": 1.0}

    def conditions(self, args: argparse.Namespace) -> Mapping[str, Bench]:
        """The task's prompts."""
        checkpoint, task = load_model(self.model, compute(args.device)), self.task(args)
        assert isinstance(checkpoint, TextCheckpoint)

        def draws(cell: Cell) -> list[Answers]:
            return [Answers(checkpoint, cell, task.prompts, task.repeats)]

        def score(cell: Cell | None, groups: Sequence[Samples]) -> Mapping[str, Any]:
            texts = [printed(row, checkpoint, task.stops) for row in groups[0].tokens]
            return task.score([texts[k : k + task.repeats] for k in range(0, len(texts), task.repeats)])

        known = digest(ENTRIES[self.model].sources[0])
        return {"": Bench(self.model, known, checkpoint, draws, score, (f"/{task.name}/",))}


def asked(problem: Problem, answer: str = "") -> str:
    """A problem in the words of the task, which leaves a blank behind the colon, and the answer behind another one."""
    return f"{problem.question} {f' {answer}' if answer else ''}"


def prompt(problem: Problem) -> str:
    """The four examples and the problem."""
    return "".join(f"{asked(example, answer)}\n\n" for example, answer in EXAMPLES) + asked(problem)


def read_problems(path: Path) -> list[Problem]:
    """Problems of the task's own file: objects with `input`, "a,b,c,target", in a list or a line each.

    Raises:
        ValueError: for anything else.
    """
    text = path.read_text(encoding="utf-8").strip()
    try:
        rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
        found = [tuple(int(number) for number in row["input"].split(",")) for row in rows]
        return [Problem((a, b, c), target) for a, b, c, target in found]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} must hold objects such as {{"input": "44,2,54,64"}}: {error}') from None


@cache
def made_problems(count: int = PROBLEMS) -> tuple[Problem, ...]:
    """Problems of our own: numbers from 1 to 99 and a target from 10 to 100 that they reach, all of it drawn evenly."""
    rng = np.random.default_rng(0)
    made: list[Problem] = []
    while len(made) < count:
        a, b, c = (int(number) for number in rng.integers(1, 100, size=3))
        small, middle, large = sorted((a, b, c))
        targets = [target for target in solutions((small, middle, large), 10_000) if 10 <= target <= 100]
        if targets:
            made.append(Problem((a, b, c), int(rng.choice(targets))))
    return tuple(made)


class Countdown(Asked):
    """Table 3, Countdown: ten answers to each of 256 problems, from each of 20 seeds."""

    domain, tokens = "countdown", 170
    figures = {"pass@1, %": Figure("solved", 100)}
    columns = columns(*with_ends("solved"))
    samples, shrunk = PROBLEMS * REPEATS, (1, 2 * REPEATS)
    work = Work(2 * 8.0e9 * (170 + ANSWER), 126_464)
    note = (
        "The problems of the paper's task (cd3_test.json) are not public: without --data these are ours, of numbers to "
        "99 by the same rules, so that the samplers can be compared, and the paper's figures only roughly."
    )

    def task(self, args: argparse.Namespace) -> Task:
        """256 problems of a file, or our own."""
        problems = read_problems(args.data)[:PROBLEMS] if args.data else made_problems()
        name = args.data.stem if args.data else "ours"

        def score(answers: Sequence[Sequence[str]]) -> Mapping[str, Any]:
            solved = [
                float(np.mean([judge(text, problem.numbers, problem.target).correct for text in own]))
                for own, problem in zip(answers, problems, strict=False)
            ]
            return {"solved": bootstrap(solved)}

        return Task(f"countdown-{name}", [prompt(each) for each in problems], REPEATS, ("Question:",), score)


@cache
def truthfulqa() -> tuple[Callable[[Mapping[str, Any]], str], Any]:
    """lm-eval's task: question -> prompt, and the module that scores."""
    import yaml
    from lm_eval.utils import apply_template

    class Loader(yaml.SafeLoader):
        """Reads the task's file without calling what it names."""

    Loader.add_multi_constructor("!", lambda loader, suffix, node: suffix)
    scoring = import_module("lm_eval.tasks.truthfulqa.utils")
    file = Path(scoring.__file__ or "").parent / "truthfulqa_gen.yaml"
    template = yaml.load(file.read_text(encoding="utf-8"), Loader)["doc_to_text"]  # noqa: S506
    return lambda row: apply_template(template, row), scoring


ROUGE = {"ROUGE-1": "rouge1", "ROUGE-2": "rouge2", "ROUGE-L": "rougeL"}


class TruthfulQA(Asked):
    """Table 3, TruthfulQA: how much closer an answer is to the best true reference than to the best false one."""

    domain, needs, tokens = "text", (QUESTIONS,), 180
    figures = {title: Figure(name, package=LM_EVAL) for title, name in ROUGE.items()}
    packages = (LM_EVAL,)
    columns = columns(*with_ends(*ROUGE.values()))
    samples, shrunk = 817, (1, 3)
    work = Work(2 * 8.0e9 * (180 + ANSWER), 126_464)

    def task(self, args: argparse.Namespace) -> Task:
        """The questions, each with six others and their answers before it; without lm-eval the question alone."""
        if LM_EVAL.missing:
            rows: list[dict[str, Any]] = [{"question": "What is a mask?"}] * self.shrunk[1]
            return Task("truthfulqa-plain", [f"Q: {row['question']}" for row in rows], 1, ("\n\n",), lambda answers: {})
        prompted, scoring = truthfulqa()
        rows = [scoring.preprocess_function(_plain(row)) for row in _table(QUESTIONS.file()).to_dict("records")]

        def score(answers: Sequence[Sequence[str]]) -> Mapping[str, Any]:
            found = [scoring.process_results_gen(row, own) for row, own in zip(rows, answers, strict=False)]
            return {name: bootstrap([each[f"{name}_diff"] for each in found]) for name in ROUGE.values()}

        return Task("truthfulqa", [prompted(row) for row in rows], 1, ("\n\n",), score)


def _table(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of a Parquet file with lists instead of arrays."""
    return {name: list(value) if isinstance(value, np.ndarray) else value for name, value in row.items()}
