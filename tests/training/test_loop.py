"""The training loop: its loss in fixed shapes is exact, Muon is Muon, a resumed run goes on where it stopped."""

from functools import partial

import pytest
import torch

from remdm.models.network import Compute
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.sampling.nelbo import corrupt, cross_entropies, stratified_times
from remdm.training.batches import PackedRows, places
from remdm.training.loop import Recipe, Run, Task, train
from remdm.training.objective import Objective, most_masked, wanted
from remdm.training.optimisers import Muon

CPU = Compute(torch.device("cpu"), torch.float32, "the tests")
MASK = 0


def network(seed: int = 0) -> PlainTransformer:
    torch.manual_seed(seed)
    return PlainTransformer(TransformerConfig(8, 6, width=16, depth=2, heads=2, recall_heads=1, absolute=True))


def task(exported: list | None = None) -> Task:
    ids = torch.randint(1, 8, (40, 6), generator=torch.Generator().manual_seed(3))
    keep = [] if exported is None else exported
    given = lambda tokens: (torch.arange(6) < 1).expand(tokens.shape)
    batch = PackedRows(ids.numpy(), torch.device("cpu"))
    return Task(network(), batch, ids[:8], MASK, lambda average, about: keep.append(about), given)


def test_the_loss_is_the_mean_over_rows_of_the_mean_over_masks():
    generator, model = torch.Generator().manual_seed(1), network()
    x = torch.randint(1, 8, (32, 6), generator=generator)
    z = corrupt(x, 1.0 - stratified_times(32, generator), MASK, generator)
    losses = cross_entropies(lambda z, rows: model(z)[rows], x, z, MASK)
    masked = z == MASK
    exact = (losses / masked.sum(1)[masked.nonzero()[:, 0]]).sum() / 32
    got = Objective(model, MASK)(x, z, *wanted(z, MASK, most_masked(32, 6)))
    assert got.item() == pytest.approx(exact.item(), rel=1e-5)


def test_no_batch_has_more_masks_than_there_is_room_for():
    generator = torch.Generator().manual_seed(2)
    for batch, free in ((16, 34), (256, 7), (1, 5)):
        x = torch.ones(batch, free, dtype=torch.long)
        room = most_masked(batch, free)
        for _ in range(300):
            z = corrupt(x, 1.0 - stratified_times(batch, generator), MASK, generator)
            assert int((z == MASK).sum()) <= room <= batch * free


def test_muon_is_the_one_of_torch():
    generator = torch.Generator().manual_seed(0)
    first = [torch.nn.Parameter(torch.randn(*shape, generator=generator)) for shape in ((8, 4), (4, 4), (8, 4), (4, 8))]
    again = [torch.nn.Parameter(each.detach().clone()) for each in first]
    ours, theirs = Muon(first, lr=0.02), torch.optim.Muon(again, lr=0.02, weight_decay=0.0)
    for _ in range(3):
        for one, other in zip(first, again, strict=True):
            one.grad = torch.randn(one.shape, generator=generator)
            other.grad = one.grad.clone()
        ours.step(), theirs.step()
    for one, other in zip(first, again, strict=True):
        assert torch.allclose(one, other, atol=1e-3)


def test_each_pass_has_every_row_once_in_an_order_of_its_own():
    drawn = torch.cat([places(10, index, 4) for index in range(5)])
    assert sorted(drawn[:10].tolist()) == sorted(drawn[10:].tolist()) == list(range(10))
    assert drawn[:10].tolist() != drawn[10:].tolist()


def test_a_resumed_run_takes_the_steps_that_an_unbroken_one_takes(tmp_path):
    recipe = Recipe(1.0, 8)
    whole, part = (Run(task(), recipe, tmp_path / name, CPU) for name in ("whole", "part"))
    step = partial(lambda run: (run.advance(), setattr(run, "seconds", run.seconds + 1)))
    for _ in range(6):
        step(whole)
    for _ in range(3):
        step(part)
    part.save()
    part.written()
    resumed = Run(task(), recipe, tmp_path / "part", CPU)
    assert resumed.step == 3 and resumed.seconds == 3
    for _ in range(3):
        step(resumed)
    for one, other in zip(whole.average.parameters(), resumed.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_training_ends_with_its_time_and_leaves_weights_on_the_way(tmp_path, capsys):
    exported: list[dict] = []
    train(task(exported), Recipe(0.01, 8, snapshots=(0.5,)), tmp_path / "training", CPU)
    assert exported[-1]["minutes"] >= 0.01 and exported[-1]["step"] > 0
    assert (tmp_path / "model-50.safetensors").is_file() and (tmp_path / "training" / "training.pt").is_file()
    assert "held-out" in capsys.readouterr().out
