"""Small forwards keep to one thread, large ones take what torch was set to, and nobody's setting is changed."""

import pytest
import torch

from remdm.models import threads
from remdm.models.network import Network, NetworkDenoiser
from remdm.models.threads import FEW, fitting, operations


class Noted(Network):
    """One weight for each token id; notes the threads of its forwards."""

    def __init__(self, weights):
        super().__init__()
        self.weights, self.seen = torch.nn.Parameter(torch.zeros(weights)), []

    def hidden(self, tokens):
        self.seen.append(torch.get_num_threads())
        return torch.zeros(*tokens.shape, 4)

    def head(self, hidden):
        self.seen.append(torch.get_num_threads())
        return hidden


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(threads, "_most", lambda: 2)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.mark.parametrize("length, wanted", [(8, 1), (int(FEW) // 2000, 1), (int(FEW) // 2000 + 1, 2)])
def test_by_the_operations_of_a_forward(two, length, wanted):
    network, tokens = Noted(1000), torch.zeros(1, length, dtype=torch.int64)
    assert operations(network, tokens) == 2000 * length
    with fitting(network, tokens):
        assert torch.get_num_threads() == wanted
    assert torch.get_num_threads() == 2


def test_a_denoiser_asks_its_network_so(two):
    network, tokens = Noted(10), torch.full((1, 6), 3)
    NetworkDenoiser(network, 3)(tokens, tokens == 3, 0.5)
    assert set(network.seen) == {1} and torch.get_num_threads() == 2


def test_a_large_forward_in_a_thread_that_was_born_during_a_small_one_has_all(two):
    torch.set_num_threads(1)
    with fitting(Noted(1000), torch.zeros(1, int(FEW) // 1000, dtype=torch.int64)):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 1


def test_a_fault_changes_nobodys_setting(two):
    with pytest.raises(RuntimeError), fitting(Noted(1), torch.zeros(1, 1)):
        raise RuntimeError
    assert torch.get_num_threads() == 2
