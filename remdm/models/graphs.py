"""CUDA graphs: a forward of a fixed shape is recorded once and replayed, one launch in place of hundreds.

At the sizes of the embedded models, and at one sequence of a large one, launches take longer than what they launch.
"""

import threading
from dataclasses import dataclass

import torch
from torch import Tensor

from remdm.models.network import Accelerated, Network
from remdm.sampling.transfer import picked

POSITIONS = 4096
"""Of a forward: larger ones keep a card busy by themselves."""
WARM_UP = 3
"""Forwards before the recording: libraries choose their kernels in the first ones."""


@dataclass(frozen=True)
class _Recording:
    """A graph, the ids `[B, L]` that it reads, and what it writes, `[B, L, D]`."""

    graph: torch.cuda.CUDAGraph
    tokens: Tensor
    hidden: Tensor


class Graphed(Accelerated):
    """A network on a CUDA device whose `hidden` is replayed; whatever cannot be recorded is computed as ever.

    Batches are filled up to a power of two, so that a few recordings serve all of them. All rows go through the last
    block, wanted or not: a recording has one shape. One call at a time, since they share what a recording reads.
    """

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.refused = ""
        self._lock = threading.Lock()
        self._recordings: dict[tuple[int, int], _Recording | None] = {}

    @property
    def recorded(self) -> int:
        """How many shapes have a recording."""
        return sum(each is not None for each in self._recordings.values())

    def hidden(self, tokens: Tensor) -> Tensor:
        """What the head reads, `[B, L, D]`, of ids `[B, L]`."""
        return self.hidden_at(tokens, torch.ones(tokens.shape, dtype=torch.bool)).view(*tokens.shape, -1)

    @torch.inference_mode()
    def hidden_at(self, tokens: Tensor, rows: Tensor) -> Tensor:
        """`hidden` at the wanted rows alone, bool `[B, L]` on the host, as `[n, D]`."""
        batch, length = tokens.shape
        shape = (1 << (batch - 1).bit_length(), length)
        if not batch or shape[0] * length > POSITIONS or tokens.device.type != "cuda":
            return self.network.hidden_at(tokens, rows)
        with self._lock:
            if shape not in self._recordings:
                self._recordings[shape] = self._record(tokens, shape)
            found = self._recordings[shape]
            if found is not None:
                found.tokens[:batch].copy_(tokens)
                found.graph.replay()
                return picked(found.hidden[:batch], rows)
        return self.network.hidden_at(tokens, rows)

    def _record(self, tokens: Tensor, shape: tuple[int, int]) -> _Recording | None:
        """A recording for a shape; None, and `refused` says why, where the device does not allow it."""
        read = tokens[:1].expand(shape).clone()
        try:
            aside, here = torch.cuda.Stream(), torch.cuda.current_stream()
            aside.wait_stream(here)
            with torch.cuda.stream(aside):
                for _ in range(WARM_UP):
                    self.network.hidden(read)
            here.wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                written = self.network.hidden(read)
        except RuntimeError as error:  # an operation that waits for the device, or no memory
            self.refused = str(error).strip().splitlines()[0][:200]
            torch.cuda.synchronize()
            return None
        return _Recording(graph, read, written)
