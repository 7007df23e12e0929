"""The times that a run visits."""

from itertools import pairwise

import pytest

from remdm.sampling.remasking import Corrector, bump
from remdm.sampling.schedule import SCHEDULES, Linear
from remdm.sampling.time_grid import COMPLETE, DRAFT, LOOP, Capped, Draft, Plateau, PlateauTimes, Step, Uniform, steps

GRIDS = {
    "uniform": Uniform(),
    "plateau": Plateau(),
    "plateau-from-start": Plateau(t_on=1.0),
    "plateau-to-the-end": Plateau(t_off=0.0),
    "plateau-times": PlateauTimes(),
    "draft": Draft(),
}


def shares(grid, n):
    walk = steps(grid, n, Linear())
    return tuple(sum(step.phase == phase for step in walk) for phase in (DRAFT, LOOP, COMPLETE))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("n", [1, 2, 3, 7, 16, 64])
def test_n_joined_steps_from_nothing_decoded(name, schedule, n):
    walk = steps(GRIDS[name], n, SCHEDULES[schedule])
    assert len(walk) == n and [step.index for step in walk] == list(range(n))
    assert (walk[0].t, walk[0].alpha_t) == (1.0, 0.0)
    assert all(a.s == b.t and a.alpha_s == b.alpha_t for a, b in pairwise(walk))
    assert all(step.s <= step.t and step.alpha_t <= step.alpha_s for step in walk)
    assert all(type(value) is float for step in walk for value in (step.t, step.s, step.alpha_t, step.alpha_s))


@pytest.mark.parametrize("name", ["uniform", "plateau", "plateau-from-start", "plateau-times", "draft"])
def test_the_last_step_reaches_a_clean_sequence(name):
    assert steps(GRIDS[name], 64, Linear())[-1].alpha_s == 1.0


@pytest.mark.parametrize(
    ("alpha_t", "alpha_s", "bound"),
    [(0.25, 0.5, 1.0), (0.5, 0.75, 0.5), (0.6, 0.7, 0.5), (0.8, 0.9, 0.125), (0.9, 0.9, 1 / 9), (0.0, 0.1, 1.0)],
)
def test_sigma_max(alpha_t, alpha_s, bound):
    assert Step(0, 1 - alpha_t, 1 - alpha_s, alpha_t, alpha_s).sigma_max == pytest.approx(bound, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (16, (8, 8, 0)), (32, (15, 16, 1)), (64, (29, 32, 3)), (128, (58, 64, 6)), (256, (116, 128, 12)),
        (512, (231, 256, 25)), (1024, (461, 512, 51)), (2048, (922, 1024, 102)), (4096, (1844, 2048, 204)),
    ],
)  # fmt: skip
def test_loop_shares_of_the_text_experiments(n, expected):
    assert shares(Plateau(), n) == expected


@pytest.mark.parametrize(("n", "expected"), [(32, (16, 12, 4)), (64, (32, 24, 8)), (128, (64, 48, 16))])
def test_loop_shares_of_the_molecule_experiments(n, expected):
    assert shares(PlateauTimes(), n) == expected
    assert shares(PlateauTimes(t_on=0.5, t_off=0.3), 90) == (45, 18, 27)  # (1 - 0.3) 90 is 62.99... in floats
    loop = [step for step in steps(PlateauTimes(), n, Linear()) if step.phase == LOOP]
    assert {(step.t, step.alpha_t) for step in loop} == {(0.25, 0.75)}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_loop_alone_is_held_and_sits_at_alpha_on(schedule):
    walk = steps(Plateau(), 64, SCHEDULES[schedule])
    assert [step.held for step in walk] == [step.phase == LOOP for step in walk]
    assert {round(step.alpha_t, 12) for step in walk if step.held} == {0.9}
    draft = [step.alpha_s - step.alpha_t for step in walk if step.phase == DRAFT]
    late = [step.alpha_s - step.alpha_t for step in walk if step.phase == COMPLETE]
    assert draft[:-1] == pytest.approx([0.9 / (0.45 * 64)] * 28) and 0 < draft[-1] <= draft[0] + 1e-12
    assert late[1:] == pytest.approx([0.1 / (0.05 * 64)] * 2) and late[0] > 0


def test_the_plan_of_remdm_llada():
    walk = steps(Draft(), 64, Linear())
    assert shares(Draft(), 64) == (28, 32, 4)
    assert {step.alpha_t for step in walk if step.held} == {0.875}
    assert [walk[i].alpha_goal for i in (0, 28, 60)] == [0.875, 0.875, 1.0]
    assert [walk[i].left for i in (0, 27, 28, 59, 60, 63)] == [28, 1, 32, 1, 4, 1]


@pytest.mark.parametrize(
    ("n", "taken"), [(32, 46), (64, 72), (128, 133), (256, 259), (512, 514), (1024, 1025), (2048, 2048)]
)
def test_dfm_takes_as_many_steps_as_its_rates_need(n, taken):
    walk = steps(Capped(bump), n, Linear())
    assert len(walk) == taken
    assert walk[0].s == 1 - 1 / n and walk[-1].t > (1 - 1e-5) / n >= walk[-1].s
    assert all(step.t - step.s <= 1 / n + 1e-15 for step in walk)


def test_dfm_step_length_near_the_start():
    """At t = .999 the rates allow 5.6160e-4, whatever T; with T = 1000 that is the second step."""
    second = steps(Capped(bump), 1000, Linear())[1]
    assert second.t == 0.999 and second.t - second.s == pytest.approx(5.6160e-4, abs=1e-8)
    assert Corrector(bump).sigma(second, None, None) == pytest.approx(0.99844, abs=1e-5)


@pytest.mark.parametrize("n", [0, -1, 2.0, True, "8"])
def test_n_must_be_a_positive_whole_number(n):
    with pytest.raises(ValueError, match=f"at least 1, got {n}"):
        steps(Uniform(), n, Linear())


@pytest.mark.parametrize("grid", [Plateau, PlateauTimes])
def test_the_loop_must_begin_before_it_ends(grid):
    with pytest.raises(ValueError, match=r"t_off must lie below t_on, got t_off 0\.6 and t_on 0\.5"):
        grid(t_on=0.5, t_off=0.6)
