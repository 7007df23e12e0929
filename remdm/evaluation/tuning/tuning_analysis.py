"""What a search for settings has found: its best trial, how far each knob may go, and which knobs matter."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from remdm.evaluation.measurement import Objective
from remdm.evaluation.needed import need
from remdm.evaluation.sweeps.results import Row
from remdm.views.interval import Interval

INSTALL = "pip install 'optuna>=4'"
SPACES: dict[str, dict[str, tuple[float, float, bool]]] = {
    "remdm-cap": {"eta": (0.002, 1.0, True)},
    "remdm-rescale": {"eta": (0.005, 1.0, True)},
    "remdm-loop": {
        "eta": (0.005, 1.0, True), "t_on": (0.3, 0.95, False), "t_off": (0.02, 0.25, False),
        "alpha_on": (0.4, 0.98, False),
    },
}  # fmt: skip
"""Sampler -> knob -> its lowest and highest value, and whether it is searched on a logarithmic scale."""
PLANS: dict[str, dict[str, tuple[float, float, bool]]] = {
    "loop-times": {"eta": (0.005, 1.0, True), "t_on": (0.16, 0.6, False), "t_off": (0.01, 0.15, False)},
}
"""The same for a plan that a domain may give a sampler in place of its own: QM9's loop is told by schedule times."""


def optuna() -> Any:
    """The package, which is not among those that the app needs.

    Raises:
        ValueError: if it is not installed.
    """
    need("tuning", INSTALL, "optuna")
    import optuna as package

    package.logging.set_verbosity(package.logging.WARNING)
    return package


def searched(sampler: str, settings: Mapping[str, Any]) -> dict[str, tuple[float, float, bool]]:
    """The knobs of a sampler that are searched, by the settings that the domain gives it."""
    return PLANS.get(settings.get("plan", ""), SPACES[sampler])


def knobs_of(row: Row) -> list[str]:
    """The names of those that a trial's row was searched by."""
    return list(searched(row["sampler"], json.loads(row["settings"])))


def space(sampler: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs that are searched, as optuna has them."""
    return {
        name: optuna().distributions.FloatDistribution(low, high, log=log)
        for name, (low, high, log) in searched(sampler, settings).items()
    }


def chosen(row: Row, names: Iterable[str]) -> dict[str, float]:
    values = json.loads(row["settings"])
    return {name: float(values[name]) for name in names}


def merit(goal: Objective, row: Row) -> float:
    """What is made as great as possible: the figure that counts, or far less than any where variety was lost."""
    return goal.merit(float(row["goal"])) if row["kept"] == "yes" else -1e6


def best_of(goal: Objective, rows: Sequence[Row]) -> Row | None:
    """The best row that kept its variety; None if none did."""
    kept = [row for row in rows if row["kept"] == "yes"]
    return max(kept, key=lambda row: merit(goal, row)) if kept else None


def plateau(
    goal: Objective, rows: Sequence[Row], names: Sequence[str], level: float | None = None
) -> dict[str, tuple[float, float]]:
    """How far each knob may go: its range among the trials whose interval reaches `level`, the best's figure if None.

    The best of a search is lucky in its own random numbers, so that its figure measured afresh is the fairer level.
    """
    best = best_of(goal, rows)
    if best is None:
        return {}
    wanted, end = merit(goal, best) if level is None else goal.merit(level), "goal_low" if goal.lower else "goal_high"
    near = [row for row in rows if row["kept"] == "yes" and goal.merit(float(row[end])) >= wanted]
    found = [chosen(row, names) for row in near or [best]]
    return {name: (min(each[name] for each in found), max(each[name] for each in found)) for name in names}


def known_trials(goal: Objective, rows: Sequence[Row], distributions: Mapping[str, Any]) -> list[Any]:
    """Rows of trials as optuna has them."""
    make = optuna().trial.create_trial
    return [
        make(params=chosen(row, distributions), distributions=distributions, value=merit(goal, row)) for row in rows
    ]


def importance(goal: Objective, rows: Sequence[Row], sampler: str) -> dict[str, float]:
    """How much each knob decides whether a trial is among the better ones (PED-ANOVA); empty for a single knob."""
    if len(rows) < 4:
        return {}
    distributions = space(sampler, json.loads(rows[0]["settings"]))
    names = list(distributions)
    if len(names) < 2:
        return {}
    package = optuna()
    study = package.create_study(direction="maximize")
    study.add_trials(known_trials(goal, rows, distributions))
    evaluator = package.importance.PedAnovaImportanceEvaluator()
    found = package.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(found.get(name, 0.0)) for name in names}


def summary(
    goal: Objective, rows: Sequence[Row], sampler: str, confirmed: Row | None,
    papers: Row,
) -> str:  # fmt: skip
    """What a study says, in a few lines: `confirmed` is its best and `papers` the paper's values, both drawn afresh."""
    best = best_of(goal, rows)
    if best is None:
        return f"{sampler}: no trial of {len(rows)} kept its variety."
    names = knobs_of(best)
    weights = importance(goal, rows, sampler)
    refused = sum(row["kept"] == "no" for row in rows)
    lines = [
        f"{sampler}, {len(rows)} trials of {best['samples']} samples, {refused} refused for lost variety; "
        f"T = {best['steps']}, {float(best['forwards']):.1f} NFE",
        f"  best {goal.column} {Interval.of(best, 'goal')} at {best['overrides']}",
    ]
    if confirmed:
        lines.append(
            f"  with fresh random numbers {Interval.of(confirmed, 'goal')}, n = {confirmed['samples']}; "
            f"the paper's values {Interval.of(papers, 'goal')}"
        )
    level = float(confirmed["goal"]) if confirmed else None
    for name, (low, high) in plateau(goal, rows, names, level).items():
        weight = f", importance {weights[name]:.2f}" if weights else ""
        lines.append(f"  {name}: as good from {low:g} to {high:g}{weight}")
    return "\n".join(lines)
