"""The training loop: its loss in fixed shapes is exact, Muon is Muon, a resumed run goes on where it stopped."""

import json
from dataclasses import replace
from functools import partial

import pytest
import torch
from safetensors.torch import load_file

from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.models.vocabulary import closed_tokenizer
from remdm.models.weights import load_weights
from remdm.sampling.nelbo import corrupt, cross_entropies, stratified_times
from remdm.training.batches import Data, leading
from remdm.training.loop import LOG, STATE, Recipe, Run, Task, train
from remdm.training.objective import Objective, most_masked, wanted
from remdm.training.optimisers import Muon

MASK = 0


def network(seed: int = 0) -> PlainTransformer:
    torch.manual_seed(seed)
    return PlainTransformer(TransformerConfig(8, 6, width=16, depth=2, heads=2, recall_heads=1, absolute=True))


def task() -> Task:
    ids = torch.randint(1, 8, (40, 6), generator=torch.Generator().manual_seed(3))
    batch = lambda index, size: ids[torch.arange(index * size, (index + 1) * size) % len(ids)]
    return Task(
        network(), Data(batch, ids[:8], leading(1)), closed_tokenizer(("<mask>",), "abcdefg"), {"of": "the tests"}
    )


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


@pytest.mark.parametrize("eight_bits", [False, True])
def test_a_model_is_exported_in_the_number_type_of_its_task(tmp_path, eight_bits):
    run = Run(replace(task(), eight_bits=eight_bits), Recipe(1.0, 8, device="cpu"), tmp_path)
    run.save()
    stored = load_file(tmp_path / "model.safetensors")["blocks.0.up.weight"]
    assert stored.dtype == (torch.int8 if eight_bits else torch.float16)
    read = load_weights(tmp_path / "model.safetensors")["blocks.0.up.weight"].float()
    wanted = run.average.state_dict()["blocks.0.up.weight"]
    assert torch.allclose(read, wanted, atol=wanted.abs().max().item() / 127)


def test_a_resumed_run_takes_the_steps_that_an_unbroken_one_takes(tmp_path):
    recipe = Recipe(1.0, 8, device="cpu")
    whole, part = (Run(task(), recipe, tmp_path / name) for name in ("whole", "part"))
    step = partial(lambda run: (run.advance(), setattr(run, "seconds", run.seconds + 1)))
    for _ in range(6):
        step(whole)
    for _ in range(3):
        step(part)
    part.save()
    resumed = Run(task(), recipe, tmp_path / "part")
    assert resumed.step == 3 and resumed.seconds == 3
    for _ in range(3):
        step(resumed)
    for one, other in zip(whole.average.parameters(), resumed.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_training_ends_with_its_time_and_leaves_weights_on_the_way(tmp_path, capsys):
    train(task(), Recipe(0.01, 8, device="cpu", snapshots=(0.5,)), tmp_path)
    about = json.loads((tmp_path / "config.json").read_text())["training"]
    assert about["minutes"] >= 0.01 and about["step"] > 0 and about["of"] == "the tests"
    assert about.items() >= json.loads((tmp_path / "training" / LOG).read_text().splitlines()[-1]).items()
    assert (tmp_path / "model-50.safetensors").is_file() and (tmp_path / "training" / STATE).is_file()
    assert "held-out" in capsys.readouterr().out
