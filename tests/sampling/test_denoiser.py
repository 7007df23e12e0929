"""SUBS, truncation, and the cache that counts network calls."""

import pytest
import torch

from remdm.models.ideal import letters
from remdm.sampling import nucleus as nuclei
from remdm.sampling.cached import Cached
from remdm.sampling.denoiser import Denoiser, Truncated, Truncation, Widened, subs
from remdm.sampling.nucleus import nucleus

FOUR = torch.tensor([[0.5, 0.3, 0.15, 0.05]], dtype=torch.float64).log()


def test_subs_gives_the_mask_no_mass():
    logits = torch.tensor([[1.0, 2.0, 50.0, 0.5], [0.0, 0.0, -3.0, 0.0]])
    p = subs(logits, 2).exp()
    assert p[:, 2].tolist() == [0.0, 0.0]
    assert p.sum(-1).tolist() == pytest.approx([1.0, 1.0])
    assert p[1].tolist() == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3]) and p[0, 1] / p[0, 0] == pytest.approx(torch.e)


@pytest.mark.parametrize(
    ("p", "keep", "expected"),
    [
        (0.9, False, [0.625, 0.375, 0, 0]),
        (0.9, True, [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]),
        (0.8, False, [0.625, 0.375, 0, 0]),  # .5 + .3 is .8 itself: not over it
        (0.3, False, [1, 0, 0, 0]),  # the likeliest stays, whatever p
        (0.3, True, [1, 0, 0, 0]),
        (0.6, True, [0.625, 0.375, 0, 0]),
    ],
)
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 0, 3, 1]])
def test_nucleus_conventions(p, keep, expected, order):
    got = nucleus(FOUR[:, order], p, keep).exp()[0]
    assert got.tolist() == pytest.approx([expected[i] for i in order], abs=1e-12)


def sorted_nucleus(log_x, p, keep):
    """The plain way: sort the vocabulary, cut, renormalise, put back."""
    ordered, ids = log_x.double().sort(dim=-1, descending=True, stable=True)
    reached = ordered.exp().cumsum(-1)
    kept = (reached - ordered.exp() < p) if keep else (reached <= p + 1e-6)
    kept[:, 0] = True
    cut = ordered.where(kept, -torch.inf).log_softmax(-1)
    return torch.empty_like(ordered).scatter_(1, ids, cut).to(log_x.dtype)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("size", [41, 613, 5000])
