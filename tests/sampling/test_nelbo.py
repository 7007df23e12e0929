"""The bound, against exact sums over all masks of a tiny language."""

from itertools import combinations
from math import factorial, log

import pytest
import torch

from remdm.models.ideal import IdealDenoiser
from remdm.sampling.methods import build, settings
from remdm.sampling.nelbo import corrupt, cross_entropies, mdlm_nelbo, step_nelbo, stratified_times, weight
from remdm.sampling.remasking import bounded
from remdm.sampling.schedule import Linear
from remdm.sampling.time_grid import Step, Uniform, steps

MASK = 3
LANGUAGE = torch.tensor([[0, 0, 1, 2], [0, 1, 1, 2], [1, 0, 2, 2], [2, 2, 1, 0], [0, 0, 2, 1]])  # S = 5, L = 4
EXACT = IdealDenoiser(LANGUAGE, 4, MASK)


def log_x(z, rows):
    return EXACT(z, rows, 0.0)


def summed_by_masks(x):
    """For k = 1..L: the cross-entropy of masked positions, summed over all ways to mask k of them."""
    sums = []
    for k in range(1, 5):
        z = torch.stack([x.clone().index_fill(0, torch.tensor(places), MASK) for places in combinations(range(4), k)])
        sums.append(float(cross_entropies(log_x, x.expand(len(z), 4), z, MASK).double().sum()))
    return sums


@pytest.mark.parametrize("x", LANGUAGE, ids=str)
def test_mdlm_bound_of_the_exact_denoiser_is_tight(x):
    """In continuous time the integral of (1/t) t^k (1-t)^(L-k) leaves -log p(x) = log S, whatever x."""
    sums = summed_by_masks(x)
    integral = sum(total * factorial(k - 1) * factorial(4 - k) / factorial(4) for k, total in enumerate(sums, 1))
    assert integral == pytest.approx(log(5), abs=1e-6)


def expected_term(step, sigma):
    """The step's term, exactly, averaged over the language, in nats a token."""
    total = 0.0
    for x in LANGUAGE:
        for k, summed in enumerate(summed_by_masks(x), 1):
            total += (1 - step.alpha_t) ** k * step.alpha_t ** (4 - k) * summed
    return weight(step, sigma) * total / len(LANGUAGE) / 4


def test_the_bound_in_steps_is_above_it_and_falls_with_more_steps():
    bounds = [sum(expected_term(step, 0.0) for step in steps(Uniform(), n, Linear())) for n in (1, 4, 32)]
    assert bounds[0] > bounds[1] > bounds[2] > log(5) / 4
    assert bounds[2] == pytest.approx(log(5) / 4, rel=0.04)


def test_remdm_pays_more_than_mdlm():
    walk = steps(Uniform(), 16, Linear())
    mdlm, remdm = (sum(expected_term(step, min(eta, step.sigma_max)) for step in walk) for eta in (0.0, 0.2))
    assert remdm > mdlm


def test_estimates_have_the_exact_mean():
    """8,000 rows each; five standard errors, fixed seeds."""
    generator = torch.Generator().manual_seed(3)
    x = LANGUAGE.repeat(1600, 1)
    step = Step(0, 0.6, 0.3, 0.4, 0.7)
    for sigma in (0.0, 0.5):
        got = step_nelbo(log_x, x, step, sigma, MASK, generator)
        assert got.mean().item() == pytest.approx(expected_term(step, sigma), abs=5 * got.std().item() / len(x) ** 0.5)
    times = stratified_times(len(x), generator)[torch.randperm(len(x), generator=generator)]
    got = mdlm_nelbo(log_x, x, times, MASK, generator)
    assert got.shape == (8000,) and got.mean().item() == pytest.approx(log(5) / 4, abs=5 * got.std().item() / 8000**0.5)


@pytest.mark.parametrize("name", ["mdlm", "remdm-cap", "remdm-rescale"])
@pytest.mark.parametrize("n", [1, 7, 64])
def test_weights_of_all_masks_sum_to_one_and_what_is_remasked(name, n):
    transition, walk = build(settings(name, n))
    sigmas = [bounded(transition.remasking.sigma(step, None, None), step) for step in walk]
    total = sum(weight(step, sigma) * (1 - step.alpha_t) for step, sigma in zip(walk, sigmas, strict=True))
    assert total == pytest.approx(1 + sum(s * step.alpha_t for s, step in zip(sigmas, walk, strict=True)), abs=1e-12)
    assert name != "mdlm" or total == pytest.approx(1, abs=1e-12)


def test_the_remdm_weight_of_4096_steps_with_cap_two_hundredths():
    transition, walk = build(settings("remdm-cap", 4096, eta=0.02))
    total = sum(
        weight(step, bounded(transition.remasking.sigma(step, None, None), step)) * (1 - step.alpha_t) for step in walk
    )
    assert total == pytest.approx(41, abs=0.5)


def test_corrupt_masks_each_row_at_its_own_rate():
    x = torch.zeros(4, 4000, dtype=torch.int64)
    kept = (corrupt(x, torch.tensor([0.0, 0.2, 0.7, 1.0]), 9, torch.Generator().manual_seed(1)) == 0).double().mean(1)
    assert kept[0] == 0 and kept[3] == 1
    assert kept[1:3].tolist() == pytest.approx([0.2, 0.7], abs=0.03)


def test_cross_entropies_are_those_of_masked_positions_in_order():
    z = torch.tensor([[0, MASK, 1, 2], [MASK, 2, 1, MASK]])
    x = torch.tensor([[0, 1, 1, 2], [2, 2, 1, 0]])
    assert cross_entropies(log_x, x, z, MASK).tolist() == pytest.approx([log(2), 0, 0], abs=1e-6)


def test_times_are_spread_over_the_batch():
    times = stratified_times(8, torch.Generator().manual_seed(2))
    assert (times * 8).floor().tolist() == list(range(8)) and 0 < times.min() < times.max() <= 1
    assert not times.equal(stratified_times(8, torch.Generator().manual_seed(3)))
