"""How much is remasked, which tokens more than others, and when."""

import pytest
import torch

from remdm.sampling.remasking import (
    Cap,
    CapRescale,
    Confidence,
    Corrector,
    Never,
    Rescale,
    Rescored,
    Switch,
    WhileHeld,
    bounded,
    bump,
    flat,
)
from remdm.sampling.schedule import Linear
from remdm.sampling.state import State
from remdm.sampling.time_grid import LOOP, Step, Uniform, steps

MASK = 9
HALF = Step(0, 0.5, 0.25, 0.5, 0.75)  # sigma_max .5
HELD = Step(0, 0.1, 0.1, 0.9, 0.9, LOOP)  # sigma_max 1/9
WALK = steps(Uniform(), 64, Linear())


def state_of(tokens, psi, given=()):
    """One row; psi None where masked or given."""
    values = torch.tensor([[torch.inf if p is None else p for p in psi]], dtype=torch.float64)
    is_given = torch.zeros(1, len(tokens), dtype=torch.bool)
    is_given[0, list(given)] = True
    return State(torch.tensor([tokens]), values, is_given, MASK)


def number(rule, step):
    return bounded(rule.sigma(step, None, None), step)


def test_rules_at_a_step():
    assert number(Never(), HALF) == 0.0
    assert number(Cap(0.02), HALF) == 0.02 and number(Cap(0.8), HALF) == 0.5
    assert number(Rescale(0.1), HALF) == pytest.approx(0.05)
    assert number(Cap(0.2), HELD) == pytest.approx(1 / 9) and number(Rescale(0.9), HELD) == pytest.approx(0.1)
    assert number(CapRescale(0.4, 0.5), HALF) == pytest.approx(0.2)
    assert number(CapRescale(0.9, 0.5), HALF) == pytest.approx(0.25)


def test_the_largest_cap_is_the_largest_rescaling():
    assert [number(Cap(1.0), step) for step in WALK] == [number(Rescale(1.0), step) for step in WALK]


def test_correctors():
    """Propositions 4.2 and 4.3: forward-backward is beta = 1, beta = 0 is MDLM, and a held alpha stops both."""
    table = {(0.25, 0.5): 1.0, (0.5, 0.75): 0.5, (0.6, 0.7): 1 / 6, (0.8, 0.9): 0.125, (0.9, 0.9): 0.0, (0.0, 0.1): 0.0}
    for (alpha_t, alpha_s), sigma in table.items():
        step = Step(0, 1 - alpha_t, 1 - alpha_s, alpha_t, alpha_s)
        assert number(Corrector(flat), step) == pytest.approx(sigma, abs=1e-12)
        assert number(Corrector(lambda t: 0.0), step) == 0.0
    assert number(Corrector(bump), HELD) == 0.0 and number(WhileHeld(Cap(0.02)), HELD) == 0.02


def test_forward_backward_on_a_uniform_grid():
    assert [number(Corrector(flat), step) for step in WALK[1:6]] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])


@pytest.mark.parametrize(
    ("t", "beta", "sigma"),
    [
        (0.5, 7.0710678, 0.0138107),
        (0.9, 5.4772256, 0.0534885),
        (0.99, 3.1543423, 0.3080412),
        (0.1, 5.4772256, 0.0059432),
    ],
)
def test_dfm_at_1024_steps(t, beta, sigma):
    assert bump(t) == pytest.approx(beta, abs=3e-7)
    s = t - 1 / 1024
    assert number(Corrector(bump), Step(0, t, s, 1 - t, 1 - s)) == pytest.approx(sigma, abs=5e-8)


def test_bounded_holds_sigma_inside():
    assert bounded(0.7, HALF) == 0.5 and bounded(-0.1, HALF) == 0.0 and bounded(0.3, HALF) == 0.3
    assert bounded(torch.tensor([-0.1, 0.3, 0.7]), HALF).tolist() == pytest.approx([0.0, 0.3, 0.5])


# given, masked, decoded with psi .9 and .4, masked
MIXED = state_of([1, MASK, 2, 3, MASK], [None, None, 0.9, 0.4, None], given=[0])


def test_confidence_weights_the_unsure():
    """softmax(-psi) over decoded positions: weights e^-.9 and e^-.4, summing to the inner rule's sigma."""
    sigma = Confidence(Rescale(1.0), "zero").sigma(HALF, MIXED, None)[0]
    unsure = 1 / (1 + torch.e**-0.5)
    assert sigma.tolist() == pytest.approx([0, 0, 0.5 * (1 - unsure), 0.5 * unsure, 0], abs=1e-12)


def test_masked_positions_use_the_mean_over_decoded_ones():
    sigma = Confidence(Rescale(1.0), "mean").sigma(HALF, MIXED, None)[0]
    assert sigma[[1, 4]].tolist() == pytest.approx([0.25, 0.25]) and sigma[0] == 0
    assert sigma[2:4].sum() == pytest.approx(0.5)
    assert Confidence(Never()).masked_sigma == "mean"


def test_rescored_weights_are_inverse_to_the_present_probability():
    score = torch.tensor([[0.0, 0.0, 0.8, 0.2, 0.0]], dtype=torch.float64).log()
    sigma = Rescored(Cap(0.1), "zero").sigma(HALF, MIXED, lambda: score)[0]
    assert sigma.tolist() == pytest.approx([0, 0, 0.1 * 0.2, 0.1 * 0.8, 0], abs=1e-12)


@pytest.mark.parametrize("kind", [Confidence, Rescored])
@pytest.mark.parametrize("masked_sigma", ["mean", "zero"])
def test_a_row_without_decoded_tokens_has_sigma_zero(kind, masked_sigma):
    state = state_of([1, MASK, MASK], [None, None, None], given=[0])
    assert kind(Cap(0.5), masked_sigma).sigma(HALF, state, lambda: torch.zeros(1, 3)).tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("kind", [Confidence, Rescored])
def test_a_weighted_rule_bounds_what_it_spreads(kind):
    """The corrector asks for sigma = beta here; at most sigma_max is spread over the decoded tokens."""
    state = state_of([1, MASK], [0.5, None])
    sigma = kind(Corrector(lambda t: 8.0)).sigma(HALF, state, lambda: torch.zeros(1, 2))
    assert sigma.tolist() == [[0.5, 0.5]]


def test_switch_opens_at_t_switch():
    rule = Switch(Cap(0.02), t_switch=0.5)
    assert [number(rule, Step(0, t, t - 0.1, 1 - t, 1.1 - t)) for t in (0.9, 0.501, 0.5, 0.2)] == [0.0, 0.0, 0.02, 0.02]


def test_while_held_is_off_when_time_moves():
    assert number(WhileHeld(Cap(0.02)), HALF) == 0.0


@pytest.mark.parametrize(("kind", "eta"), [(Cap, 1.5), (Rescale, -0.1), (Cap, float("nan")), (Cap, True), (Cap, "1")])
def test_eta_out_of_range_is_refused(kind, eta):
    with pytest.raises(ValueError, match=f"eta must lie between 0 and 1, got {eta}"):
        kind(eta)


def test_an_unknown_choice_is_refused():
    with pytest.raises(ValueError, match="masked_sigma must be one of mean, zero, got half"):
        Confidence(Never(), "half")
