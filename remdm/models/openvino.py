"""OpenVINO (docs.openvino.ai) in the place of torch for a network on a CPU: its graph is compiled as a whole.

A small network is hundreds of operations of microseconds; fused, most of them cost nothing. Optional
(`pip install openvino`) and never chosen by itself: it takes memory, and a second of compiling at first.
"""

import sys
import threading
import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from remdm.models.network import Accelerated, Network

TOGETHER = 8
"""Sequences of a forward. A graph of a fixed number takes half to two thirds of the time that one for any number takes,
and gives each sequence the same bits whatever the number; beyond this a sequence takes hardly less."""
KEPT = 6
"""Compiled graphs of a network: each has a copy of its weights."""
TOLERANCE = 0.001
"""Nats: the mean divergence of a graph's distributions from those of torch in float32 on the same weights, at most."""
ROWS = 64
"""Positions that are compared, each a distribution over the vocabulary."""


class _Hidden(torch.nn.Module):
    """What is compiled of a network."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor) -> Tensor:
        return self.network.hidden(tokens)


class OpenVINO(Accelerated):
    """A network on a CPU whose `hidden` is compiled for a length when the first sequence of that length comes.

    A batch is taken by `TOGETHER` sequences, what is left one by one. With as many threads as torch is set to, and in
    the network's own number type. One call at a time, since they share what a graph reads and writes. A copy, or one
    that is sent to another process, compiles anew.
    """

    rounding = "OpenVINO"

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self._lock = threading.Lock()
        self._graphs: dict[tuple[int, int, int], Callable[[Tensor], Tensor]] = {}

    def __reduce__(self) -> tuple[type["OpenVINO"], tuple[Network]]:
        return OpenVINO, (self.network,)

    def hidden(self, tokens: Tensor) -> Tensor:
        """What the head reads, `[B, L, D]`, of ids `[B, L]`.

        Raises:
            ValueError: if OpenVINO cannot compile the network, or makes something else of it than torch.
        """
        parts, left = divmod(len(tokens), TOGETHER)
        with self._lock:
            return torch.cat([self._forward(part) for part in tokens.split([TOGETHER] * parts + [1] * left)])

    def _forward(self, tokens: Tensor) -> Tensor:
        dtype = next(self.network.parameters()).dtype
        shape = *tokens.shape, torch.get_num_threads()
        if shape not in self._graphs:
            while len(self._graphs) >= KEPT:
                del self._graphs[next(iter(self._graphs))]
            with torch.inference_mode(False), torch.no_grad():
                self._graphs[shape] = _checked(self.network, tokens.clone(), shape[-1], dtype)
        return self._graphs[shape](tokens).to(dtype)


def _checked(network: Network, tokens: Tensor, threads: int, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """Ids of this shape `[B, L]` to `hidden`, float32 `[B, L, D]`, compiled and compared with torch."""
    plain = deepcopy(network).float()
    try:
        graph = _compiled(plain, tokens, threads, dtype)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise ValueError(f"OpenVINO cannot compile this model ({reason}): use the device cpu") from error
    # what is not asked for is filled with various words: where all are masks, wrong attention to them would not show
    blank = tokens == tokens.mode().values[:, None]
    entries = plain.head(plain.hidden(tokens)[0, :1]).shape[-1]
    tokens[blank] = 7919 * torch.arange(int(blank.sum())) % entries
    expected, found = (plain.head(each[-1, :ROWS]).log_softmax(-1) for each in (plain.hidden(tokens), graph(tokens)))
    nats = float((expected.exp() * (expected - found)).sum(-1).mean())
    if not nats <= TOLERANCE:
        raise ValueError(f"OpenVINO makes something else of this model here, {nats:.2g} nats off: use the device cpu")
    return graph


def _compiled(plain: Network, tokens: Tensor, threads: int, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    # at its import the package reports to its makers, and leaves it where this part of it is not to be found
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    from openvino import Core
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a trace is of one shape, and says so in many places
        traced = TorchScriptPythonDecoder(_Hidden(plain), example_input=(tokens,), trace_kwargs={"check_trace": False})
    frontend = FrontEndManager().load_by_framework("pytorch")
    graph = frontend.convert(frontend.load(traced))
    graph.reshape(list(tokens.shape))
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": "bf16" if dtype == torch.bfloat16 else "f32",
    }  # fmt: skip
    compiled = Core().compile_model(graph, "CPU", settings)
    return lambda ids: torch.from_numpy(compiled([ids.numpy()])[0])
