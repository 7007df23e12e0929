"""Samplers that judge what is written, each against its source's rule on hand-made distributions, small and exact."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from distributions import MASK, Rows, even, peaks, places, state_of

from remdm.models.ideal import IdealDenoiser
from remdm.sampling.gibbs import CORRECT, Corrections, MaskedGibbs
from remdm.sampling.judging import ALONE, THIRDS, parts
from remdm.sampling.klass import Klass, divergence
from remdm.sampling.methods import build, run, settings
from remdm.sampling.noise import Noise
from remdm.sampling.presets import METHODS
from remdm.sampling.prism import Prism
from remdm.sampling.saber import Saber
from remdm.sampling.schedule import SCHEDULES, Linear
from remdm.sampling.state import start
from remdm.sampling.t2m import TokenToMask
from remdm.sampling.time_grid import Step, steps
from remdm.sampling.tolerator import LOCKED, REFINE, DraftThenRefine, Refill
from remdm.sampling.wino import WideInNarrowOut

NAMES = ("tolerator", "gibbs", "wino", "saber", "t2m", "klass", "prism")
GREEDY = Noise([1], greedy=True)


def refining(k, steps_in_all):
    """Step k of so many that refine."""
    return Step(k, 0.0, 0.0, 1.0, 1.0, REFINE, steps_in_all - k, 1.0, None, steps_in_all)


# Tolerator


def test_the_draft_takes_its_share_of_the_steps_and_the_rest_stand_at_the_end():
    walk = steps(DraftThenRefine(), 64, Linear())
    assert [step.phase for step in walk] == ["draft"] * 32 + [REFINE] * 32
    assert walk[31].alpha_s == 1.0 and all(step.held and step.alpha_t == 1.0 for step in walk[32:])
    assert [step.phase for step in steps(DraftThenRefine(1.0), 3, Linear())] == ["draft"] * 3
    assert [step.phase for step in steps(DraftThenRefine(), 1, Linear())] == ["draft"]


def test_the_hidden_share_falls_by_a_cosine():
    shares = [Refill(hide_start=0.8, hide_end=0.4).hidden_share(refining(k, 5)) for k in range(5)]
    assert shares == pytest.approx([0.8, 0.6 + 0.2 * 2**-0.5, 0.6, 0.6 - 0.2 * 2**-0.5, 0.4])


def test_what_is_not_context_is_hidden_and_drawn_again():
    """Ten tokens, a share of .8: int(10 x .2) = 2 stay in sight."""
    network = peaks(*[0.9] * 10)
    record = Refill()(network, state_of([1] * 10), refining(0, 4), GREEDY)
    hidden = places(record.judged)
    assert len(hidden) == 8 and places(record.decoded) == hidden and not record.remasked.any()
    assert network.seen[0] == [MASK if p in hidden else 1 for p in range(10)]
    assert record.after.tokens[0].tolist() == [0 if p in hidden else 1 for p in range(10)]


def test_with_a_rate_only_the_least_likely_are_drawn_again():
    """Of five hidden ones int(5 x .4) = 2: those to which the network gives .02 and .05."""
    network = Rows(*((1 - p, p) for p in (0.4, 0.02, 0.3, 0.05, 0.2)))
    record = Refill(hide_start=1.0, update_rate=0.4)(network, state_of([1] * 5), refining(0, 4), GREEDY)
    assert (places(record.judged), places(record.decoded)) == ([0, 1, 2, 3, 4], [1, 3])
    assert record.after.tokens[0].tolist() == [1, 0, 1, 0, 1]
    assert record.after.psi[0].tolist() == pytest.approx([0.5, 0.98, 0.5, 0.95, 0.5]), "what stays keeps its psi"


def test_the_revision_is_sharper_than_the_draft():
    """p^1.67, normalised, of .7 .2 .1."""
    record = Refill(hide_start=1.0)(Rows((0.7, 0.2, 0.1)), state_of([1]), refining(0, 4), Noise([1]))
    powers = torch.tensor([0.7, 0.2, 0.1]).double() ** 1.67
    assert record.log_x[0, :3].exp().tolist() == pytest.approx((powers / powers.sum()).tolist())


def test_a_token_that_comes_back_is_not_changed_and_is_left_alone_in_the_end():
    network, state = peaks(0.9, 0.9), state_of([0, 0])
    for k in range(LOCKED):
        record = Refill(hide_start=1.0, hide_end=1.0)(network, state, refining(k, 20), GREEDY)
        assert places(record.judged) == [0, 1] and not record.decoded.any()
        assert record.after.psi.equal(state.psi)
        state = record.after
    asked = len(network.asked)
    record = Refill(hide_start=1.0, hide_end=1.0)(network, state, refining(LOCKED, 20), GREEDY)
    assert len(network.asked) == asked and record.over.tolist() == [True] and record.judged is None


def test_a_change_begins_its_count_anew():
    network, state = Rows((1.0, 0.0)), state_of([0])
    for k in range(LOCKED - 1):
        state = Refill(hide_start=1.0)(network, state, refining(k, 40), GREEDY).after
    state = Refill(hide_start=1.0)(Rows((0.0, 1.0)), state, refining(LOCKED, 40), GREEDY).after
    assert state.tokens.tolist() == [[1]]
    state = Refill(hide_start=1.0)(Rows((0.0, 1.0)), state, refining(LOCKED + 1, 40), GREEDY).after
    assert not Refill(hide_start=1.0)(Rows((0.0, 1.0)), state, refining(LOCKED + 2, 40), GREEDY).over.any()


# Masked Gibbs


@pytest.mark.parametrize("n", [1, 2, 3, 7, 16, 64, 100])
@pytest.mark.parametrize("c, t", [(1, 0.33), (4, 0.5), (2, 0.0), (1, 1.0), (16, 0.2)])
def test_correctors_follow_the_late_steps_and_count_as_steps(n, c, t):
    walk = steps(Corrections(c, t), n, Linear())
    assert len(walk) == n and walk[-1].alpha_s == 1.0
    assert all(step.held == (step.phase == CORRECT) and (not step.held or step.t <= t + 1e-9) for step in walk)
    moves = [step for step in walk if not step.held]
    assert [step.s for step in moves] == pytest.approx([1 - (i + 1) / len(moves) for i in range(len(moves))])
    for before, after in zip(moves, moves[1:], strict=False):
        assert after.index - before.index - 1 == (c if before.s <= t + 1e-9 else 0)
    if n >= 1 + c:
        assert walk[-1].phase == CORRECT


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_they_stand_still_on_every_schedule(schedule):
    assert all(step.alpha_s == step.alpha_t for step in steps(Corrections(), 32, SCHEDULES[schedule]) if step.held)


class Told(Noise):
    """Numbers that a test decides: which position, whether it is written, which token."""

    def __init__(self, place, coin, token):
        super().__init__([1])
        self.place, self.coin, self.token, self.log_x = place, coin, token, None

    def gumbel(self, length):
        return torch.arange(length).double().sub(self.place).abs().neg()[None]

    def uniform(self, length):
        return torch.full((1, length), self.coin, dtype=torch.float64)

    def draw(self, log_x, rows):
        self.log_x = log_x
        return torch.tensor([self.token])


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.75, 1.0])
def test_one_position_at_a_time_leaves_the_marginal_of_an_exact_model_as_it_is(alpha):
    """By enumeration: every state, every position, both outcomes of the coin, every token, with its probability."""
    language, mask = torch.tensor([[0, 1, 2], [0, 0, 1], [2, 1, 0], [1, 1, 1]]), 3
    denoiser, length = IdealDenoiser(language, 4, mask), language.shape[1]
    before: dict[tuple, float] = {}
    for row, masked in product(language.tolist(), product((False, True), repeat=length)):
        z = tuple(mask if gone else token for token, gone in zip(row, masked, strict=True))
        share = alpha ** (length - sum(masked)) * (1 - alpha) ** sum(masked) / len(language)
        before[z] = before.get(z, 0.0) + share
    step, after = Step(0, 1 - alpha, 1 - alpha, alpha, alpha, CORRECT), {}

    def add(z, p):
        after[z] = after.get(z, 0.0) + p

    for z, p in before.items():
        state = start(torch.full((1, length), mask), mask)
        state = replace(state, tokens=torch.tensor([z]))
        for place in range(length) if p else ():
            if alpha < 1:
                gone = MaskedGibbs(positions=1)(denoiser, state, step, Told(place, alpha, 0))
                add(tuple(gone.after.tokens[0].tolist()), p / length * (1 - alpha))
            for token in range(mask) if alpha > 0 else ():
                noise = Told(place, alpha - 1e-9, token)
                record = MaskedGibbs(positions=1)(denoiser, state, step, noise)
                add(tuple(record.after.tokens[0].tolist()), p / length * alpha * float(noise.log_x[0, token].exp()))
    assert sum(after.values()) == pytest.approx(1.0)
    for z in before.keys() | after.keys():
        assert after.get(z, 0.0) == pytest.approx(before.get(z, 0.0), abs=1e-12), z


def test_it_hides_what_it_draws_anew_and_says_what_became_of_it():
    """Of two positions one is written, to another token; the other goes back."""
    step = Step(0, 0.5, 0.5, 0.5, 0.5, CORRECT)

    class Half(Noise):
        def uniform(self, length):
            return torch.tensor([[0.9, 0.1, 0.1]], dtype=torch.float64)

    network = peaks(0.9, 0.8, 0.7)
    record = MaskedGibbs(positions=3)(network, state_of([1, 1, MASK]), step, Half([1], greedy=True))
    assert [places(rows) for rows in (record.judged, record.remasked, record.decoded)] == [[0, 1], [0], [1, 2]]
    assert network.seen == [[MASK] * 3] and network.asked == [[1, 2]]
    assert record.after.tokens.tolist() == [[MASK, 0, 0]]
    assert torch.as_tensor(record.sigma).tolist()[0] == [0.5] * 3
    again = MaskedGibbs(positions=3)(network, state_of([1, 0, MASK]), step, Half([1], greedy=True))
    assert places(again.decoded) == [2], "what is drawn as it was is not changed"


# What is hidden together


def test_thirds_hide_every_token_once_and_alone_is_alone():
    decoded, order = torch.tensor([[True] * 7 + [False], [False] * 6 + [True] * 2]), torch.rand(2, 8).double()
    thirds = parts(decoded, THIRDS, order)
    assert len(thirds) == 3 and sum(part.int() for part in thirds).equal(decoded.int())
    assert sorted(int(part[0].sum()) for part in thirds) == [2, 2, 3]
    assert [int(part[1].sum()) for part in thirds] == [1, 1, 0]
    alone = parts(decoded, ALONE, order)
    assert len(alone) == 7 and all(part[0].sum() == 1 for part in alone)
    assert sum(part.int() for part in alone).equal(decoded.int())
    assert parts(torch.zeros(1, 8, dtype=torch.bool), THIRDS, order[:1]) == []


# WINO


@pytest.mark.parametrize("masks, taken", [(4, 4), (6, 5), (10, 7), (40, 20)])
def test_wino_accepts_no_more_than_its_bounds(masks, taken):
    record = WideInNarrowOut()(peaks(*[0.7] * masks), state_of([MASK] * masks), even(64)[0], GREEDY)
    assert record.decoded.sum() == taken
    unsure = WideInNarrowOut()(peaks(*[0.5] * masks), state_of([MASK] * masks), even(64)[0], GREEDY)
    assert unsure.decoded.sum() == 1, "the most confident one where none is likely enough"


OLD, NEW = ((0.05, 0.95), (0.5, 0.5), (0.8, 0.2)), ((0.95, 0.05),) * 4


@pytest.mark.parametrize("way, evaluations", [(ALONE, 4), (THIRDS, 4)])
def test_wino_takes_back_what_the_network_does_not_repeat(way, evaluations):
    network, state = Rows(*OLD, *NEW), state_of([1, 1, 1, *[MASK] * 4])
    first = WideInNarrowOut(hide=way)(network, state, even(64)[1], GREEDY)
    assert [places(rows) for rows in (first.judged, first.decoded, first.remasked)] == [[0, 1, 2], [3, 4, 5, 6], [1, 2]]
    seen = sorted({tuple(seen) for seen in network.seen})
    assert len(seen) == evaluations and all(sum(token == MASK for token in each) <= 5 for each in seen)


def test_wino_takes_fewer_back_than_it_accepted_before():
    network, state = Rows(*OLD, *NEW), state_of([1, 1, 1, *[MASK] * 4])
    accepted = WideInNarrowOut()(peaks(*[0.95] * 3, *[0.1] * 4), state_of([MASK] * 7), even(64)[0], GREEDY)
    assert accepted.decoded.sum() == 3
    for before, gone in ((accepted, [1, 2]), (replace(accepted, after=two(accepted)), [2])):
        held = replace(state, memory=before.after.memory)
        assert places(WideInNarrowOut()(network, held, even(64)[1], GREEDY).remasked) == gone


def two(record):
    """As if it had accepted two."""
    memory = record.after.memory
    return replace(record.after, memory=replace(memory, count=memory.count - 1))


def test_wino_takes_nothing_back_for_one_token_or_in_the_last_step():
    state = state_of([1, 1, MASK, MASK])
    one = WideInNarrowOut()(Rows((0.9, 0.1), (0.9, 0.1), (0.9, 0.1), (0.5, 0.5)), state, even(64)[1], GREEDY)
    assert one.decoded.sum() == 1 and not one.remasked.any()
    last = WideInNarrowOut()(Rows(*[(0.9, 0.1)] * 4), state, even(64)[63], GREEDY)
    assert not last.after.masked.any() and not last.remasked.any() and not last.judged.any()


# Saber


def test_sabers_threshold_is_the_mean_of_what_it_accepted():
    """1 at first: two tokens; then (.9 + .8) / 2 = .85: of .95 .86 .84 .3 the first two; then the mean of the four."""
    network, state = peaks(0.9, 0.8, 0.3, 0.2, 0.1), state_of([MASK] * 5)
    first = Saber()(network, state, even(64)[0], GREEDY)
    assert places(first.decoded) == [0, 1] and not first.remasked.any()
    network = peaks(0.9, 0.8, 0.86, 0.87, 0.88)
    second = Saber()(network, first.after, even(64)[1], GREEDY)
    assert places(second.decoded) == [2, 3, 4], "all above the mean, though two would be enough"
    network = peaks(0.9, 0.8, 0.84, 0.83, 0.82)
    assert places(Saber()(network, first.after, even(64)[1], GREEDY).decoded) == [2, 3], "two at least"


def test_saber_takes_back_where_the_largest_probability_fell_most():
    network, state = peaks(0.9, 0.8, 0.3, 0.2, 0.1), state_of([MASK] * 5)
    first = Saber()(network, state, even(64)[0], GREEDY).after
    second = Saber()(peaks(0.85, 0.5, 0.2, 0.9, 0.9), first, even(64)[1], GREEDY)
    assert places(second.remasked) == [1], "not position 2, which fell and is masked"
    rising = Saber()(peaks(0.95, 0.85, 0.2, 0.9, 0.9), first, even(64)[1], GREEDY)
    assert not rising.remasked.any()
    last = Saber()(peaks(0.85, 0.5, 0.2, 0.9, 0.9), first, even(64)[63], GREEDY)
    assert not last.remasked.any() and not last.after.masked.any()


# T2M


def test_the_unlikely_go_back_the_worst_first_and_a_quarter_at_most():
    p = (0.5, 0.09, 0.02, 0.05, 0.08, 0.9, 0.5, 0.5)
    network = Rows(*((1 - each, each) for each in p))
    record = TokenToMask()(network, state_of([1] * 7 + [MASK]), even(64)[1], GREEDY)
    assert places(record.remasked) == [2, 3], "two of eight"
    assert places(TokenToMask(doubt_below=0.03)(network, record.before, even(64)[1], GREEDY).remasked) == [2]


def test_another_token_has_to_be_likelier_than_nine_tenths():
    network = Rows((0.85, 0.15), (0.92, 0.08), (0.05, 0.95), (0.5, 0.5))
    record = TokenToMask(detector="other")(network, state_of([1, 1, 1, MASK]), even(64)[1], GREEDY)
    assert places(record.remasked) == [1]


def test_a_token_goes_that_lost_three_tenths_since_the_last_step():
    sampler, state = TokenToMask(detector="fallen"), state_of([1, 1, MASK, MASK])
    first = sampler(Rows((0.1, 0.9), (0.2, 0.8), (0.9, 0.1), (0.9, 0.1)), state, even(64)[1], GREEDY)
    assert not first.remasked.any(), "there is no step before"
    second = sampler(Rows((0.35, 0.65), (0.6, 0.4), (0.0, 1.0), (0.9, 0.1)), first.after, even(64)[2], GREEDY)
    assert places(second.remasked) == [1], "nor is there one for a token just written, which lost .9"


def test_tokens_above_the_threshold_are_decoded_and_one_at_least():
    state = state_of([MASK] * 4)
    assert places(TokenToMask()(peaks(0.8, 0.6, 0.75, 0.2), state, even(64)[0], GREEDY).decoded) == [0, 2]
    assert places(TokenToMask()(peaks(0.3, 0.6, 0.5, 0.2), state, even(64)[0], GREEDY).decoded) == [1]


def test_it_ends_when_it_has_looked_at_all_and_found_nothing():
    tokens = torch.full((2, 4), MASK)
    tokens[1, 1:] = 0
    running = run(peaks(*[0.95] * 4), settings("t2m", 32, temperature=0.0), tokens, (1, 2), watch=False)
    records = [record for record in running if not record.over.all()]
    assert len(records) == 2 and not records[-1].decoded.any(), "one step decodes, one looks"
    assert running.forwards.tolist() == [2, 2]


def test_a_position_goes_back_three_times_at_most_and_sixteen_steps_follow_the_last_mask():
    """Every token is doubted, and written again as it was: four positions go back one after another."""

    def gone(length):
        sampler, state, network = TokenToMask(doubt_below=1.0), state_of([1] * length), Rows(*[(0.05, 0.95)] * length)
        found = 0
        for index in range(250):
            record = sampler(network, state, even(256)[index + 1], GREEDY)
            found, state = found + int(record.remasked.sum()), record.after
            if record.over.all():
                return found
        raise AssertionError("it does not end")

    assert gone(4) == 3 * 4
    assert gone(7) == 16, "one in each of sixteen steps"


# KLASS


def test_the_divergence_is_that_of_the_book():
    p, q = torch.tensor([[0.5, 0.5, 0.0], [0.1, 0.6, 0.3]]), torch.tensor([[0.25, 0.5, 0.25], [0.1, 0.6, 0.3]])
    assert divergence(p.log(), q.log()).tolist() == pytest.approx([0.5 * torch.tensor(2.0).log().item(), 0.0])


def decoded_by(sampler, networks, n=64):
    """What is decoded in each step, the network being another one each time."""
    state, found = state_of([MASK] * 4), []
    for index, network in enumerate(networks):
        record = sampler(network, state, even(n)[index], GREEDY)
        found.append(places(record.decoded))
        state = record.after
    return found


def test_klass_waits_until_a_sure_token_has_stood_still_twice():
    sure = peaks(0.95, 0.99, 0.96, 0.5)
    assert decoded_by(Klass(), [sure] * 3) == [[1], [2], [0]], "two comparisons need three steps"
    assert decoded_by(Klass(history=1), [sure] * 2) == [[1], [0, 2]], "all that agree at once, and not the unsure one"
    moved = peaks(0.91, 0.99, 0.96, 0.5)
    assert decoded_by(Klass(history=1), [sure, moved, moved]) == [[1], [2], [0]]
    assert decoded_by(Klass(history=1, stillness=0.1), [sure, moved]) == [[1], [0, 2]]
    assert decoded_by(Klass(history=1, accept_above=0.97), [sure] * 2) == [[1], [2]]


# PRISM


class Headed(Rows):
    """With a head that says these log-odds of each token."""

    scored = True

    def __init__(self, odds, *rows):
        super().__init__(*rows)
        self.odds = torch.tensor([odds])

    def scores(self, tokens, rows, t):
        return self(tokens, rows, t), self.odds.expand(tokens.shape)


ODDS = [2.0, -1.0, 0.5, -3.0, 9.0, -9.0]
LATE = Step(0, 0.4, 0.3, 0.6, 0.7)


def test_as_many_go_as_coins_fall_and_those_the_head_trusts_least():
    """Of four decoded tokens two coins fall, on the first and the third: the fourth and the second go."""

    class Coins(Noise):
        def uniform(self, length):
            return torch.tensor([[0.1, 0.9, 0.2, 0.9, 0.1, 0.9]], dtype=torch.float64)

    network = Headed(ODDS, *[(0.9, 0.1)] * 6)
    state = state_of([1, 1, 1, 1, MASK, MASK])
    record = Prism(eta=0.3)(network, state, LATE, Coins([1], greedy=True))
    assert places(record.remasked) == [1, 3] and record.sigma == 0.3 and record.judged is None
    assert places(record.decoded) == [5], "masked positions decode by the posterior: its p is above .1"
    assert set(map(tuple, network.seen)) == {tuple(state.tokens[0].tolist())}, "nothing is hidden"


def test_before_its_time_it_is_mdlm():
    early = replace(LATE, t=0.6)
    assert Prism(eta=0.3).sigma(early) == 0.0 and Prism(eta=0.3).sigma(LATE) == 0.3
    assert Prism(eta=1.0).sigma(LATE) == LATE.sigma_max == pytest.approx(0.5)
    network = Headed(ODDS, *[(0.9, 0.1)] * 6)
    record = Prism(eta=0.3)(network, state_of([1, 1, 1, 1, MASK, MASK]), early, Noise([3]))
    assert not record.remasked.any()


def test_a_head_costs_no_evaluation_and_hidden_thirds_cost_three():
    def spent(network):
        running = run(network, settings("prism", 32, eta=1.0), torch.full((1, 6), MASK), (3,), watch=False)
        remasked = sum(bool(record.remasked.any()) for record in running)
        assert remasked > 4
        return int(running.forwards[0]), len(set(map(tuple, network.seen)))

    evaluations, _ = spent(Headed(ODDS, *[(0.6, 0.4)] * 6))
    assert evaluations <= 32
    assert spent(Rows(*[(0.6, 0.4)] * 6))[0] > evaluations + 8


def test_without_a_head_thirds_are_hidden_and_the_least_likely_go():
    class Coins(Noise):
        def uniform(self, length):
            return torch.tensor([[0.1, 0.9, 0.2, 0.9]], dtype=torch.float64)

    rows = ((0.1, 0.9), (0.7, 0.3), (0.8, 0.2), (0.9, 0.1))
    for network, sampler in ((Rows(*rows), Prism(eta=0.3)), (Headed(ODDS[:4], *rows), Prism(eta=0.3, score="hidden"))):
        record = sampler(network, state_of([1, 1, 1, MASK]), LATE, Coins([1], greedy=True))
        assert places(record.judged) == [0, 1, 2] and places(record.remasked) == [1, 2]


def test_the_decoded_share_is_alpha_whoever_is_chosen():
    """6,144 positions; within four standard deviations at each step."""
    truth = IdealDenoiser(torch.arange(256)[None] % 7, 8, 7)
    for record in run(truth, settings("prism", 16, nucleus_p=1.0), torch.full((24, 256), 7), tuple(range(24))):
        alpha = record.step.alpha_s
        share = (~record.after.masked).double().mean().item()
        assert abs(share - alpha) <= 4 * (alpha * (1 - alpha) / 6144) ** 0.5 + 1e-12


# All of them


@pytest.mark.parametrize("name", NAMES)
def test_it_fills_every_mask_leaves_what_is_given_and_counts_what_it_asks(name):
    length = 6
    tokens = torch.full((2, length), MASK)
    tokens[:, 0] = 2
    network = peaks(*[0.6] * length)
    running = run(network, settings(name, 12), tokens[1:], (2,), watch=False)
    alone = [record.after for record in running][-1]
    assert running.forwards.tolist() == [len(network.asked)]
    together = [record.after for record in run(network, settings(name, 12), tokens, (1, 2), watch=False)][-1]
    assert (together.tokens != MASK).all() and (together.tokens[:, 0] == 2).all()
    assert alone.tokens.equal(together.tokens[1:]), "the company of a batch changes nothing"


@pytest.mark.parametrize("name", NAMES)
def test_a_step_tells_no_more_than_happened(name):
    """Judged tokens stood there; those that are neither replaced nor remasked stay as they were."""
    for record in run(peaks(*[0.5] * 12), settings(name, 24), torch.full((3, 12), MASK), (1, 2, 3)):
        judged = record.judged if record.judged is not None else torch.zeros_like(record.decoded)
        before, after = record.before, record.after
        assert not (judged & ~before.decoded).any() and not (record.remasked & ~before.decoded).any()
        assert not (record.decoded & ~before.masked & ~judged).any()
        changed = record.decoded | record.remasked
        assert after.tokens[~changed].equal(before.tokens[~changed]) and after.psi[~changed].equal(before.psi[~changed])
        assert (after.tokens[record.decoded & judged] != before.tokens[record.decoded & judged]).all()
        assert after.masked[record.remasked].all()


@pytest.mark.parametrize("name", ["tolerator", "gibbs", "wino", "prism"])
def test_watching_costs_no_more_than_one_evaluation_a_step(name):
    tokens = torch.full((1, 12), MASK)
    seen, unseen = (
        run(peaks(*[0.5] * 12), settings(name, 24), tokens, (3,), watch=watch) for watch in (True, False)
    )  # fmt: skip
    steps_taken = [len(list(each)) for each in (seen, unseen)]
    assert steps_taken[0] == steps_taken[1]
    assert unseen.forwards <= seen.forwards <= unseen.forwards + steps_taken[0] // 2
    if name in ("tolerator", "wino"):
        assert seen.forwards == unseen.forwards, "it asks for every masked position anyway"


@pytest.mark.parametrize("name", [*METHODS, ALONE])
def test_no_step_costs_more_than_it_says(name):
    """What a budget counts on: T times the most that a step may ask."""
    chosen = settings("wino", 12, hide=ALONE) if name == ALONE else settings(name, 12)
    running, most, spent = run(peaks(*[0.8] * 9), chosen, torch.full((2, 9), MASK), (1, 2), watch=False), 0, 0
    for _ in running:
        most, spent = max(most, int(running.forwards.max()) - spent), int(running.forwards.max())
    assert 1 <= most <= build(chosen)[0].evaluations(9)
    assert build(chosen)[0].evaluations(9) == {ALONE: 10, "wino": 4, "prism": 4}.get(name, 1)


@pytest.mark.parametrize("name", NAMES)
def test_its_source_is_cited(name):
    assert any(word in METHODS[name].cite for word in ("arXiv", "ICLR"))
