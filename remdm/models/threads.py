"""How many of torch's threads a forward takes on a CPU.

A small forward is hundreds of operations of microseconds each, behind every one of which its threads wait for each
other. On two idle cores that gains little; with another busy process one of them is always late, and the forward
takes many times as long. So small ones keep to one thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

FEW = 3e9
"""Operations of a forward, two for each weight and position, up to which it keeps to one thread."""
_weights: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()


@cache
def _most() -> int:
    """What torch was set to when the first forward of the process came."""
    return torch.get_num_threads()


def operations(network: nn.Module, tokens: Tensor) -> int:
    """Of a forward of ids `[B, L]`, about."""
    if network not in _weights:
        _weights[network] = sum(weight.numel() for weight in network.parameters())
    return 2 * _weights[network] * tokens.numel()


@contextmanager
def fitting(network: nn.Module, tokens: Tensor) -> Iterator[None]:
    """So many threads of torch as suit a forward of ids `[B, L]`; afterwards as many as before."""
    most = _most()  # before anything is changed
    wanted = 1 if operations(network, tokens) <= FEW else most
    if wanted == (before := torch.get_num_threads()):
        yield
        return
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)
