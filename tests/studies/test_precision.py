"""32-bit noise on a language that is known exactly."""

import csv

import numpy as np
import pytest
import torch

from remdm.cli import main
from remdm.sampling.noise import Noise
from remdm.studies import precision
from remdm.studies.precision import apart, language, literal, noise


def perplexity(spoken, words) -> tuple[float, float]:
    """With the reach of its 95% interval in nats."""
    nats = -spoken.log_p[words]
    return float(np.exp(nats.mean())), 1.96 * nats.std() / len(nats) ** 0.5


def test_the_language_is_one():
    spoken = language()
    assert spoken.counts.sum() == 50_257 and (spoken.counts * spoken.each).sum() == pytest.approx(1)
    assert np.exp(spoken.log_p).sum() == pytest.approx(1) and (np.diff(spoken.each) < 0).all()
    assert spoken.entropy == pytest.approx(-(np.exp(spoken.log_p) * spoken.log_p).sum())


@pytest.mark.parametrize("bits", [32, 64])
def test_the_best_of_many_is_drawn_from_its_exact_law(bits):
    """Against the noise of each of n words drawn by itself: quantiles of the smallest E agree."""
    n, rows = 500, 4000
    rng = np.random.default_rng(1)
    uniform = rng.integers(2**24, size=(rows, n)) / 2.0**24 if bits == 32 else rng.random((rows, n))
    dtype = np.float32 if bits == 32 else np.float64
    direct = (dtype(1e-10) - np.log(uniform.astype(dtype) + dtype(1e-10))).min(axis=1)
    quick = noise(np.random.default_rng(2), np.array([n]), rows, bits)[:, 0]
    for share in (0.1, 0.5, 0.9):  # min of n has about an exponential law: its quantiles are known to 1/sqrt(rows)
        assert np.mean(quick <= np.quantile(direct, share)) == pytest.approx(share, abs=0.04)
    assert quick.dtype == dtype


def test_in_32_bits_no_noise_is_rarer_than_one_in_two_to_the_24():
    smallest = noise(np.random.default_rng(0), np.array([10**9]), 1000, 32).min()
    assert 5e-8 < smallest < 7e-8
    assert noise(np.random.default_rng(0), np.array([10**9]), 1000, 64).min() < 1e-9


def test_small_steps_and_32_bits_look_like_quality():
    spoken, true = language(), np.exp(language().entropy)
    short = perplexity(spoken, literal(spoken, 512, 2048, 32, 0))
    right = perplexity(spoken, literal(spoken, 512, 2048, 64, 0))
    assert short[0] * np.exp(short[1]) < true * 0.7
    assert abs(np.log(right[0] / true)) < 2 * right[1]


def test_the_words_alone_are_drawn_as_this_app_draws_them():
    """By rank, against the app's own draw on the same language, in 32 bits."""
    spoken, rows = language(300, 6), 6000
    log_x = torch.from_numpy(spoken.log_p).expand(rows, -1)
    theirs = Noise((7,), 32).draw(log_x, torch.ones(1, rows, dtype=torch.bool)).numpy()
    ours = apart(spoken, 16, rows, 32, 0)
    edges = [*spoken.first, 300]
    shares = [np.histogram(words, edges)[0] / rows for words in (theirs, ours)]
    assert shares[0] == pytest.approx(spoken.counts * spoken.each, abs=0.03)
    assert shares[1] == pytest.approx(spoken.counts * spoken.each, abs=0.03)


def test_the_command_draws_nothing_twice(tmp_path, monkeypatch, capsys):
    asked = ["precision", "--steps", "4", "8", "--samples", "1", "--out", str(tmp_path)]
    main(asked)
    rows = list(csv.DictReader((tmp_path / "precision.csv").open(encoding="utf-8")))
    assert len(rows) == 8 and {row["bits"] for row in rows} == {"32", "64"}
    monkeypatch.setattr(precision, "DRAWN", dict.fromkeys(precision.DRAWN))
    main(asked)
    assert list(csv.DictReader((tmp_path / "precision.csv").open(encoding="utf-8"))) == rows
    assert "(true 2433.99)" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["precision", "--samples", "0"])
