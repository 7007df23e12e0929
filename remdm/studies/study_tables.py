"""What the studies found, as Markdown: searches for settings (tuning-*.csv) and 32-bit noise (precision.csv)."""

import json
from collections.abc import Sequence
from pathlib import Path

from remdm.domains.registry import measurements
from remdm.evaluation.measurement import Objective
from remdm.evaluation.sweeps import results
from remdm.evaluation.sweeps.results import Row, grouped, newest
from remdm.evaluation.sweeps.table import by_steps, markdown
from remdm.evaluation.tuning.search import CONFIRMED, PAPER, TRIAL, file_of
from remdm.evaluation.tuning.tuning_analysis import SPACES, best_of, knobs_of, plateau
from remdm.views.interval import Interval


def tuned(folder: Path) -> list[str]:
    """A table for each domain that has a study; the best trial and the paper's values, both with fresh numbers."""
    made = []
    for domain, measurement in measurements().items():
        goal = measurement.objective
        rows = newest(results.read(folder / file_of(domain)))
        measure = measurement.measure(goal.column)
        cells = grouped([row for row in rows if row["sampler"] in SPACES], lambda row: (row["sampler"], row["steps"]))
        body = [line for own in cells.values() if (line := _line(goal, own, measure.spec))]
        if body:
            title = measure.title
            head = ["sampler", "T", "trials", "paper's values", "best found", title, "as good"]
            made += [f"{domain.capitalize()}, {title.lower()}:", markdown(head, body)]
    return made


def _line(goal: Objective, rows: Sequence[Row], spec: str) -> list[str]:
    trials = [row for row in rows if row["phase"] == TRIAL]
    best, papers = best_of(goal, trials), [row for row in rows if row["phase"] == PAPER]
    confirmed = [row for row in rows if best and row["phase"] == CONFIRMED and row["overrides"] == best["overrides"]]
    if best is None or not papers or not confirmed:
        return []
    again = confirmed[-1]
    near = plateau(goal, trials, knobs_of(best), float(again["goal"]))
    reach = ", ".join(f"{name} {low:.3g} to {high:.3g}" for name, (low, high) in near.items())
    values = (f"{Interval.of(row, 'goal'):{spec}}, n = {row['samples']}" for row in (papers[-1], again))
    papers_value, best_value = values
    about = [best["sampler"], best["steps"], f"{len(trials)} of {best['samples']}"]
    return [*about, papers_value, _knobs(best), best_value, reach]


def _knobs(row: Row) -> str:
    flat = json.loads(row["settings"])
    return ", ".join(f"{name} {flat[name]:g}" for name in knobs_of(row))


def noise(folder: Path) -> list[str]:
    """Perplexity and entropy against T in 32 and 64 bits, on the language that is known exactly."""
    rows = results.read(folder / "precision.csv")
    if not rows:
        return []
    lines = grouped(rows, lambda row: f"{row['bits']} bits, {row['sampler']}")
    made = [f"{rows[-1]['model']}; its own perplexity is {float(rows[-1]['true_perplexity']):.0f}. n = "
            f"{rows[-1]['samples']} samples of {rows[-1]['length']} words."]  # fmt: skip
    for column in ("perplexity", "entropy"):
        cells = {name: {int(row["steps"]): f"{Interval.of(row, column)}" for row in own} for name, own in lines.items()}
        made.append(by_steps(column, cells))
    return made
