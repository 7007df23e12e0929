"""A recording of a small network's forward on a CPU, run without Python between its operators (TorchScript's trace).

The forwards of the embedded models are hundreds of operators of microseconds each, between which Python takes up to a
third of the time. A recording calls the same operators, and so gives the same bits.
"""

import threading
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from remdm.models.network import Accelerated, Network
from remdm.models.threads import FEW, operations

WARM_UP = 16
"""Forwards before a recording is made, which takes about ten of them: a short run need not pay for it."""


class Traced(Accelerated):
    """A network on a CPU whose `hidden` is recorded once, for batches of any size.

    A shape is compared with torch when it comes for the first time, bit by bit: where they differ, it is computed as
    ever, and so are forwards of more than `FEW` operations, in which Python takes hardly any time. A copy, or one that
    is sent to another process, records anew.

    Attributes:
        same: by shape, whether the recording gives what torch gives.
    """

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self._lock = threading.Lock()
        self._forwards = 0
        self._recording: Callable[[Tensor], Tensor] | None = None
        self.same: dict[tuple[int, ...], bool] = {}

    def __reduce__(self) -> tuple[type["Traced"], tuple[Network]]:
        return Traced, (self.network,)

    def hidden(self, tokens: Tensor) -> Tensor:
        """What the head reads, `[B, L, D]`, of ids `[B, L]`."""
        if torch.is_grad_enabled() or operations(self.network, tokens) > FEW:
            return self.network.hidden(tokens)
        shape = tuple(tokens.shape)
        if self._recording is not None and self.same.get(shape):
            return _run(self._recording, tokens)
        made = self.network.hidden(tokens)
        with self._lock:
            self._forwards += 1
            if self._forwards > WARM_UP and shape not in self.same:
                self._recording = self._recording or _record(self.network, tokens)
                self.same[shape] = torch.equal(_run(self._recording, tokens), made)
        return made


def _record(network: Network, tokens: Tensor) -> Callable[[Tensor], Tensor]:
    with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is deprecated, and that other shapes may differ: they are compared
        return torch.jit.trace_module(network, {"hidden": (tokens.clone(),)}, check_trace=False).hidden


def _run(recording: Callable[[Tensor], Tensor], tokens: Tensor) -> Tensor:
    with torch.jit.optimized_execution(False):  # optimised it is as fast, after two slow forwards
        return recording(tokens)
