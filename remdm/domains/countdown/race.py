"""Samplers side by side on the same held-out problems, a few problems at a time: what the page's batch mode shows."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from remdm.domains.countdown.problems import test_problems
from remdm.domains.countdown.scores import answer, score
from remdm.evaluation.metrics.statistics import over_seeds, wilson
from remdm.evaluation.sweeps.samples import Stopped, until
from remdm.runs.request import run_seed
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.methods import Settings
from remdm.views.interval import Interval

AT_ONCE = 25


@dataclass(frozen=True)
class Standing:
    """How far one sampler has come: problems answered and solved of each seed, and the NFE of all answers."""

    total: int
    answered: tuple[int, ...]
    solved: tuple[int, ...]
    forwards: int = 0

    @property
    def done(self) -> int:
        return sum(self.answered)

    @property
    def nfe(self) -> float:
        return self.forwards / max(1, self.done)

    @property
    def pass1(self) -> Interval | None:
        """The share solved: over seeds once all of them have answered everything, over answers until then."""
        if not self.done:
            return None
        if len(self.answered) > 1 and self.done == self.total:
            return over_seeds([right / count for right, count in zip(self.solved, self.answered, strict=True)])
        return wilson(sum(self.solved), self.done)

    def after(self, turn: int, correct: np.ndarray, forwards: np.ndarray) -> "Standing":
        answered, solved = list(self.answered), list(self.solved)
        answered[turn] += len(correct)
        solved[turn] += int(correct.sum())
        return replace(
            self, answered=tuple(answered), solved=tuple(solved), forwards=self.forwards + int(forwards.sum())
        )


@dataclass(frozen=True)
class Race:
    """Samplers by name, all of them at the same problems and seeds; `halt` ends it within one step.

    `restarts`: answers to each problem, by sampler, the likeliest of which counts (`answer`); one where none is named.
    """

    denoiser: Denoiser
    samplers: Mapping[str, Settings]
    problems: int
    seeds: Sequence[int]
    restarts: Mapping[str, int] = field(default_factory=dict)
    halt: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        there = len(test_problems())
        if not self.samplers:
            raise ValueError("Choose at least one sampler.")
        if not 1 <= self.problems <= there:
            raise ValueError(f"problems must lie between 1 and {there}, the held-out ones there are")
        for seed in self.seeds:
            run_seed(seed, 0)

    def run(self) -> Iterator[dict[str, Standing]]:
        """The standings at the start and after every few problems of a sampler."""
        none = (0,) * len(self.seeds)
        standings = {name: Standing(self.problems * len(self.seeds), none, none) for name in self.samplers}
        yield dict(standings)
        problems = test_problems()[: self.problems]
        for begin in range(0, self.problems, AT_ONCE):
            some = problems[begin : begin + AT_ONCE]
            for turn, seed in enumerate(self.seeds):
                for name, chosen in self.samplers.items():
                    turns = range(self.restarts.get(name, 1))
                    runs = [
                        [run_seed(seed, begin + place + again * self.problems) for again in turns]
                        for place in range(len(some))
                    ]
                    try:
                        made = answer(self.denoiser, chosen, some, runs, until(self.halt))
                    except Stopped:
                        return
                    standings[name] = standings[name].after(turn, score(made.tokens).correct, made.forwards)
                    yield dict(standings)
