"""How varied samples are, and how sure a figure is: pure functions of token ids and counts.

A low perplexity alone is easily had with dull text, so entropy is always shown beside it (ReMDM, arXiv 2503.00307,
table 5).
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A figure with its 95% interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


def token_entropy(sample: Sequence[int]) -> float:
    """Entropy in nats of the token counts inside one sample, 0 for an empty one: log n if all n tokens differ."""
    counts = np.array(list(Counter(sample).values()), dtype=np.float64)
    share = counts / counts.sum()
    return float(abs((share * np.log(share)).sum()))


def mean_entropy(samples: Sequence[Sequence[int]]) -> float:
    """Mean of the samples' token entropies, as the paper's OpenWebText tables have it.

    The paper's samples have no padding; leave it out of these too, or a short text looks dull.
    """
    require(samples)
    return float(np.mean([token_entropy(sample) for sample in samples]))


def distinct_n(samples: Sequence[Sequence[int]], n: int) -> float:
    """Different n-grams over all n-grams of the samples together, in [0, 1]; 0 if no sample has n tokens."""
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    grams = [tuple(sample[i : i + n]) for sample in samples for i in range(len(sample) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


def distinct_samples(samples: Sequence[Hashable] | Sequence[Sequence[int]]) -> float:
    """Different samples (texts, or lists of ids) over all, in (0, 1]."""
    require(samples)
    return len({sample if isinstance(sample, Hashable) else tuple(sample) for sample in samples}) / len(samples)


def wilson(successes: int, total: int, z: float = 1.959964) -> Interval:
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
    """The mean of the first column: what `bootstrap` estimates unless told otherwise."""
    return means[..., 0]


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


def require(samples: Sequence | np.ndarray) -> None:
    """Refuse an empty collection, of which there is no mean."""
    if len(samples) == 0:
        raise ValueError("at least one sample is needed, got none")
