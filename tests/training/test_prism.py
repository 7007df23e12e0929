"""A head that scores tokens: what it is trained on, its file, and that its score comes with x_theta."""

from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from remdm.models.checkpoints import Checkpoint
from remdm.models.network import Compute, NetworkDenoiser
from remdm.models.prism import CONFIG, Prism, PrismConfig, load_prism, save_prism
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.sampling.cached import Cached
from remdm.sampling.denoiser import Widened
from remdm.training.batches import Data, leading
from remdm.training.loop import Recipe
from remdm.training.prism import FILLINGS, auc, filled, heldout_scores, train_prism

MASK, LENGTH = 0, 6
CPU = Compute(torch.device("cpu"), torch.float32, "the tests")


def network():
    torch.manual_seed(0)
    shape = TransformerConfig(8, LENGTH, width=16, depth=2, heads=2, recall_heads=1, absolute=True)
    return PlainTransformer(shape).eval().requires_grad_(False)


def head(seed=1):
    torch.manual_seed(seed)
    return Prism(PrismConfig(16, width=8, heads=2)).eval().requires_grad_(False)


def batch(index, size):
    """Sequences that count up from a number."""
    first = torch.randint(1, 3, (size, 1), generator=torch.Generator().manual_seed(index))
    return first + torch.arange(LENGTH)


DATA = Data(batch, batch(999, 64), leading(1))


def test_some_masks_are_filled_by_the_network_and_all_else_is_the_truth():
    x = batch(0, 40)
    x_s, rows = filled(network(), x, DATA, MASK, torch.Generator().manual_seed(0))
    clean = x.repeat(FILLINGS, 1)
    assert x_s.shape == rows.shape == (FILLINGS * 40, LENGTH)
    share = rows.sum(1) / ((x_s == MASK) | rows).sum(1).clamp(min=1)
    assert share.max() == 1 and 0.4 < share[share > 0].mean() < 0.9 and not rows[:, 0].any()
    assert (x_s[rows] != MASK).all() and (x_s[rows] != clean[rows]).any()
    others = ~rows & (x_s != MASK)
    assert x_s[others].equal(clean[others])
    masks = (x_s == MASK).view(FILLINGS, 40, LENGTH) | rows.view(FILLINGS, 40, LENGTH)
    assert all(each.equal(masks[0]) for each in masks), "of one x_t, other masks are filled each time"
    assert not rows.view(FILLINGS, 40, LENGTH)[0].equal(rows.view(FILLINGS, 40, LENGTH)[1])


def test_the_auc_is_the_chance_of_the_right_order():
    scores, wrong = torch.tensor([0.1, 0.4, 0.35, 0.8, 0.4]), torch.tensor([True, True, False, False, False])
    assert auc(scores, wrong) == pytest.approx((3 + 1 + 0.5) / 6)
    assert auc(-scores, wrong) == pytest.approx(1 - auc(scores, wrong))


def denoiser(**more):
    return NetworkDenoiser(network(), MASK, **more)


def test_a_score_comes_with_x_theta_out_of_one_evaluation():
    tokens, headed = batch(3, 3), denoiser(prism=head())
    tokens[0, 2:4], tokens[1, 5] = MASK, MASK
    rows = tokens == MASK
    counted = Cached(headed)
    log_x, odds = Widened(counted).scores(tokens, rows, 0.5)
    torch.testing.assert_close(log_x, headed(tokens, rows, 0.5))
    torch.testing.assert_close(odds[:2], head()(network().hidden(tokens))[:2])
    assert counted.forwards.tolist() == [1, 1, 0], "a sequence of which nothing is wanted is not asked"
    torch.testing.assert_close(counted(tokens, rows, 0.5), log_x)
    assert counted.forwards.tolist() == [1, 1, 0], "what is asked after it comes from memory"
    again = Cached(headed)
    again(tokens, rows, 0.5)
    torch.testing.assert_close(again.scores(tokens, rows, 0.5)[1][:2], odds[:2])
    assert again.forwards.tolist() == [2, 2, 0], "what was asked before without a score has to be asked again"
    tokens = tokens.clone()
    tokens[1, 0] = 7
    torch.testing.assert_close(again.scores(tokens, rows, 0.5)[1][0], odds[0])
    assert again.forwards.tolist() == [2, 3, 0]


def test_a_model_without_a_head_says_so():
    assert denoiser(prism=head()).scored and not denoiser().scored
    with pytest.raises(ValueError, match="has no head"):
        denoiser().scores(batch(0, 1), torch.ones(1, LENGTH, dtype=torch.bool), 0.5)


def test_a_head_comes_back_from_its_files(tmp_path):
    assert load_prism(tmp_path, CPU.device) is None
    save_prism(tmp_path, head(), {"minutes": 1})
    load_prism.cache_clear()
    hidden = network().hidden(batch(1, 2))
    torch.testing.assert_close(load_prism(tmp_path, CPU.device)(hidden), head()(hidden), rtol=0.01, atol=0.01)
    (tmp_path / CONFIG).write_text("{}")
    load_prism.cache_clear()
    with pytest.raises(ValueError, match=r"prism.safetensors does not fit its prism.json"):
        load_prism(tmp_path, CPU.device)


def test_training_writes_a_head_that_knows_more_than_the_share(tmp_path, monkeypatch):
    """A network that writes anything: what counts up is right. The clock stands for the steps."""
    clock = iter(range(10**6))
    monkeypatch.setattr("remdm.training.timed.time.monotonic", lambda: float(next(clock)))
    checkpoint = Checkpoint("toy", denoiser(), Tokenizer(WordLevel({"a": 0}, "a")), MASK, LENGTH, CPU)
    train_prism(tmp_path, Recipe(minutes=5, batch=16, other_rate=0.01), checkpoint, DATA)
    load_prism.cache_clear()
    trained = load_prism(tmp_path, CPU.device)
    found = heldout_scores(network(), trained, DATA, MASK)
    assert found["nats"] < 0.9 * found["bare_nats"] and found["auc"] > 0.75
    assert replace(checkpoint.denoiser, prism=trained).scored
