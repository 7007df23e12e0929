"""Entropy, distinct shares and intervals, against values known without the code."""

import math

import numpy as np
import pytest

from remdm.evaluation.metrics.diversity import distinct_n, distinct_samples, token_entropy
from remdm.evaluation.metrics.statistics import bootstrap, wilson


def test_entropy_of_known_counts() -> None:
    assert token_entropy([7] * 50) == 0
    assert token_entropy([]) == 0
    assert token_entropy(list(range(128))) == pytest.approx(math.log(128))
    assert token_entropy([1, 1, 2, 3]) == pytest.approx(1.5 * math.log(2))


def test_distinct_n_counts_over_all_samples() -> None:
    samples = [[1, 2, 1, 2], [1, 2, 3]]
    assert distinct_n(samples, 1) == pytest.approx(3 / 7)
    assert distinct_n(samples, 2) == pytest.approx(3 / 5)
    assert distinct_n(samples, 3) == pytest.approx(3 / 3)
    assert distinct_n(samples, 5) == 0
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        distinct_n(samples, 0)


def test_distinct_samples_takes_texts_and_ids() -> None:
    assert distinct_samples(["a", "b", "a", "a"]) == 0.5
    assert distinct_samples([[1, 2], [1, 2], (1, 2), [2, 1]]) == 0.5


@pytest.mark.parametrize("function", [distinct_samples, bootstrap])
def test_no_samples_are_refused(function: object) -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        function([])


def test_wilson_against_published_values() -> None:
    # Newcombe 1998, table I, method 3
    for successes, total, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (1, 29, 0.0061, 0.1718)):
        interval = wilson(successes, total)
        assert interval.value == successes / total
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)
    assert wilson(0, 20).low == 0 and wilson(20, 20).high == 1
    assert wilson(0, 20).high == pytest.approx(1 - wilson(20, 20).low)
    with pytest.raises(ValueError, match="got 5 of 4"):
        wilson(5, 4)


def test_bootstrap_of_a_mean_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(3).normal(10, 2, size=400)
    interval = bootstrap(values)
    assert interval.value == pytest.approx(values.mean())
    # 1.96 standard errors each side; 2,000 resamples place a 2.5% quantile within about 4% of that
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.15)
    assert bootstrap(values) == interval
    assert bootstrap([4.0, 4.0]) == bootstrap([4.0]) and bootstrap([4.0]).low == bootstrap([4.0]).high == 4


def test_bootstrap_draws_rows_together() -> None:
    rows = [(tokens * math.log(20), tokens) for tokens in (3, 50, 128, 7)]
    interval = bootstrap(rows, lambda means: np.exp(means[..., 0] / means[..., 1]))
    assert (interval.value, interval.low, interval.high) == pytest.approx((20, 20, 20))
