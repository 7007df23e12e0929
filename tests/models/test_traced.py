"""A recorded forward: the same bits, whatever comes, and torch's own operators where they would not be."""

import copy
import pickle
import threading
from dataclasses import replace

import pytest
import torch

from remdm.models.accelerated import accelerated
from remdm.models.checkpoints import load_embedded
from remdm.models.network import compute
from remdm.models.square_transformer import GridConfig, GridTransformer
from remdm.models.threads import FEW, operations
from remdm.models.traced import WARM_UP, Traced
from remdm.models.transformer import PlainTransformer, TransformerConfig

CPU = replace(compute("cpu"), backend="")


def small(dtype=torch.float32):
    torch.manual_seed(0)
    return PlainTransformer(TransformerConfig(23, 12, 32, 3, 2)).to(dtype).eval().requires_grad_(False)


def grid(dtype=torch.float32):
    torch.manual_seed(0)
    network = GridTransformer(GridConfig(codes=20, kinds=3, grid=4, fine=8, width=16, depth=2, heads=2))
    return network.to(dtype).eval().requires_grad_(False)


def ids(batch, network):
    if isinstance(network, GridTransformer):
        front = 21 + torch.randint(3, (batch, network.config.conditions))
        return torch.cat((front, torch.randint(21, (batch, network.config.length))), dim=1)
    return torch.randint(23, (batch, network.config.length))


def warm(ours, network):
    for _ in range(WARM_UP + 1):
        ours.hidden(ids(1, network))


@pytest.mark.parametrize("make", [small, grid])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_a_recording_gives_the_same_bits_for_any_ids_and_batches(make, dtype):
    network = make(dtype)
    ours = Traced(network)
    warm(ours, network)
    for batch in (1, 1, 3, 3, 2, 3, 1):
        tokens = ids(batch, network)
        assert ours.hidden(tokens).equal(network.hidden(tokens))
        assert ours(tokens).equal(network(tokens))
    assert set(ours.same) == {(batch, tokens.shape[1]) for batch in (1, 2, 3)} and all(ours.same.values())


@torch.inference_mode()
def test_a_short_run_records_nothing():
    network = small()
    ours = Traced(network)
    for _ in range(WARM_UP):
        ours.hidden(ids(1, network))
    assert ours.same == {}
    ours.hidden(ids(1, network))
    assert ours.same == {(1, 12): True}


@torch.inference_mode()
def test_weights_that_are_loaded_later_are_read():
    network = small()
    ours = Traced(network)
    warm(ours, network)
    torch.manual_seed(1)
    network.load_state_dict(PlainTransformer(network.config).state_dict())
    tokens = ids(1, network)
    assert ours.hidden(tokens).equal(network.hidden(tokens))


class Fickle(PlainTransformer):
    """Looks at its ids, which a recording does not: it says that it may be recorded and may not."""

    def hidden(self, tokens):
        made = super().hidden(tokens)
        return made if tokens[0, 0] else 2 * made


@torch.inference_mode()
def test_a_shape_of_which_the_recording_makes_something_else_is_computed_as_ever():
    network = Fickle(TransformerConfig(23, 12, 32, 3, 2)).eval().requires_grad_(False)
    ours = Traced(network)
    one, other = torch.ones(1, 12, dtype=torch.long), torch.zeros(2, 12, dtype=torch.long)
    for _ in range(WARM_UP + 1):
        ours.hidden(one)
    for _ in range(2):
        assert ours.hidden(other).equal(network.hidden(other))
    assert ours.same == {(1, 12): True, (2, 12): False}


@torch.inference_mode()
def test_what_takes_long_by_itself_is_not_recorded():
    network = small()
    ours = Traced(network)
    warm(ours, network)
    many = ids(int(FEW / operations(network, ids(1, network))) + 1, network)
    assert ours.hidden(many).equal(network.hidden(many))
    assert set(ours.same) == {(1, 12)}


def test_gradients_flow_as_ever():
    network = small().requires_grad_(True)
    ours = Traced(network)
    for _ in range(WARM_UP + 2):
        ours(ids(1, network)).sum().backward()
    assert ours.same == {} and network.embedding.weight.grad.abs().sum() > 0


@torch.inference_mode()
def test_many_threads_get_what_one_gets():
    network = small()
    ours, tokens = Traced(network), ids(4, network)
    expected, wrong = network.hidden(tokens), []

    def ask():
        with torch.inference_mode():
            wrong.extend(not ours.hidden(tokens).equal(expected) for _ in range(2 * WARM_UP))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(wrong) == 8 * WARM_UP and not any(wrong) and ours.same == {(4, 12): True}


@torch.inference_mode()
def test_a_copy_and_one_that_was_sent_record_anew():
    network = small()
    ours, tokens = Traced(network), ids(1, network)
    warm(ours, network)
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert other.same == {} and other.hidden(tokens).equal(ours.hidden(tokens))
        assert sum(each.numel() for each in other.parameters()) == sum(each.numel() for each in network.parameters())


def test_embedded_models_are_recorded_on_a_cpu_and_foreign_ones_are_not():
    assert isinstance(load_embedded("countdown", CPU).denoiser.network, Traced)
    assert isinstance(accelerated(small(), CPU), Traced)
    foreign = small()
    foreign.traceable = False
    assert accelerated(foreign, CPU) is foreign