def test_a_nucleus_found_without_sorting_is_the_sorted_one(size, p, keep, monkeypatch):
    """Rows from a single sure token to nearly flat, most of them in bfloat16, where many tokens are equally likely."""
    logits = torch.randn(24, size, generator=torch.Generator().manual_seed(size))
    logits *= torch.logspace(-2, 1.5, 24)[:, None]
    logits[:18] = logits[:18].bfloat16().float()
    logits[0] = 0.0
    log_x = subs(logits, 3)
    expected = sorted_nucleus(log_x, p, keep)
    for at_once in (nuclei.AT_ONCE, 5 * size):
        monkeypatch.setattr(nuclei, "AT_ONCE", at_once)
        got = nucleus(log_x, p, keep)
        assert got.isfinite().equal(expected.isfinite()) and torch.allclose(got, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("truncation", [Truncation(), Truncation(0.7, 0.5, "keep"), Truncation(1.0, 2.0)])
def test_the_peak_is_that_of_the_truncated_distribution(truncation):
    log_x = subs(torch.randn(30, 500, generator=torch.Generator().manual_seed(1)) * 3, 0)
    assert torch.allclose(truncation.peak(log_x)[0], truncation(log_x).amax(-1), rtol=1e-6)
    ideal, tokens = letters(), torch.tensor([[18, 26, 26, 26, 26]])
    for made in (ideal, Truncated(ideal, truncation)):
        (log_p, ids), whole = made.peak(tokens, tokens == 26, 0.5), made(tokens, tokens == 26, 0.5)
        assert torch.allclose(log_p, whole.amax(-1)) and torch.allclose(whole.gather(1, ids[:, None])[:, 0], log_p)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_sum_that_rounding_pushed_over_p_is_still_inside(dtype):
    """0.5 + 0.4 in float32 is a little more than 0.9; the reference keeps two tokens."""
    log_x = torch.tensor([[0.5, 0.4, 0.1]], dtype=dtype).log()
    assert nucleus(log_x, 0.9, False).isfinite().tolist() == [[True, True, False]]


def test_truncation_is_named_by_its_convention():
    third = {name: float(Truncation(0.9, nucleus=name)(FOUR).exp()[0, 2]) for name in ("keep", "drop")}
    assert third == {"keep": pytest.approx(0.15 / 0.95), "drop": 0.0}
    assert Truncation() == Truncation(0.9, 1.0, "drop")


def test_temperature_is_a_power_and_comes_before_the_nucleus():
    squared = torch.tensor([0.25, 0.09, 0.0225, 0.0025]) / 0.365
    assert Truncation(1.0, 0.5)(FOUR).exp()[0].tolist() == pytest.approx(squared.tolist())
    assert Truncation(0.9, 0.5, "keep")(FOUR).exp()[0].tolist() == pytest.approx([0.25 / 0.34, 0.09 / 0.34, 0, 0])


def test_neutral_truncation_is_the_identity():
    ideal = letters()
    tokens = torch.tensor([[18, 26, 26, 26, 26]])
    rows = tokens == 26
    assert Truncated(ideal, Truncation(1.0, 1.0))(tokens, rows, 0.5).equal(ideal(tokens, rows, 0.5))
    assert nucleus(FOUR, 1.0, False) is FOUR


@pytest.mark.parametrize(
    ("name", "bad"), [("nucleus_p", 0.0), ("temperature", -0.1), ("nucleus", "both"), ("nucleus_p", float("nan"))]
)
def test_truncation_out_of_range_is_refused(name, bad):
    with pytest.raises(ValueError, match=f"{name} must .* got {bad}"):
        Truncation(**{name: bad})


class Hashing(Denoiser):
    """A deterministic stand-in for a network: every output depends on its whole sequence, its position and time."""

    mask_id = 9

    def __init__(self, timed=False):
        self.timed = timed
        self.calls = []

    def __call__(self, tokens, rows, t):
        self.calls.append(len(tokens))
        code = (tokens * torch.tensor([1, 10, 100, 1000])).sum(1, keepdim=True) + torch.tensor([0.1, 0.2, 0.3, 0.4])
        values = torch.stack([torch.sin(code * (k + 1.7)) for k in range(3)], -1) + (t if self.timed else 0.0)
        return values[rows]


@pytest.mark.parametrize("timed", [False, True])
def test_a_cache_changes_nothing(timed):
    """Random walks of tokens and wanted rows: each answer equals the network's own, in the same order."""
    generator = torch.Generator().manual_seed(4)
    cached, plain = Cached(Hashing(timed)), Hashing(timed)
    tokens = torch.full((3, 4), 9)
    for turn in range(60):
        rows = torch.rand(3, 4, generator=generator) < 0.4
        rows[turn % 3] = False
        if turn % 4 == 3:
            tokens = tokens.clone()
            tokens[turn % 3, int(torch.randint(4, (), generator=generator))] = turn % 7
        if rows.any():
            assert cached(tokens, rows, turn / 60).equal(plain(tokens, rows, turn / 60))
    assert sum(cached.denoiser.calls) == cached.forwards.sum() < sum(plain.calls)


def test_calls_are_counted_for_each_sequence():
    cached = Cached(Hashing())
    tokens = torch.full((2, 4), 9)
    every, first = torch.ones(2, 4, dtype=torch.bool), torch.zeros(2, 4, dtype=torch.bool)
    first[0] = True
    counts = []
    for ask in (first, first, every, every, first):
        cached(tokens.clone(), ask, 0.5)
        counts.append(cached.forwards)
    changed = tokens.clone()
    changed[1, 2] = 4
    cached(changed, every, 0.4)
    counts.append(cached.forwards)
    assert [count.tolist() for count in counts] == [[1, 0], [1, 0], [1, 1], [1, 1], [1, 1], [1, 2]]


def test_a_timed_network_is_asked_at_every_time_once():
    cached, plain = Cached(Hashing(timed=True)), Hashing(timed=True)
    tokens, every = torch.full((2, 4), 9), torch.ones(2, 4, dtype=torch.bool)
    first = every & torch.tensor([[True], [False]])
    for t in (0.9, 0.6, 0.3):
        for rows in (every, first) if t == 0.9 else (first, every, first):
            assert cached(tokens, rows, t).equal(plain(tokens, rows, t))
    assert cached.forwards.tolist() == [3, 3]


def test_widening_asks_once_for_every_masked_position():
    cached, plain = Cached(Hashing()), Hashing()
    tokens = torch.tensor([[9, 1, 9, 9], [9, 9, 2, 9]])
    wide, first = Widened(cached), torch.tensor([[True, False, False, False], [False] * 4])
    assert wide(tokens, first, 0.5).equal(plain(tokens, first, 0.5))
    assert wide(tokens, tokens == 9, 0.5).equal(plain(tokens, tokens == 9, 0.5))
    assert wide(tokens, tokens == 1, 0.5).equal(plain(tokens, tokens == 1, 0.5)), "a decoded position may be wanted too"
    assert cached.denoiser.calls == [2, 1]
