"""alpha_t: boundaries, monotony, inverse, and the values that tell the schedules apart."""

from math import cos, pi, sin

import pytest

from remdm.sampling.schedule import SCHEDULES

TIMES = [i / 64 for i in range(65)]


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_alpha_falls_from_exactly_one_to_exactly_zero(schedule):
    alphas = [schedule.alpha(t) for t in TIMES]
    assert alphas[0] == 1.0 and alphas[-1] == 0.0
    assert all(left > right for left, right in zip(alphas, alphas[1:], strict=False))


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_time_inverts_alpha(schedule):
    assert [schedule.time(schedule.alpha(t)) for t in TIMES] == pytest.approx(TIMES, abs=1e-7)
    assert schedule.alpha(schedule.time(0.9)) == pytest.approx(0.9, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "alpha"), [("linear", 0.75), ("cosine", cos(pi / 8)), ("maskgit-cosine", 1 - sin(pi / 8))]
)
def test_alpha_at_a_quarter(name, alpha):
    assert SCHEDULES[name].alpha(0.25) == pytest.approx(alpha, abs=1e-15)


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan")])
def test_values_outside_the_unit_interval_are_refused(schedule, value):
    for ask in (schedule.alpha, schedule.time):
        with pytest.raises(ValueError, match=f"between 0 and 1, got {value}"):
            ask(value)
