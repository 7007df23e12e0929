"""Batches of training data: rows held on the device and drawn there, and batches made ahead by a thread."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


@lru_cache(4)
def _order(count: int, turn: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(turn))


def places(count: int, index: int, size: int) -> Tensor:
    """Which of `count` rows batch `index` has, int64 `[size]`: a new random order in each pass over the rows."""
    wanted = torch.arange(index * size, (index + 1) * size)
    turns = wanted // count
    drawn = [_order(count, turn)[wanted[turns == turn] % count] for turn in range(int(turns[0]), int(turns[-1]) + 1)]
    return torch.cat(drawn)


class PackedRows:
    """Rows of ids `[N, L]` that stay on the device; `(index, size)` gives a batch of them, int64 `[size, L]`."""

    def __init__(self, ids: np.ndarray, device: torch.device) -> None:
        self.ids = torch.from_numpy(ids.astype(np.int32)).to(device)

    def __call__(self, index: int, size: int) -> Tensor:
        chosen = places(len(self.ids), index, size)
        return self.ids[chosen.to(self.ids.device, non_blocking=True)].long()


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
