"""How varied samples are: pure functions of token ids.

A low perplexity alone is easily had with dull text, so entropy is always shown with it (ReMDM, arXiv 2503.00307,
table 5).
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from remdm.evaluation.metrics.statistics import require


def token_entropy(sample: Iterable[Hashable]) -> float:
    """Entropy in nats of the token counts inside one sample, 0 for an empty one: log n if all n tokens differ."""
    counts = np.array(list(Counter(sample).values()), dtype=np.float64)
    share = counts / counts.sum()
    return float(abs((share * np.log(share)).sum()))


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
