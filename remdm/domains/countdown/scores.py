"""Countdown answers, drawn and scored: what one sampler makes of many problems."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from remdm.domains.countdown import problems as countdown
from remdm.domains.countdown.domain import verdict
from remdm.domains.countdown.problems import IDS, LENGTH, PROMPT, Problem
from remdm.domains.countdown.vote import elected
from remdm.evaluation.metrics.statistics import bootstrap, mean_interval, pooled, ratio
from remdm.evaluation.sweeps.results import Row, grouped
from remdm.evaluation.sweeps.samples import Samples, Tick, silent, timed
from remdm.evaluation.sweeps.table import markdown
from remdm.runs.request import run_seed
from remdm.runs.tokens import TokenView
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.methods import Settings, run
from remdm.sampling.transition import StepRecord
from remdm.views.interval import Interval


def starts(problems: Sequence[Problem]) -> Tensor:
    """Each problem with its answer masked, int64 `[B, LENGTH]`."""
    masked = [IDS["<mask>"]] * (LENGTH - PROMPT)
    return torch.tensor([countdown.row(each.numbers, each.target, ())[:PROMPT] + masked for each in problems])


@dataclass(frozen=True)
class Answers:
    """Draws one answer to each problem; problem k has run k's seed, and at restart r that of run k + r `total`.

    Attributes:
        denoiser: x_theta.
        settings: the sampler's. seed: of its runs.
        problems: what can be asked. total: how many are asked in all.
        restarts: answers to a problem, of which the one whose tokens had the greatest probability when they were drawn
            is kept: what a sampler that never revises can do with more NFE.
        dtype: the number type the network runs in.
        elect: whether the answer that a run's steps elect is kept (`vote.py`) rather than its last one; they are
            watched for that, at the evaluations that it takes.
    """

    denoiser: Denoiser
    settings: Settings
    seed: int
    problems: Sequence[Problem]
    total: int
    restarts: int = 1
    dtype: str = "float32"
    elect: bool = False

    def __call__(self, first: int, stop: int, tick: Tick = silent) -> Samples:
        if stop > len(self.problems):
            raise ValueError(f"there are {len(self.problems):,} problems, and no more can be asked")
        begun, problems = time.perf_counter(), self.problems[first:stop]
        drawn = []
        for turn in range(self.restarts):
            seeds = tuple(run_seed(self.seed, place + turn * self.total) for place in range(first, stop))
            running = run(self.denoiser, self.settings, starts(problems), seeds, watch=self.elect)
            guesses: list[tuple[Tensor, Tensor | None]] = []
            for record in running:
                after = record.after
                if self.elect:
                    guesses.append(completed(record, guesses[-1][0] if guesses else after.tokens))
                tick(len(problems))
            tokens = elections(guesses, after.tokens, after.mask_id) if self.elect else after.tokens
            drawn.append((tokens, running.forwards, after.psi.log().where(~after.given, 0.0).sum(1)))
        tokens, forwards, log_p = map(torch.stack, zip(*drawn, strict=True))
        best = tokens[log_p.argmax(0), torch.arange(len(problems))]
        return timed(best.numpy(), forwards.sum(0).numpy(), begun, self.dtype)


def completed(record: StepRecord, before: Tensor) -> tuple[Tensor, Tensor | None]:
    """The rows after a step as the network would complete them, `[B, LENGTH]`, and who had ended before it.

    `before`: the rows of the step before, whose guesses hold where none is known anew.
    """
    after, shown = record.after, record.shown
    known = before.clone()
    if shown.guess is not None:
        known[shown.known] = shown.guess
    still = after.masked & record.before.masked  # of what is remasked in this step the network was not asked
    return torch.where(still, known, torch.where(after.masked, before, after.tokens)), record.over


def elections(guesses: Sequence[tuple[Tensor, Tensor | None]], last: Tensor, mask_id: int) -> Tensor:
    """What the steps of each run elect, `[B, LENGTH]`; its last answer where none counts."""
    chosen = last.clone()
    for row in range(len(last)):
        own = [rows[row].tolist() for rows, over in guesses if over is None or not over[row]]
        if winner := elected(own, mask_id):
            chosen[row] = torch.tensor(winner[0])
    return chosen


RULES = ("equation", "count", "unused", "stranger", "target")
SHARES = ("fair", "equations", "copied")


def score(tokens: np.ndarray) -> pd.DataFrame:
    """What the checker says of complete rows `[n, LENGTH]`, each of which holds its own problem: a line for each.

    Columns: `correct` by the paper's rules; `fair` if each number is used once; the share of its `equations` that
    hold; `copied` if the operands are the given numbers and the first result; and whether each of RULES is broken.
    """
    lines = []
    for row in tokens.tolist():
        if found := verdict(TokenView(tuple(row), IDS["<mask>"])):
            kinds = {issue.kind for issue in found.issues}
            held, copied = np.mean([line.state == "right" for line in found.lines]), kinds <= {"equation", "target"}
            lines.append((found.correct, found.fair, held, copied, *(rule in kinds for rule in RULES)))
    return pd.DataFrame(lines, columns=["correct", *SHARES, *RULES])


def figures(tokens: np.ndarray, problems: Sequence[Problem]) -> dict[str, Any]:
    """Columns of the results file for answers `[n, LENGTH]` to as many problems."""
    found = score(tokens)
    return {"solved": over_problems(found.correct, problems), **found[[*SHARES]].mean(), **found[[*RULES]].sum()}


def over_problems(values: Sequence[float], problems: Sequence[Problem]) -> Interval:
    """The mean of what each answer came to, `[n]`; its interval takes problems that differ in order alone together."""
    same = pd.Index([str((*sorted(each.numbers), each.target)) for each in problems])
    groups = pd.Series(np.asarray(values, float), same).groupby(level=0, sort=False)
    return bootstrap(groups.agg(["sum", "count"]).to_numpy(), ratio)


@dataclass(frozen=True)
class Line:
    """One sampler at one number of steps, over all its seeds; `gain` is on the plain sampler of its kind."""

    name: str
    steps: int
    seeds: int
    solved: Interval
    gain: Interval | None
    reference: str
    forwards: float
    fair: float
    equations: float
    copied: float


def summary(rows: Sequence[Row]) -> list[Line]:
    """The lines of a results file, few steps first, the order of the file within."""
    lines = []
    for (name, steps), own in grouped(rows, lambda row: (_name(row), int(row["steps"]))).items():
        means = {column: float(np.mean([float(row[column]) for row in own])) for column in ("forwards", *SHARES)}
        paired = [row for row in own if row["gain"]]
        gain = mean_interval(paired, "gain") if paired else None
        reference = paired[0]["reference"] if paired else ""
        lines.append(Line(name, steps, len(own), pooled(own, "solved"), gain, reference, **means))
    return sorted(lines, key=lambda line: line.steps)


def _name(row: Row) -> str:
    return f"{row['sampler']} {row['overrides']}".strip()


def render(rows: Sequence[Row]) -> str:
    header = ("sampler", "T", "NFE", "pass@1", "gain", "fair", "equations right", "numbers copied", "seeds")
    body = [
        (
            line.name, str(line.steps), f"{line.forwards:.1f}", f"{line.solved:.1%}",
            f"{line.gain:+.1%} on {line.reference}" if line.gain else "",
            *(f"{share:.1%}" for share in (line.fair, line.equations, line.copied)), str(line.seeds),
        )
        for line in summary(rows)
    ]  # fmt: skip
    return markdown(header, body)
