"""Figures of several seeds as one, with an interval."""

from collections.abc import Mapping, Sequence

import numpy as np

from remdm.evaluation.metrics.diversity import Interval

T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Student's t at 97.5% for 1 to 9 degrees of freedom."""
ENOUGH = 3
"""From so many seeds on, the interval is over them; of fewer, the mean of their own intervals."""

Row = Mapping[str, str]


def over_seeds(values: Sequence[float]) -> Interval:
    """The mean over seeds with its 95% interval by Student's t; no wider than the value itself for one seed."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, mean, mean)
    t = T95[len(values) - 2] if len(values) - 2 < len(T95) else 1.96
    reach = t * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return Interval(mean, mean - reach, mean + reach)


def mean_interval(rows: Sequence[Row], name: str) -> Interval:
    """Means of a figure and of its bounds over rows: no narrower than it should be; none where rows have no bounds."""
    value, low, high = ([float(row.get(each) or row[name]) for row in rows] for each in ends(name))
    return Interval(float(np.mean(value)), float(np.mean(low)), float(np.mean(high)))


def ends(name: str) -> tuple[str, str, str]:
    """The columns of a figure with an interval."""
    return name, f"{name}_low", f"{name}_high"


def pooled(rows: Sequence[Row], name: str) -> Interval:
    """A figure of the rows of one cell, one a seed.

    A figure whose own bounds lie between 0 and 1 in every row is a share, and its interval stays there too.
    """
    if len(rows) < ENOUGH:
        return mean_interval(rows, name)
    made = over_seeds([float(row[name]) for row in rows])
    bounds = [row.get(end) for row in rows for end in ends(name)[1:]]
    if all(bound and 0 <= float(bound) <= 1 for bound in bounds):
        return Interval(made.value, max(made.low, 0.0), min(made.high, 1.0))
    return made


def differ(one: Interval, other: Interval, lower: bool) -> int:
    """1 if one is surely better, -1 if the other is, 0 if their intervals touch or one of them has none."""
    if one.low == one.high or other.low == other.high:
        return 0
    if one.low > other.high:
        return -1 if lower else 1
    return (1 if lower else -1) if one.high < other.low else 0
