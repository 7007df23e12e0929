"""The annealed sampler: its times, how much it forgets, and whom it keeps."""

from math import log

import pytest
import torch
from distributions import MASK, peaks, places, state_of

from remdm.sampling.annealed import Annealed, EvenOdds
from remdm.sampling.methods import build, run, settings
from remdm.sampling.noise import Noise
from remdm.sampling.schedule import Linear
from remdm.sampling.time_grid import Step, steps


@pytest.mark.parametrize("n", [3, 8, 40])
def test_the_times_are_even_in_log_odds(n):
    times = [node.t for node in EvenOdds().nodes(n, Linear())]
    assert len(times) == n + 1 and (times[0], times[-1]) == (1.0, 0.0)
    assert (times[1], times[-2]) == (pytest.approx(0.95), pytest.approx(0.05))
    odds = [log(t / (1 - t)) for t in times[1:-1]]
    gaps = [a - b for a, b in zip(odds, odds[1:], strict=False)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps)) and gaps[0] > 0


@pytest.mark.parametrize("n", [1, 2])
def test_few_steps_still_end_at_0(n):
    times = [node.t for node in EvenOdds().nodes(n, Linear())]
    assert times == sorted(times, reverse=True) and (times[0], times[-1], len(times)) == (1.0, 0.0, n + 1)


def test_it_forgets_a_share_of_all_and_as_many_masks_decode_as_each_alone_would():
    """1 - alpha_s = 0.3 of 40 decoded and of 40 masked positions, 200 times: four standard deviations are 0.02."""
    step, state = Step(0, 0.5, 0.3, 0.5, 0.7), state_of([1] * 40 + [MASK] * 40)
    gone = decoded = 0
    for seed in range(200):
        record = Annealed()(peaks(*[0.5] * 80), state, step, Noise([seed]))
        gone, decoded = gone + int(record.remasked.sum()), decoded + int(record.decoded.sum())
        assert not (record.remasked & record.decoded).any() and record.sigma == pytest.approx(0.3)
    assert gone / 8000 == pytest.approx(0.3, abs=0.021) and decoded / 8000 == pytest.approx(0.7, abs=0.021)
    assert Annealed().remasks(step, 40, 80) == pytest.approx(12)


def test_without_noise_the_most_confident_draws_decode():
    """Positions 0 to 9, each surer than the one before."""
    network, state = peaks(*(0.2 + 0.08 * place for place in range(10))), state_of([MASK] * 10)
    for seed in range(20):
        record = Annealed(choice_temperature=0)(network, state, Step(0, 1.0, 0.5, 0.0, 0.5), Noise([seed], greedy=True))
        count = int(record.decoded.sum())
        assert places(record.decoded) == list(range(10 - count, 10))
    assert record.after.psi[0, 9] == pytest.approx(0.92)


def test_noise_on_the_order_fades():
    """At the last but one step it is small, at the first it decides."""
    network, state, ends = peaks(*[0.3] * 10, *[0.9] * 10), state_of([MASK] * 20), {}
    for t, s in ((1.0, 0.9), (0.02, 0.01)):
        first = [
            places(Annealed(choice_temperature=20)(network, state, Step(0, t, s, 0.0, 0.1), Noise([seed])).decoded)
            for seed in range(300)
        ]
        chosen = [place for each in first for place in each]
        ends[s] = sum(place >= 10 for place in chosen) / len(chosen)
    assert 0.45 < ends[0.9] < 0.7 and ends[0.01] > 0.8


def test_all_is_written_at_the_end():
    chosen = settings("annealed", 8)
    start = torch.full((2, 12), MASK)
    for record in run(peaks(*[0.6] * 12), chosen, start, (1, 2)):
        last = record.after
    assert not last.masked.any() and len(build(chosen)[1]) == 8
    assert [step.t for step in steps(EvenOdds(), 8, Linear())] == [step.t for step in build(chosen)[1]]
