"""The samplers of the field, each against its source's rule on hand-made distributions, small and exact."""

from math import acos, floor, log, pi

import pytest
import torch
from distributions import MASK, Rows, even, peaks, places, state_of

from remdm.sampling.adaptive import Adaptive, EntropyBound, Factor, Threshold
from remdm.sampling.halton import Halton, halton_rank
from remdm.sampling.methods import build, run, settings
from remdm.sampling.noise import Noise
from remdm.sampling.p2 import PathPlanning
from remdm.sampling.posterior import mask_probability
from remdm.sampling.presets import METHODS
from remdm.sampling.rcr import RunningConfidence
from remdm.sampling.remasking import Star, Window
from remdm.sampling.schedule import Arccos
from remdm.sampling.time_grid import Step, Uniform, steps
from remdm.sampling.top_confidence import EvenCounts, TopConfidence

LENGTH = 6
FIELD = ("star", "rcr", "p2", "margin", "entropy", "eb", "threshold", "factor", "halton")
GREEDY = Noise([1], greedy=True)


# RCR


def test_rcr_keeps_the_surest_of_old_and_new():
    """Step 2 of 3 over six positions: four may stay. Old .9 .3, new .8 .6 .4 .2: .3 and .2 go."""
    network = peaks(0.5, 0.5, 0.8, 0.6, 0.4, 0.2)
    record = RunningConfidence()(network, state_of([1, 1, *[MASK] * 4], [0.9, 0.3]), even(3)[1], GREEDY)
    assert (places(record.remasked), places(record.decoded)) == ([1], [2, 3, 4])
    assert record.after.tokens.tolist() == [[1, MASK, 0, 0, 0, MASK]]
    assert record.after.psi[0, [0, 2, 3, 4]].tolist() == pytest.approx([0.9, 0.8, 0.6, 0.4])


def test_rcr_takes_nothing_back_where_nothing_new_is_surer():
    record = RunningConfidence()(peaks(*[0.5] * 6), state_of([1, 1, *[MASK] * 4], [0.9, 0.8]), even(3)[1], GREEDY)
    assert not record.remasked.any() and record.decoded.sum() == 2


@pytest.mark.parametrize("length, n", [(6, 4), (7, 3), (5, 5), (3, 8)])
def test_rcr_leaves_as_many_as_llada_after_every_step(length, n):
    """Even counts, the remainder first: base (i + 1) + min(i + 1, remainder)."""
    network, state = peaks(*torch.linspace(0.3, 0.95, length).tolist()), state_of([MASK] * length)
    base, remainder = divmod(length, n)
    for i, step in enumerate(even(n)):
        state = RunningConfidence()(network, state, step, Noise([i])).after
        assert state.decoded.sum() == base * (i + 1) + min(i + 1, remainder)


# P2


@pytest.mark.parametrize("strength, gone", [(1.0, [1]), (0.0, []), (3.0, [0, 1])])
def test_p2_masks_the_least_likely_of_all(strength, gone):
    """kappa = 2/3 of six: two masks stay. Probabilities: decoded .5 .2, masked .9 .45 .3 .25."""
    network = peaks(0.5, 0.2, 0.9, 0.45, 0.3, 0.25)
    record = PathPlanning(strength=strength)(network, state_of([1, 1, *[MASK] * 4]), even(3)[1], GREEDY)
    assert places(record.remasked) == gone and record.after.masked.sum() == 2
    assert network.asked[0] == list(range(6)), "decoded positions are scored too"
    stay = [p for p in (0, 1) if p not in gone]
    assert record.after.tokens[0, stay].tolist() == [1] * len(stay), "a token that stays is not changed"


