"""How sure a figure is: 95% intervals of shares, of means and over seeds."""

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from remdm.views.interval import Interval, Row, ends

ENOUGH = 3
"""From so many seeds on, the interval is over them; of fewer, the mean of their own intervals."""
NORMAL = 1.959964
"""The standard normal distribution at 97.5%."""


def require(samples: Sequence | np.ndarray) -> None:
    """Refuse an empty collection, of which there is no mean."""
    if len(samples) == 0:
        raise ValueError("at least one sample is needed, got none")


def wilson(successes: int, total: int, z: float = NORMAL) -> Interval:
    """A share with Wilson's interval, which holds also for few trials and for shares near 0 or 1."""
    if not 0 <= successes <= total or total < 1:
        raise ValueError(f"successes must lie between 0 and a total of at least 1, got {successes} of {total}")
    share = successes / total
    scale = 1 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    reach = z / scale * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    # at 0 and at 1 the bound is the share itself, which rounding would miss by 1e-17
    return Interval(share, min(share, max(0.0, centre - reach)), max(share, min(1.0, centre + reach)))


def first(means: np.ndarray) -> np.ndarray:
    """The mean of the first column: what `bootstrap` estimates by default."""
    return means[..., 0]


def ratio(means: np.ndarray) -> np.ndarray:
    """The mean of the first column over that of the second."""
    return means[..., 0] / np.maximum(means[..., 1], 1e-9)


def bootstrap(
    columns: Sequence[float] | Sequence[Sequence[float]] | np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray] = first,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """A statistic of column means with its 95% percentile bootstrap interval, whole rows (samples) drawn anew.

    Args:
        columns: one row a sample, `[n]` or `[n, k]`.
        statistic: takes means `[..., k]` to `[...]`; a perplexity is exp(mean of nats / mean of tokens).
        resamples: how often n rows are drawn with replacement.
        seed: of those draws.
    """
    require(columns)
    rows = np.asarray(columns, dtype=np.float64)
    rows = rows.reshape(len(rows), -1)
    rng = np.random.default_rng(seed)
    means = np.stack([rows[rng.integers(len(rows), size=len(rows))].mean(axis=0) for _ in range(resamples)])
    low, high = np.quantile(statistic(means), (0.025, 0.975))
    return Interval(float(statistic(rows.mean(axis=0))), float(low), float(high))


def _inside(theta: float, df: int) -> float:
    """P(|T| <= sqrt(df) tan(theta)) of Student's t, a finite series (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    odd = df % 2
    term, total = (math.cos(theta) if odd else 1.0), 0.0
    for k in range(1, df // 2 + 1):
        total += term
        term *= math.cos(theta) ** 2 * (2 * k / (2 * k + 1) if odd else (2 * k - 1) / (2 * k))
    return 2 / math.pi * (theta + math.sin(theta) * total) if odd else math.sin(theta) * total


@cache
def student(df: int, share: float = 0.95) -> float:
    """Student's t with `df` degrees of freedom: the share lies within plus or minus this."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _inside(middle, df) < share else (low, middle)
    return math.sqrt(df) * math.tan(low)


def over_seeds(values: Sequence[float]) -> Interval:
    """The mean over seeds with its 95% interval by Student's t; no wider than the value itself for one seed."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, mean, mean)
    reach = student(len(values) - 1) * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return Interval(mean, mean - reach, mean + reach)


def with_spread(value: float, again: Sequence[float]) -> Interval:
    """A figure with the spread of a few resamples around it, where one costs much or resampling biases it."""
    reach = student(len(again) - 1) * float(np.std(again, ddof=1))
    return Interval(value, value - reach, value + reach)


def mean_interval(rows: Sequence[Row], name: str) -> Interval:
    """Means of a figure and of its bounds over rows: no narrower than it should be; none where rows have no bounds."""
    found = [Interval.of(row, name) for row in rows]
    return Interval(*(float(np.mean([getattr(each, end) for each in found])) for end in ("value", "low", "high")))


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
