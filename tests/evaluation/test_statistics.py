"""Intervals and their notation, against values known without the code."""

import pytest
from scipy import stats

from remdm.evaluation.metrics.statistics import over_seeds, pooled, student, wilson
from remdm.views.interval import Interval, figure


@pytest.mark.parametrize(
    ("df", "t"), [(1, 12.7062), (2, 4.3027), (9, 2.2622), (10, 2.2281), (11, 2.2010), (100, 1.9840)]
)
def test_students_t_of_the_tables(df: int, t: float) -> None:
    assert student(df) == pytest.approx(t, abs=5e-5)


def test_students_t_is_scipys_for_every_number_of_seeds() -> None:
    for df in (*range(1, 60), 100, 101, 1000):
        assert student(df) == pytest.approx(stats.t.ppf(0.975, df), rel=1e-10)
        assert student(df, 0.99) == pytest.approx(stats.t.ppf(0.995, df), rel=1e-10)


def test_wilson_is_scipys() -> None:
    for right, total in ((0, 3), (1, 7), (50, 100), (256, 256)):
        theirs = stats.binomtest(right, total).proportion_ci(method="wilson")
        ours = wilson(right, total)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-7)


def test_eleven_seeds_take_the_t_of_ten_degrees_of_freedom() -> None:
    found = over_seeds([float(value) for value in range(11)])
    assert found.high - found.value == pytest.approx(2.2281389 * 11**0.5 / 11**0.5, rel=1e-6)


def test_an_interval_has_one_notation() -> None:
    share, change = Interval(0.612, 0.58, 0.644), Interval(0.1, 0.08, 0.12)
    assert f"{share:.1%}" == "61.2% (58.0 to 64.4)" and f"{change:+.1%}" == "+10.0% (+8.0 to +12.0)"
    assert str(Interval(3.8, 3.755, 123.4)) == "3.80 (3.75 to 123)" and f"{Interval(5.2, 5.2, 5.2)}" == "5.20"
    assert (figure(0.0421), figure(1234.5), figure(-0.5), figure(0.125, ".0%")) == ("0.0421", "1,234", "-0.500", "12%")


def test_rows_without_ends_have_no_interval() -> None:
    assert Interval.of({"x": "2"}, "x") == Interval(2, 2, 2)
    assert pooled([{"x": "2", "x_low": "1", "x_high": "3"}, {"x": "4"}], "x") == Interval(3, 2.5, 3.5)
