"""Guidance: D-CFG's identities, and D-CBG against the posterior written out candidate by candidate."""

import pytest
import torch

from remdm.models.ideal import letters
from remdm.sampling.denoiser import Denoiser, Truncated, Truncation
from remdm.sampling.guidance import ClassifierGuided, Guided, Prefixed, Without
from remdm.sampling.methods import run, settings
from remdm.sampling.noise import Noise
from remdm.sampling.posterior import mask_probability
from remdm.sampling.remasking import Cap
from remdm.sampling.state import State, start
from remdm.sampling.time_grid import Step
from remdm.sampling.transition import Ancestral

SIZE, MASK, LENGTH = 5, 4, 3


class Toy(Denoiser):
    """x_theta that depends on every token of z_t; counts its calls."""

    mask_id = MASK
    timed = False

    def __init__(self, seed):
        self.weights = torch.randn(8, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
        self.calls = 0

    def __call__(self, tokens, rows, t):
        self.calls += 1
        length = tokens.shape[1]
        logits = self.weights[torch.arange(length), tokens].sum(1, keepdim=True) + self.weights[:length].sum(1)
        logits[..., MASK] = -torch.inf
        return logits.log_softmax(-1)[rows]


def likelihood(tokens):
    """log p(y | tokens) of a made-up classifier that sees order."""
    place = torch.arange(1, tokens.shape[1] + 1)
    return torch.nn.functional.logsigmoid(((tokens * 7 + place * 3) % 5 - 2.0).sum(1) * 0.6)


EVERY = torch.ones(2, LENGTH, dtype=torch.bool)
TOKENS = torch.tensor([[MASK, 1, MASK], [2, MASK, 0]])


@pytest.mark.parametrize(("scale", "calls"), [(0.0, (0, 1)), (1.0, (1, 0)), (2.5, (1, 1))])
def test_cfg_is_the_geometric_mixture_and_asks_no_more_than_it_needs(scale, calls):
    conditional, free = Toy(0), Toy(1)
    made = Guided(conditional, free, scale)(TOKENS, EVERY, 0.5).exp()
    assert (conditional.calls, free.calls) == calls
    mixed = conditional(TOKENS, EVERY, 0.5).exp() ** scale * free(TOKENS, EVERY, 0.5).exp() ** (1 - scale)
    mixed[:, MASK] = 0
    torch.testing.assert_close(made, mixed / mixed.sum(-1, keepdim=True))


def test_cfg_ends_change_nothing_bit_for_bit():
    conditional, free = Toy(0), Toy(1)
    assert torch.equal(Guided(conditional, free, 1.0)(TOKENS, EVERY, 0.5), conditional(TOKENS, EVERY, 0.5))
    assert torch.equal(Guided(conditional, free, 0.0)(TOKENS, EVERY, 0.5), free(TOKENS, EVERY, 0.5))


def test_a_prefix_is_seen_and_not_returned():
    inner = Toy(0)
    made = Prefixed(inner, (3, 1))(TOKENS, EVERY, 0.5)
    whole = torch.cat((torch.tensor([[3, 1]]).expand(2, -1), TOKENS), dim=1)
    rows = torch.zeros_like(whole, dtype=torch.bool)
    rows[:, 2:] = True
    assert torch.equal(made, inner(whole, rows, 0.5))


def test_barred_tokens_lose_their_mass_to_the_others():
    made = Without(Toy(0), (1, 2))(TOKENS, EVERY, 0.5).exp()
    whole = Toy(0)(TOKENS, EVERY, 0.5).exp()
    assert made[:, 1:3].eq(0).all()
    torch.testing.assert_close(made.sum(-1), torch.ones(len(made)))
    torch.testing.assert_close(made[:, 0] / made[:, 3], whole[:, 0] / whole[:, 3])


def posterior(state, step, sigma, log_x, gamma):
    """D-CBG's posterior of every position over all tokens and the mask, candidate by candidate: `[B, L, V]`."""
    made = torch.zeros(*state.tokens.shape, SIZE, dtype=torch.float64)
    gone = mask_probability(state.masked, step, sigma)
    for row in range(len(state.tokens)):
        for place in range(LENGTH):
            for token in range(SIZE):
                now, stay = state.tokens[row, place], gone[row, place]
                if token == MASK:
                    chance = stay
                elif now == MASK:
                    chance = (1 - stay) * log_x[row, place, token].exp()
                else:
                    chance = (1 - stay) * float(token == now)
                changed = state.tokens[row].clone()
                changed[place] = token
                made[row, place, token] = chance * likelihood(changed[None])[0].double().exp() ** gamma
    return made / made.sum(-1, keepdim=True)


@pytest.mark.parametrize("nucleus_p", [1.0, 0.8])
@pytest.mark.parametrize("gamma", [1.0, 3.0])
def test_cbg_is_the_tilted_posterior(gamma, nucleus_p):
    state, step, sigma = start(torch.full((2, LENGTH), MASK), MASK), Step(1, 0.6, 0.5, 0.4, 0.5), 0.2
    state = State(TOKENS, torch.ones(2, LENGTH).double(), torch.zeros(2, LENGTH, dtype=torch.bool), MASK)
    drawn = Truncated(Toy(0), Truncation(nucleus_p=nucleus_p))
    log_x = drawn(TOKENS, EVERY, step.t).view(2, LENGTH, SIZE).double()
    guided = ClassifierGuided(drawn, likelihood, gamma)
    wanted = posterior(state, step, sigma, log_x, gamma)
    gone = guided.tilted(mask_probability(state.masked, step, sigma), state, step.t)
    torch.testing.assert_close(gone, wanted[..., MASK])
    tokens = (1 - gone)[state.masked][:, None] * guided(TOKENS, state.masked, step.t).exp()
    torch.testing.assert_close(tokens, wanted[state.masked] - wanted[state.masked] * torch.eye(SIZE)[MASK])


def test_cbg_draws_follow_the_tilted_posterior():
    """One position masked, one decoded: 4,000 single steps against the brute-force table, within five deviations."""
    count, step = 4000, Step(1, 0.6, 0.5, 0.4, 0.5)
    tokens = TOKENS[:1].expand(count, -1)
    state = State(tokens, torch.ones(count, LENGTH).double(), torch.zeros(count, LENGTH, dtype=torch.bool), MASK)
    guided = ClassifierGuided(Toy(0), likelihood, 2.0)
    log_x = Toy(0)(TOKENS, EVERY, 0.6).view(2, LENGTH, SIZE).double()
    one = State(TOKENS, torch.ones(2, LENGTH).double(), torch.zeros(2, LENGTH, dtype=torch.bool), MASK)
    wanted = posterior(one, step, 0.2, log_x, 2.0)[0]
    after = Ancestral(Cap(0.2))(guided, state, step, Noise(tuple(range(count)))).after.tokens
    for place in range(LENGTH):
        share = torch.bincount(after[:, place], minlength=SIZE) / count
        spread = (wanted[place] * (1 - wanted[place]) / count).sqrt()
        assert ((share - wanted[place]).abs() <= 5 * spread + 1e-9).all(), place


def test_cbg_without_a_scale_is_the_plain_sampler():
    chosen = settings("remdm-cap", 6, eta=0.3, nucleus_p=1.0)
    blank = torch.full((3, LENGTH), MASK)
    plain = list(run(Toy(0), chosen, blank, (1, 2, 3)))[-1].after.tokens
    guided = list(run(ClassifierGuided(Toy(0), likelihood, 0.0), chosen, blank, (1, 2, 3)))[-1].after.tokens
    assert torch.equal(plain, guided)


def test_a_run_tilts_who_decodes_too():
    """A classifier that dislikes masks makes nearly every position decode at the first of many steps."""
    hates_masks = lambda tokens: -10.0 * (tokens == MASK).sum(1)  # noqa: E731
    blank, seeds = torch.full((32, LENGTH), MASK), tuple(range(32))
    first = {
        gamma: next(iter(run(ClassifierGuided(Toy(0), hates_masks, gamma), settings("mdlm", 16), blank, seeds)))
        for gamma in (0.0, 1.0)
    }
    assert first[0.0].decoded.double().mean() < 0.2 < 0.95 < first[1.0].decoded.double().mean()


@pytest.mark.parametrize("sampler", ["mdlm", "remdm-conf", "remdm-loop", "fb", "dfm", "maskgit", "llada"])
def test_cbg_goes_with_every_sampler_and_raises_the_likelihood(sampler):
    chosen, blank, seeds = settings(sampler, 8), torch.full((64, LENGTH), MASK), tuple(range(64))
    plain = list(run(Toy(0), chosen, blank, seeds))[-1].after.tokens
    guided = list(run(ClassifierGuided(Toy(0), likelihood, 4.0), chosen, blank, seeds))[-1].after.tokens
    assert (guided != MASK).all()
    assert likelihood(guided).mean() > likelihood(plain).mean() + 0.02


def test_guidance_rises_from_none_to_gamma():
    """Maskgit-pytorch: w grows evenly from 0 at the first step (t = 1)."""
    rising = Guided(letters(), letters(), 4.0, rising=True)
    assert [rising.at(t) for t in (1.0, 0.75, 0.5, 0.0)] == [1.0, 1.75, 2.5, 4.0]
    assert rising.timed and not Guided(letters(), letters(), 4.0).timed
    assert Guided(letters(), letters(), 4.0).at(1.0) == 4.0