def test_p2_at_random_with_strength_1_is_the_star_in_its_mean():
    """Both forget every token alike: among decoded and masked positions the same share is masked afterwards."""
    n, step = 20_000, Step(0, 0.5, 0.4, 0.5, 0.6)
    state = state_of([1, MASK] * (n // 2))
    record = PathPlanning("random")(Rows(*[(1.0, 0.0, 0.0)] * n), state, step, Noise([1]))
    assert record.after.masked.sum() == floor(n * 0.4)
    assert record.remasked.sum() / state.decoded.sum() == pytest.approx(0.4, abs=0.02)


# Star


@pytest.mark.parametrize("alpha_t, alpha_s", [(0.0, 0.1), (0.3, 0.35), (0.9, 0.95), (0.95, 1.0)])
def test_the_star_masks_decoded_and_masked_positions_alike(alpha_t, alpha_s):
    step = Step(0, 1 - alpha_t, 1 - alpha_s, alpha_t, alpha_s)
    sigma = Star().sigma(step, None, None)
    assert sigma <= step.sigma_max + 1e-12
    p_mask = mask_probability(torch.tensor([[True, False]]), step, sigma)
    assert p_mask[0].tolist() == pytest.approx([1 - alpha_s] * 2)


def test_a_window_opens_and_closes():
    walk = build(settings("star", 20))[1]
    on = [Window(Star()).sigma(step, None, None) > 0 for step in walk]
    assert on == [0.05 <= step.t <= 0.55 and step.alpha_s < 1 for step in walk] and any(on) and not on[0]
    with pytest.raises(ValueError, match="t_off must lie below t_on"):
        settings("star", 20, t_on=0.1, t_off=0.2)


# Orders


def test_the_margin_goes_first_where_the_second_is_far():
    """.5 against .49 is less of a choice than .4 against .1, though it is likelier."""
    network = Rows((0.5, 0.49, 0.01), (0.4, 0.3, 0.3), (0.45, 0.1, 0.45), (0.46, 0.27, 0.27))
    state = state_of([MASK] * 4)
    first = {
        order: places(TopConfidence(EvenCounts(), order=order)(network, state, even(4)[0], GREEDY).decoded)
        for order in ("confident", "margin", "entropy")
    }
    assert first["confident"] == [0] and first["margin"] == [3]
    probability = network.log.exp()
    entropy = -torch.xlogy(probability, probability).sum(1)
    assert first["entropy"] == [int(entropy.argmin())]


# As many as it is sure of


def accepted(rule, peak, n=32):
    network = peaks(*peak)
    return places(Adaptive(rule)(network, state_of([MASK] * len(peak)), even(n)[0], GREEDY).decoded)


def test_all_above_the_threshold_and_at_least_the_surest():
    assert accepted(Threshold(0.9), [0.95, 0.5, 0.9, 0.89]) == [0, 2]
    assert accepted(Threshold(0.9), [0.5, 0.7, 0.6]) == [1]


def test_the_factor_asks_more_of_each_the_more_there_are():
    """f = 1: the first needs .5, the second 2/3, the third .75, the fourth .8; the largest n that holds counts."""
    assert accepted(Factor(1.0), [0.6, 0.55]) == [0]
    assert accepted(Factor(1.0), [0.7, 0.6, 0.68]) == [0, 2]
    assert accepted(Factor(1.0), [0.8, 0.7, 0.76, 0.3]) == [0, 2]
    assert accepted(Factor(1.0), [0.81, 0.82, 0.83, 0.8]) == [0, 1, 2, 3]


def test_the_entropy_bound_counts_all_but_the_largest():
    peak = [0.99, 0.98, 0.97, 0.6]
    entropy = [-(p * log(p) + (1 - p) * log((1 - p) / 8)) for p in peak]
    assert accepted(EntropyBound(sum(entropy[:2]) + 1e-9), peak) == [0, 1, 2]
    assert accepted(EntropyBound(sum(entropy[:2]) - 1e-9), peak) == [0, 1]
    assert accepted(EntropyBound(0.0), peak) == [0]
    assert accepted(EntropyBound(10.0), peak) == [0, 1, 2, 3]


def test_a_run_that_is_sure_ends_early_and_costs_what_it_takes():
    tokens = torch.full((2, LENGTH), MASK)
    tokens[1, 2:] = 0  # the second sequence has two masks alone
    running = run(peaks(*[0.7] * LENGTH), settings("threshold", 12, temperature=0.0), tokens, (1, 2), watch=False)
    records = list(running)
    assert len(records) == LENGTH and not records[-1].after.masked.any()
    assert running.forwards.tolist() == [LENGTH, 2]
    assert [record.over.tolist() for record in records] == [[False, i >= 2] for i in range(LENGTH)]
    sure = run(peaks(*[0.95] * LENGTH), settings("threshold", 12), torch.full((1, LENGTH), MASK), (1,), watch=False)
    assert len(list(sure)) < LENGTH


def test_with_few_steps_an_even_share_is_decoded_at_least():
    running = run(peaks(*[0.4] * LENGTH), settings("threshold", 2), torch.full((1, LENGTH), MASK), (1,), watch=False)
    assert [int(record.decoded.sum()) for record in running] == [3, 3]


# Halton


def test_halton_visits_every_position_once_far_from_the_last_ones():
    rank = halton_rank(256)
    assert sorted(rank.tolist()) == list(range(256))
    order = rank.argsort().tolist()
    assert order[:3] == [8 * 16 + 5, 4 * 16 + 10, 12 * 16 + 1]  # (1/2, 1/3), (1/4, 2/3), (3/4, 1/9)
    quarters = [(place // 128, place % 16 // 8) for place in order[:16]]
    assert {quarters.count(each) for each in set(quarters)} <= {3, 4, 5} and len(set(quarters)) == 4
    assert halton_rank(5).argsort().tolist() == [2, 1, 3, 0, 4]  # van der Corput: 1/2, 1/4, 3/4, 1/8, ...


@pytest.mark.parametrize("n", [4, 8, 12, 64])
def test_halton_decodes_its_papers_numbers(n):
    """max(i + 1, floor((1 - acos((i + 1) / T) / (pi / 2)) L)) tokens after step i."""
    length = 64
    state, network = state_of([MASK] * length), Rows(*[(0.5, 0.3, 0.2)] * length)
    for i, step in enumerate(steps(Uniform(), n, Arccos())):
        state = Halton()(network, state, step, Noise([i])).after
        assert state.decoded.sum() == min(length, max(i + 1, floor((1 - acos((i + 1) / n) / (pi / 2)) * length + 1e-9)))


def test_arccos_is_its_own_inverse_backwards():
    for alpha in (0.0, 0.2, 0.7, 1.0):
        assert Arccos().alpha(Arccos().time(alpha)) == pytest.approx(alpha)
    assert Arccos().alpha(1.0) == 0.0 and Arccos().alpha(0.0) == 1.0


# All of them


@pytest.mark.parametrize("name", FIELD)
def test_it_fills_every_mask_and_leaves_what_is_given(name):
    tokens = torch.full((2, LENGTH), MASK)
    tokens[:, 0] = 2
    chosen = settings(name, 4)
    final = [record.after for record in run(peaks(*[0.6] * LENGTH), chosen, tokens, (1, 2), watch=False)][-1]
    assert (final.tokens != MASK).all() and (final.tokens[:, 0] == 2).all()
    alone = [record.after for record in run(peaks(*[0.6] * LENGTH), chosen, tokens[1:], (2,), watch=False)][-1]
    assert alone.tokens.equal(final.tokens[1:]), "the company of a batch changes nothing"


@pytest.mark.parametrize("name", FIELD)
def test_its_source_is_cited(name):
    assert "arXiv" in METHODS[name].cite
