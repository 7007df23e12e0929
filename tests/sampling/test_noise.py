"""The draws. Chi-square bounds are the 99.9 % quantiles (scipy is not needed for four numbers); seeds are fixed."""

import pytest
import torch

from remdm.sampling import noise
from remdm.sampling.noise import Noise

CHI2 = {1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47}


def chi_square(counts, probabilities):
    expected = torch.as_tensor(probabilities) * sum(counts)
    return float(((torch.as_tensor(counts) - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("precision", [64, 32])
@pytest.mark.parametrize("probabilities", [(0.5, 0.3, 0.15, 0.05), (0.97, 0.01, 0.01, 0.01)])
def test_gumbel_max_draws_have_the_right_frequencies(precision, probabilities):
    n = 40_000
    log_x = torch.tensor(probabilities).log().expand(n, 4)
    ids = Noise([5], precision).draw(log_x, torch.ones(1, n, dtype=torch.bool))
    assert chi_square(ids.bincount(minlength=4), probabilities) < CHI2[3]


def test_a_token_without_mass_is_never_drawn():
    log_x = torch.tensor([0.0, 0.5, 0.5]).log().expand(1000, 3)
    assert Noise([1]).draw(log_x, torch.ones(1, 1000, dtype=torch.bool)).min() > 0


def test_noise_has_the_precision_that_was_asked_for():
    """Uniform floats are multiples of 2^-24; of doubles, one in fifty lies within 1 % of such a spacing."""
    wide, narrow = Noise([3], 64).gumbel(1000), Noise([3], 32).gumbel(1000)
    spacings = (-(-wide).exp()).exp() * 2**24
    assert ((spacings - spacings.round()).abs() < 0.01).double().mean() < 0.1
    assert narrow.equal(narrow.float().double()) and not wide.equal(wide.float().double())
    assert Noise([3], 32).uniform(8).equal(Noise([3], 64).uniform(8))  # who changes is always drawn in 64 bits


def test_gumbel_noise_has_the_right_mean_and_spread():
    """Mean .5772, variance pi^2 / 6; five standard errors of 40,000 draws."""
    gumbel = Noise([11]).gumbel(40_000)
    assert gumbel.mean() == pytest.approx(0.5772, abs=0.033)
    assert gumbel.var() == pytest.approx(1.6449, abs=0.09)


def test_uniform_numbers_fill_the_unit_interval():
    uniform = Noise([2]).uniform(40_000)
    assert 0 <= uniform.min() and uniform.max() < 1
    assert chi_square((uniform * 5).long().flatten().bincount(minlength=5), [0.2] * 5) < CHI2[4]


@pytest.mark.parametrize("precision", [64, 32])
def test_a_draw_is_the_whole_race_whatever_is_left_out(precision, monkeypatch):
    """The same numbers raced over every token at once, tokens without mass among them, give the same ids."""
    log_x = torch.randn(90, 40, generator=torch.Generator().manual_seed(2))
    log_x = log_x.where(torch.rand(log_x.shape, generator=torch.Generator().manual_seed(3)) < 0.4, -torch.inf)
    log_x[:, 7] = 0.0
    uniform = torch.rand(log_x.shape, generator=torch.Generator().manual_seed(5), dtype=noise.DTYPES[precision])
    expected = (log_x - torch.log(1e-10 - torch.log(uniform + 1e-10))).argmax(-1)
    for at_once in (noise.AT_ONCE, 7 * 40, 1):
        monkeypatch.setattr(noise, "AT_ONCE", at_once)
        assert Noise([5], precision).draw(log_x, torch.ones(1, 90, dtype=torch.bool)).equal(expected)


def test_a_row_draws_the_same_in_any_company():
    rows = torch.tensor([[True, False, True, True], [False, False, False, False], [True, True, False, False]])
    log_x = torch.rand(5, 50, generator=torch.Generator().manual_seed(1)).log_softmax(-1)
    together, alone = Noise([7, 8, 9]), Noise([9])
    ids = together.draw(log_x, rows)
    assert ids[3:].equal(alone.draw(log_x[3:], rows[2:]))
    assert together.uniform(4)[2].equal(alone.uniform(4)[0])  # and both generators stand at the same place
    assert not together.uniform(4)[0].equal(together.uniform(4)[1])


def test_nothing_to_draw():
    assert Noise([1, 2]).draw(torch.empty(0, 5), torch.zeros(2, 3, dtype=torch.bool)).shape == (0,)


@pytest.mark.parametrize("precision", [16, "64", None])
def test_other_precisions_are_refused(precision):
    with pytest.raises(ValueError, match=f"precision must be 64 or 32 bits, got {precision}"):
        Noise([1], precision)
