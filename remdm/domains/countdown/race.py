"""Samplers side by side on the same held-out problems, a few problems at a time: what the page's batch mode shows."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from remdm.domains.countdown.problems import Problem
from remdm.domains.countdown.scores import Answers, score
from remdm.evaluation.metrics.statistics import over_seeds, wilson
from remdm.evaluation.sweeps.samples import rounds
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


def race(
    denoiser: Denoiser, samplers: Mapping[str, Settings], asked: Sequence[Problem], problems: int, seeds: int,
    restarts: Mapping[str, int], halt: threading.Event,
) -> Iterator[dict[str, Standing]]:  # fmt: skip
    """The standings at the start and after every few problems of a sampler; `halt` ends it within one step.

    Args:
        denoiser: x_theta.
        samplers: settings by the samplers' names, all of them at the same problems and seeds.
        asked: what can be asked.
        problems: how many of them are.
        seeds: how often each is asked.
        restarts: answers to each problem, by sampler (`Answers`); one where none is named.
        halt: ends it.

    Raises:
        ValueError: without a sampler, or for more problems than there are.
    """
    if not samplers:
        raise ValueError("Choose at least one sampler.")
    if not 1 <= problems <= len(asked):
        raise ValueError(f"problems must lie between 1 and {len(asked)}, the held-out ones there are")
    draws = {
        (name, seed): Answers(denoiser, chosen, seed, asked, problems, restarts.get(name, 1))
        for seed in range(seeds)
        for name, chosen in samplers.items()
    }
    none = (0,) * seeds
    standings = {name: Standing(problems * seeds, none, none) for name in samplers}
    yield dict(standings)
    for (name, seed), made in rounds(draws, problems, AT_ONCE, halt):
        standings[name] = standings[name].after(seed, score(made.tokens).correct, made.forwards)
        yield dict(standings)
