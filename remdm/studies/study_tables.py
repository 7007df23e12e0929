"""What the studies found, as Markdown: searches for settings (tuning-*.csv) and 32-bit noise (precision.csv)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from remdm.domains.registry import measurements
from remdm.evaluation.curves import newest
from remdm.evaluation.measurement import Objective
from remdm.evaluation.sweeps import results
from remdm.evaluation.sweeps.table import markdown
from remdm.evaluation.tuning.search import CONFIRMED, PAPER, TRIAL, file_of
from remdm.evaluation.tuning.tuning_analysis import best_of, knobs_of, plateau

Row = Mapping[str, str]


def tuned(folder: Path) -> list[str]:
    """A table for each domain that has a study; the best trial and the paper's values, both with fresh numbers."""
    made = []
    for domain, measurement in measurements().items():
        goal = measurement.objective
        rows = newest(results.read(folder / file_of(domain)))
        body = [_line(goal, [row for row in rows if (row["sampler"], row["steps"]) == key], key) for key in _keys(rows)]
        body = [line for line in body if line]
        if body:
            title = measurement.measure(goal.column).title
            head = ["sampler", "T", "trials", "paper's values", "best found", title, "as good"]
            made += [f"{domain.capitalize()}, {title.lower()}:", markdown(head, body)]
    return made


def _keys(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row["sampler"], row["steps"]) for row in rows if row["phase"] == TRIAL))


def _line(goal: Objective, rows: Sequence[dict[str, str]], key: tuple[str, str]) -> list[str]:
    trials = [row for row in rows if row["phase"] == TRIAL]
    best, papers = best_of(goal, trials), [row for row in rows if row["phase"] == PAPER]
    confirmed = [row for row in rows if best and row["phase"] == CONFIRMED and row["overrides"] == best["overrides"]]
    if best is None or not papers or not confirmed:
        return []
    again = confirmed[-1]
    near = plateau(goal, trials, knobs_of(best), float(again["goal"]))
    reach = ", ".join(f"{name} {low:.3g} to {high:.3g}" for name, (low, high) in near.items())
    return [*key, f"{len(trials)} of {best['samples']}", _value(papers[-1]), _knobs(best), _value(again), reach]


def _knobs(row: Row) -> str:
    flat = json.loads(row["settings"])
    return ", ".join(f"{name} {flat[name]:g}" for name in knobs_of(row))


def _value(row: Row) -> str:
    value, low, high = (float(row[name]) for name in ("goal", "goal_low", "goal_high"))
    return f"{value:.3f} ({low:.3f} to {high:.3f}), n = {row['samples']}"


def noise(folder: Path) -> list[str]:
    """Perplexity and entropy against T in 32 and 64 bits, on the language that is known exactly."""
    rows = results.read(folder / "precision.csv")
    if not rows:
        return []
    steps = sorted({int(row["steps"]) for row in rows})
    lines: dict[str, dict[int, Row]] = {}
    for row in rows:
        lines.setdefault(f"{row['bits']} bits, {row['sampler']}", {})[int(row["steps"])] = row
    made = [f"{rows[-1]['model']}; its own perplexity is {float(rows[-1]['true_perplexity']):.0f}. n = "
            f"{rows[-1]['samples']} samples of {rows[-1]['length']} words."]  # fmt: skip
    for column, digits in (("perplexity", 0), ("entropy", 2)):
        body = [
            [name, *(_between(own[t], column, digits) if t in own else "" for t in steps)]
            for name, own in lines.items()
        ]
        made.append(markdown([column, *(f"T = {t}" for t in steps)], body))
    return made


def _between(row: Row, column: str, digits: int) -> str:
    value, low, high = (float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
