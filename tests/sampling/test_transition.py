"""One step: what is drawn, what is remembered, and the exact counts of the samplers that decode the surest first.

Chi-square bounds are 99.9 % quantiles; seeds are fixed.
"""

from dataclasses import dataclass

import pytest
import torch

from remdm.sampling.denoiser import Denoiser
from remdm.sampling.noise import Noise
from remdm.sampling.remasking import Cap, Never, Rescale, Rescored
from remdm.sampling.sampler import observe
from remdm.sampling.schedule import SCHEDULES, Linear
from remdm.sampling.state import start
from remdm.sampling.time_grid import Draft, Step, Uniform, steps
from remdm.sampling.top_confidence import EvenCounts, MaskgitCounts, TopConfidence
from remdm.sampling.transition import Ancestral, decode, remask

MASK = 3
P = torch.tensor([0.5, 0.3, 0.2, 0.0], dtype=torch.float64)  # the mask has no mass

HALF = torch.tensor(0.5, dtype=torch.float64)


@dataclass
class Fixed(Denoiser):
    """One distribution for every position, or one for each."""

    probabilities: torch.Tensor
    mask_id: int = MASK
    timed: bool = False

    def __call__(self, tokens, rows, t):
        values = self.probabilities.log()
        return values.expand(int(rows.sum()), -1) if values.ndim == 1 else values.expand(*rows.shape, -1)[rows]


