"""What crosses between the host and a card, on a card that is pretended (`pretended.py`); tests/gpu has a real one."""

import copy

import pytest
import torch
from pretended import CUDA, Card, moved

from remdm.models.dit import DiT, DiTConfig
from remdm.models.network import NetworkDenoiser
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.runs.frames import Recorded
from remdm.sampling import noise
from remdm.sampling.methods import run, settings
from remdm.sampling.presets import METHODS

LENGTH, MASK = 12, 22


def networks():
    torch.manual_seed(0)
    yield PlainTransformer(TransformerConfig(23, LENGTH, 16, 2, 2))
    dit = DiT(DiTConfig(23, LENGTH, 16, 8, 2, 2))
    torch.nn.init.normal_(dit.output_layer.linear.weight)
    yield dit


NETWORKS = {type(each).__name__: each.eval().requires_grad_(False) for each in networks()}


@pytest.fixture
def pretended(monkeypatch):
    """What a machine without CUDA cannot do by itself: pin memory, and have a generator there."""
    monkeypatch.setattr(torch.cuda, "_lazy_init", lambda: None)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    monkeypatch.setattr(NetworkDenoiser, "__call__", torch.no_grad()(NetworkDenoiser.__call__.__wrapped__))
    real = torch.Generator
    monkeypatch.setattr(noise, "Generator", lambda device="cpu": real())


def walk(network, sampler, watch):
    """A function that takes the next step of a run of two, with its frames if it is watched."""
    denoiser = NetworkDenoiser(network, MASK)
    running = run(denoiser, settings(sampler, 6), torch.full((2, LENGTH), MASK), (1, 2), watch=watch)
    records = iter(running)

    def step():
        made = next(records, None)
        if watch and made is not None:
            whole = Recorded(made)
            for row in range(2):
                whole.frame(row, int(running.forwards[row]))
        return made

    return step


EVERY_NETWORK = [(name, "remdm-loop") for name in NETWORKS]
EVERY_SAMPLER = [("PlainTransformer", sampler) for sampler in METHODS if sampler != "remdm-loop"]


@pytest.mark.parametrize(("name", "sampler"), EVERY_NETWORK + EVERY_SAMPLER)
@pytest.mark.parametrize("watch", [False, True])
def test_a_step_waits_once_and_a_recorded_one_twice(name, sampler, watch, pretended):
    step = walk(moved(copy.deepcopy(NETWORKS[name])), sampler, watch)
    drawn = 0
    while True:
        with Card() as card:
            made = step()
        if made is None:
            break
        assert sum(card.waits.values()) <= 1 + watch, card.waits
        assert made.log_x is None or made.log_x.device == CUDA
        drawn += int(made.decoded.sum())
    assert drawn >= 2 * LENGTH


def test_waits_and_mixtures_are_seen(pretended):
    with Card() as card:
        x = torch.ones(3, device="cuda")
        assert x.device == CUDA and float(x.sum()) == 3 and x.cpu().tolist() == [1, 1, 1]
        assert card.waits.total() == 2
        with pytest.raises(RuntimeError, match="mixes tensors"):
            x + torch.ones(3)
