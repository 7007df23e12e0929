"""What a network is trained on, and batches of it made ahead by a thread."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Data:
    """Clean tokens.

    Attributes:
        batch: (index, size) -> tokens int64 `[size, L]`, on any device; the same for the same index on every machine.
            A thread may call it.
        heldout: tokens `[N, L]` that no batch contains.
        given: tokens `[B, L]` -> the positions that are never masked, bool `[B, L]`: a condition, a prompt.
    """

    batch: Callable[[int, int], Tensor]
    heldout: Tensor
    given: Callable[[Tensor], Tensor] | None = None


def leading(count: int) -> Callable[[Tensor], Tensor]:
    """What says of sequences that their first `count` positions are given."""
    return lambda tokens: (torch.arange(tokens.shape[1], device=tokens.device) < count).expand(tokens.shape)


Batch = tuple[Tensor, Tensor | None]
"""Ids `[B, L]`, and the positions among them that are given, if any are, bool `[B, L]`."""


def made_ahead(make: Callable[[int], Batch], first: int, device: torch.device, ahead: int = 4) -> Iterator[Batch]:
    """Batches `first`, `first + 1` ... on the device; a thread makes the next ones while the device computes.

    On a CPU each is made when it is asked for: there a thread would take the time from the training.
    """

    def moved(tensor: Tensor | None) -> Tensor | None:
        if tensor is None or tensor.device == device:
            return tensor
        held = tensor.pin_memory() if device.type == "cuda" and tensor.device.type == "cpu" else tensor
        return held.to(device, non_blocking=True)

    def made(index: int) -> Batch:
        ids, given = (moved(part) for part in make(index))
        assert ids is not None
        return ids, given

    if device.type == "cpu":
        while True:
            yield made(first)
            first += 1
    with ThreadPoolExecutor(1) as thread:
        waiting: deque[Future[Batch]] = deque(thread.submit(made, first + place) for place in range(ahead))
        while True:
            first += 1
            yield waiting.popleft().result()
            waiting.append(thread.submit(made, first + ahead - 1))