def half_decoded(length):
    """A given token, then decoded ones (token 1, psi .5) up to the middle, then masks."""
    state = start(torch.full((1, length), MASK), MASK)
    rows = torch.arange(length)[None] < length // 2
    state = decode(state, rows, torch.ones(length // 2, dtype=torch.int64), HALF.log().expand(length // 2))
    state.given[0, 0] = True
    state.psi[0, 0] = torch.inf
    return state


def test_a_whole_step_has_the_joint_frequencies_of_the_posterior():
    """alpha .6 -> .7, sigma .1: decoded tokens go with .1; masks stay with .6 or become .4 (.5, .3, .2)."""
    n = 40_000
    record = Ancestral(Cap(0.1))(Fixed(P), half_decoded(n), Step(0, 0.4, 0.3, 0.6, 0.7), Noise([1]))
    left, right = record.after.tokens[0, 1 : n // 2], record.after.tokens[0, n // 2 :]
    assert set(left.tolist()) == {1, MASK}  # a decoded token never becomes another one in one step
    for got, chances, bound in ((left == MASK, [0.9, 0.1], 10.83), (right, [0.2, 0.12, 0.08, 0.6], 16.27)):
        counts = got.long().bincount(minlength=len(chances)).double()
        expected = torch.tensor(chances, dtype=torch.float64) * len(got)
        assert ((counts - expected) ** 2 / expected).sum() < bound


def test_the_record_says_what_happened():
    before = half_decoded(400)
    step = Step(0, 0.4, 0.3, 0.6, 0.7)
    record = Ancestral(Rescale(1.0))(Fixed(P), before, step, Noise([1]))
    tokens, after = before.tokens, record.after
    assert record.remasked.equal((tokens != MASK) & (after.tokens == MASK)) and record.remasked.any()
    assert record.decoded.equal((tokens == MASK) & (after.tokens != MASK)) and record.decoded.any()
    assert len(record.log_x) == record.decoded.sum()
    assert record.asked.equal(record.decoded) and record.watched is record.peak is None
    assert observe(record, Fixed(P)) is record, "nothing is asked twice"
    assert record.sigma == pytest.approx(0.5) and record.step is step and record.before is before
    assert before.tokens is tokens and (before.psi[0, 1:200] == 0.5).all()  # the old state is left as it was


def test_a_recorder_asks_how_confident_the_network_is_where_masked():
    before = half_decoded(400)
    record = Ancestral(Rescale(0.5))(Fixed(P), before, Step(0, 0.4, 0.3, 0.6, 0.7), Noise([1]))
    seen = observe(record, Fixed(P))
    assert seen.watched.equal(before.masked) and seen.peak.exp().tolist() == pytest.approx([0.5] * 200)
    assert (seen.shown.known, seen.shown.peak, seen.shown.guess) == (seen.watched, seen.peak, seen.guess)
    assert seen.after is record.after
    assert record.shown.known.equal(record.decoded) and record.shown.peak.exp().max() == pytest.approx(0.5)


def test_psi_is_the_chance_the_token_was_drawn_with():
    each = torch.rand(1, 400, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    each[..., MASK] = 0
    each /= each.sum(-1, keepdim=True)
    record = Ancestral(Rescale(0.5))(Fixed(each), half_decoded(400), Step(0, 0.4, 0.3, 0.6, 0.7), Noise([1]))
    after = record.after
    assert 20 < record.decoded.sum() < 180
    assert after.psi[record.decoded].allclose(each.gather(2, after.tokens[..., None])[..., 0][record.decoded])
    assert (after.psi[after.masked | after.given] == torch.inf).all()
    stayed = record.before.decoded & ~record.remasked
    assert (after.psi[stayed] == 0.5).all()


def test_nothing_is_asked_where_nothing_decodes():
    record = Ancestral(Never())(Fixed(None), half_decoded(8), Step(0, 0.5, 0.5, 0.5, 0.5), Noise([1]))
    assert record.log_x is None and record.after.tokens.equal(record.before.tokens)


def test_a_given_token_outlives_the_largest_sigma():
    record = Ancestral(Cap(1.0))(Fixed(P), half_decoded(40), Step(0, 0.8, 0.7, 0.2, 0.3), Noise([1]))
    assert record.sigma == 1.0 and record.after.tokens[0, 0] == 1 and record.remasked[0, 1:20].all()


def test_rescoring_asks_for_the_present_tokens():
    """Token 1 has .3 everywhere but at position 2, where it has .03: ten times the weight."""
    each = P.repeat(6, 1)
    each[2] = torch.tensor([0.9, 0.03, 0.07, 0.0])
    step = Step(0, 0.5, 0.25, 0.5, 0.75)
    record = Ancestral(Rescored(Cap(0.5)))(Fixed(each[None]), half_decoded(6), step, Noise([1]))
    assert record.sigma[0, 1:3].tolist() == pytest.approx([0.5 / 11, 5 / 11])


def test_decode_and_remask_touch_their_rows_only():
    state = half_decoded(6)
    rows = torch.tensor([[False, True, False, False, False, False]])
    gone = remask(state, rows)
    assert gone.tokens.tolist() == [[1, MASK, 1, MASK, MASK, MASK]] and gone.psi[0, 1:3].tolist() == [torch.inf, 0.5]
    again = decode(gone, rows, torch.tensor([2]), torch.tensor([0.25]).log())
    assert again.tokens.tolist() == [[1, 2, 1, MASK, MASK, MASK]] and again.psi[0, 1] == pytest.approx(0.25)


def walk_top(transition, walk, tokens, probabilities=P, seed=1):
    """Every record of a run from these tokens."""
    state, noise, records = start(tokens, MASK), Noise([seed] * len(tokens)), []
    for step in walk:
        records.append(transition(Fixed(probabilities), state, step, noise))
        state = records[-1].after
    return records


def masks_left(records):
    return [int(record.after.masked[0].sum()) for record in records]


@pytest.mark.parametrize(
    ("length", "n", "schedule", "expected"),
    [
        (16, 8, "linear", [14, 12, 10, 8, 6, 4, 2, 0]),
        (5, 8, "linear", [4, 3, 2, 1, 1, 1, 1, 0]),  # one at least, and one waits for the end
        (16, 4, "maskgit-cosine", [14, 11, 6, 0]),  # floor(16 cos(pi r / 2))
        (7, 1, "linear", [0]),
        (4, 2, "linear", [2, 0]),
    ],
)
def test_maskgit_counts(length, n, schedule, expected):
    walk = steps(Uniform(), n, SCHEDULES[schedule])
    assert masks_left(walk_top(TopConfidence(MaskgitCounts(), 4.5), walk, torch.full((1, length), MASK))) == expected
    prompted = torch.cat((torch.zeros(1, 3, dtype=torch.int64), torch.full((1, length), MASK)), 1)
    assert masks_left(walk_top(TopConfidence(MaskgitCounts(), 4.5), walk, prompted)) == expected


def test_maskgit_does_not_take_the_end_of_a_phase_for_the_end():
    left = masks_left(walk_top(TopConfidence(MaskgitCounts()), steps(Draft(), 64, Linear()), torch.full((1, 32), MASK)))
    assert left[27] == 4 and left[-1] == 0


def transfer_counts(masks, n):
    """LLaDA's `get_num_transfer_tokens`: spread evenly, the remainder one each from the start."""
    return [masks // n + (i < masks % n) for i in range(n)]


@pytest.mark.parametrize(("masks", "n"), [(10, 4), (32, 32), (32, 64), (7, 3), (5, 5), (1, 4), (33, 8)])
def test_llada_transfers_evenly_with_the_remainder_first(masks, n):
    assert transfer_counts(10, 4) == [3, 3, 2, 2]
    tokens = torch.cat((torch.zeros(1, 2, dtype=torch.int64), torch.full((1, masks), MASK)), 1)
    records = walk_top(TopConfidence(EvenCounts()), steps(Uniform(), n, Linear()), tokens)
    assert [int(record.decoded.sum()) for record in records] == transfer_counts(masks, n)


@pytest.mark.parametrize("k", [1, 4])
def test_remdm_on_llada_drafts_28_revises_32_times_and_completes_4(k):
    tokens = torch.cat((torch.zeros(1, 5, dtype=torch.int64), torch.full((1, 32), MASK)), 1)
    records = walk_top(TopConfidence(EvenCounts(), swaps=k), steps(Draft(), 64, Linear()), tokens)
    assert [int(record.remasked.sum()) for record in records] == [0] * 28 + [k] * 32 + [0] * 4
    assert [int(record.decoded.sum()) for record in records] == [1] * 28 + [k] * 32 + [1] * 4
    assert masks_left(records) == [*range(31, 3, -1), *[4] * 32, 3, 2, 1, 0]
    assert records[30].sigma[0].tolist() == pytest.approx([k / 28] * 37) and records[0].sigma.max() == 0


def test_the_least_sure_by_psi_are_swapped_and_the_prompt_never():
    state = half_decoded(8)  # positions 1, 2, 3 are decoded, 0 is given
    state.psi[0, 1:4] = torch.tensor([0.7, 0.2, 0.4])
    held = Step(0, 0.5, 0.5, 0.5, 0.5, alpha_goal=0.5)
    for k, expected in ((1, [2]), (2, [2, 3]), (7, [1, 2, 3])):
        record = TopConfidence(EvenCounts(), swaps=k)(Fixed(P), state, held, Noise([1]))
        assert record.remasked[0].nonzero()[:, 0].tolist() == expected
        assert record.after.tokens[0, 0] == 1 and record.decoded.sum() == len(expected)


def test_dfm_on_llada_remasks_one_and_decodes_two_at_every_step():
    transition = TopConfidence(EvenCounts(), swaps=1, held_only=False)
    records = walk_top(transition, steps(Uniform(), 8, Linear()), torch.full((1, 8), MASK))
    assert [int(record.remasked.sum()) for record in records] == [0, 1, 1, 1, 1, 1, 1, 1]
    assert [int(record.decoded.sum()) for record in records] == [1, 2, 2, 2, 2, 2, 2, 2]
    assert masks_left(records)[-1] == 0


SURE = torch.tensor([0.6, 0.9999, 0.7, 0.9998, 0.8, 0.9997], dtype=torch.float64)
EACH = torch.stack((SURE, 1 - SURE, torch.zeros(6), torch.zeros(6)), -1)[None]


def test_the_surest_are_kept():
    record = walk_top(TopConfidence(EvenCounts()), steps(Uniform(), 2, Linear()), torch.full((1, 6), MASK), EACH)[0]
    assert record.decoded.tolist() == [[False, True, False, True, False, True]]
    assert record.after.psi[record.decoded].tolist() == pytest.approx([0.9999, 0.9998, 0.9997])


def test_choice_noise_scrambles_the_order_and_fades_with_time():
    """It is scaled by the share of steps that are left: at s = 0 the order is that of confidence again."""
    tokens = torch.full((1, 6), MASK)
    chosen = {0.9: set(), 0.0: set(), "plain": set()}
    for seed in range(12):
        for s, c, key in ((0.9, 20.0, 0.9), (0.0, 20.0, 0.0), (0.0, 0.0, "plain")):
            step = Step(0, 1.0, s, 0.5, 0.5, left=2)
            record = walk_top(TopConfidence(EvenCounts(), c), [step], tokens, EACH, seed)[0]
            chosen[key].add((seed, tuple(record.decoded[0].tolist())))
    assert chosen[0.0] == chosen["plain"]
    assert len({places for _, places in chosen[0.9]}) > 6


def test_swaps_are_a_whole_number():
    with pytest.raises(ValueError, match=r"swaps must be a whole number, got 1\.5"):
        TopConfidence(EvenCounts(), swaps=1.5)
