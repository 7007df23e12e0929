"""ReMDM eq. 6 as the probability of being masked next."""

import pytest
import torch

from remdm.sampling.methods import build, settings
from remdm.sampling.parts import RULES, WEIGHTINGS
from remdm.sampling.posterior import mask_probability
from remdm.sampling.presets import METHODS
from remdm.sampling.remasking import bounded
from remdm.sampling.schedule import SCHEDULES
from remdm.sampling.state import State
from remdm.sampling.time_grid import Step

MASKED, CLEAN = torch.tensor([True]), torch.tensor([False])


def step_of(alpha_t, alpha_s):
    return Step(0, 1 - alpha_t, 1 - alpha_s, alpha_t, alpha_s)


def decodes(alpha_t, alpha_s, sigma):
    """u: what a masked position does with x_theta."""
    return 1 - mask_probability(MASKED, step_of(alpha_t, alpha_s), sigma).item()


@pytest.mark.parametrize(
    ("alpha_t", "alpha_s", "mdlm", "most", "fb_sigma", "fb"),
    [
        (0.25, 0.50, 1 / 3, 2 / 3, 1.0, 2 / 3),
        (0.50, 0.75, 1 / 2, 1.0, 0.5, 1.0),
        (0.60, 0.70, 1 / 4, 1.0, 1 / 6, 1 / 2),
        (0.80, 0.90, 1 / 2, 1.0, 0.125, 1.0),
        (0.90, 0.90, 0.0, 1.0, 0.0, 0.0),
    ],
)
def test_chance_to_decode(alpha_t, alpha_s, mdlm, most, fb_sigma, fb):
    assert decodes(alpha_t, alpha_s, 0.0) == pytest.approx(mdlm, abs=1e-12)
    assert decodes(alpha_t, alpha_s, step_of(alpha_t, alpha_s).sigma_max) == pytest.approx(most, abs=1e-12)
    assert decodes(alpha_t, alpha_s, fb_sigma) == pytest.approx(fb, abs=1e-12)


@pytest.mark.parametrize(
    ("alpha_t", "alpha_s", "sigma", "u"), [(0.9, 0.9, 0.02, 0.18), (0.6, 0.7, 0.1, 0.4), (0.0, 0.25, 0.5, 0.25)]
)
def test_chance_to_decode_with_remasking(alpha_t, alpha_s, sigma, u):
    assert decodes(alpha_t, alpha_s, sigma) == pytest.approx(u, abs=1e-12)


def test_sigma_is_the_chance_of_a_decoded_token_and_may_differ_by_position():
    sigma = torch.tensor([0.1, 0.2, 0.1, 0.3], dtype=torch.float64)
    got = mask_probability(torch.tensor([False, False, True, True]), step_of(0.6, 0.7), sigma)
    assert got.dtype == torch.float64
    assert got.tolist() == pytest.approx([0.1, 0.2, 0.6, 0.3], abs=1e-12)


def test_a_mask_at_alpha_one_decodes():
    assert mask_probability(MASKED, step_of(1.0, 1.0), 0.0).item() == 0.0


@pytest.mark.parametrize(("alpha_t", "alpha_s"), [(0.6, 0.7), (0.8, 0.9), (0.9, 0.9), (0.25, 0.5)])
@pytest.mark.parametrize("part", [0.0, 0.3, 1.0])
def test_one_step_is_a_predictor_and_then_a_corrector(alpha_t, alpha_s, part):
    """Theorem 4.1: MDLM from t to s, then remasking and decoding again at level s; where that is a distribution."""
    sigma = part * min(1.0, (1 - alpha_s) / alpha_s)
    predicted = mask_probability(MASKED, step_of(alpha_t, alpha_s), 0.0).item()
    corrector = step_of(alpha_s, alpha_s)
    both = (1 - predicted) * mask_probability(CLEAN, corrector, sigma).item()
    both += predicted * mask_probability(MASKED, corrector, sigma).item()
    assert mask_probability(MASKED, step_of(alpha_t, alpha_s), sigma).item() == pytest.approx(both, abs=1e-12)


def some_state():
    """Six positions: given, masked, three decoded with different psi, masked; and a row of masks only."""
    tokens = torch.tensor([[1, 9, 2, 3, 4, 9], [9, 9, 9, 9, 9, 9]])
    psi = torch.full((2, 6), torch.inf, dtype=torch.float64)
    psi[0, 2:5] = torch.tensor([0.2, 0.9, 0.5], dtype=torch.float64)
    given = torch.zeros(2, 6, dtype=torch.bool)
    given[0, 0] = True
    return State(tokens, psi, given, 9)


def assert_marginals(rule, walk, state):
    """alpha_t P(mask | clean) + (1 - alpha_t) P(mask | masked) = 1 - alpha_s, at equal sigma in both branches."""
    for step in walk:
        sigma = bounded(rule.sigma(step, state, lambda: torch.full((2, 6), -0.7, dtype=torch.float64)), step)
        every = torch.as_tensor(sigma, dtype=torch.float64).expand(2, 6)
        assert (every >= 0).all() and (every <= step.sigma_max).all()
        clean, masked = (mask_probability(torch.full((2, 6), is_), step, sigma) for is_ in (False, True))
        assert (masked > -1e-12).all() and (masked < 1 + 1e-12).all() and torch.equal(clean, every)
        marginal = step.alpha_t * clean + (1 - step.alpha_t) * masked
        assert (marginal - (1 - step.alpha_s)).abs().max() < 1e-12


ROWS = [
    (name, schedule)
    for name, method in METHODS.items()
    for schedule in SCHEDULES
    if method.transition == "ancestral" and (method.plan != "capped" or schedule == "linear")
]


@pytest.mark.parametrize(("name", "schedule"), ROWS)
def test_every_sampler_keeps_the_marginals(name, schedule):
    for n in (1, 2, 7, 64):
        transition, walk = build(settings(name, n, schedule=schedule))
        assert_marginals(transition.remasking, walk, some_state())


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("plan", ["always", "switch", "loop", "loop-times"])
def test_every_combination_keeps_the_marginals(plan, rule, weighting):
    much = {"cap": {"eta": 0.8}, "rescale": {"eta": 1.0}, "cap-rescale": {"eta_cap": 0.9, "eta_rescale": 0.9}}
    parts = {"rule": rule, "weighting": weighting, "plan": plan}
    transition, walk = build(settings("mdlm", 20, schedule="cosine", **parts, **much.get(rule, {})))
    assert_marginals(transition.remasking, walk, some_state())
