"""CUDA graphs for training: the gradients of a step are recorded once and replayed, one launch in place of a thousand.

Steps of the embedded models take a card a fifth of the time that the host needs to ask for them one operation at a
time.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from remdm.models.network import Network

AFTER = 4
"""Steps before the recording: compilers and libraries choose their kernels in the first ones."""
ALIKE = 0.8
"""The least cosine between recorded and computed gradients; dropout makes them differ, an error by far more."""


class Recorded:
    """What makes a network's gradients, replayed on a CUDA device. What cannot be recorded is computed as ever.

    All of a training must be on one stream other than the default one, from its first step on.

    Attributes:
        refused: why there is no recording, or nothing.
    """

    def __init__(self, gradients: Callable[..., Tensor], network: Network) -> None:
        self.gradients, self.network = gradients, network
        self.refused = ""
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self._loss = torch.empty(())

    def __call__(self, *inputs: Tensor) -> Tensor:
        """The loss; the parameters' `grad` are this step's. Inputs have the same shapes in every step."""
        self._calls += 1
        if self._graph is None:
            loss = self.gradients(*inputs)
            if self._calls == AFTER:
                self._record(inputs, loss)
            return loss
        for held, new in zip(self._inputs, inputs, strict=True):
            held.copy_(new)
        self._graph.replay()
        return self._loss

    def _record(self, inputs: tuple[Tensor, ...], loss: Tensor) -> None:
        """Record the step that was just computed, and compare what the recording makes of the same inputs."""
        computed = self._flat()
        self._inputs = tuple(each.clone() for each in inputs)
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"):
                self._loss = self.gradients(*self._inputs)
            graph.replay()
            apart = (self._loss - loss).abs().item() / loss.item()
            alike = cosine_similarity(self._flat(), computed, dim=0).item()
        except RuntimeError as error:  # an operation that waits for the device, or no memory
            self.refused = str(error).strip().splitlines()[0][:200]
            torch.cuda.synchronize()
        else:
            if apart < 1 - ALIKE and alike > ALIKE:
                self._graph = graph
                print("A step's gradients are recorded and replayed", flush=True)
                return
            self.refused = f"the recorded loss is {apart:.0%} off, the cosine of the gradients {alike:.3f}"
        print(f"Every step is computed anew, none is recorded: {self.refused}", flush=True)
        self.gradients(*inputs)

    def _flat(self) -> Tensor:
        return torch.cat([each.grad.flatten() for each in self.network.parameters() if each.grad is not None])
