"""The least that a step can take on a machine: its matrix products, at the rate that the machine's own product has."""

from functools import cache

import torch
from torch.backends import mha
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from remdm.models.onednn import linear
from remdm.models.threads import fitting
from remdm.studies.bench.rows import Row, interleaved, rounded
from remdm.studies.bench.steps import Case, eager, network_of

ROWS, READ, WRITTEN = 1024, 768, 3072
"""The product that is timed, `[1024, 768] x [768, 3072]`: the feed-forward part of a block of the OWT network."""
TIMES = 9


@torch.inference_mode()
def products(case: Case, decoded: int) -> int:
    """Operations of the products of one forward, 2 m n k each, with the vocabulary at so many rows.

    Counted as the network runs, but in the literal step's number type and with attention as two products: the counter
    does not know the operators that we use in bfloat16 on a CPU, nor the fused attention and layers there.
    """
    rows, fused = torch.arange(case.start.shape[1])[None] < decoded, mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            eager(case.plain)(case.start, rows, 0.5)
    finally:
        mha.set_fastpath_enabled(fused)
    return counter.get_total_flops()


@cache
@torch.inference_mode()
def product_rate(dtype: torch.dtype, device: torch.device, clock: str, threads: int) -> float:
    """Operations a second of one product as our networks take it, the median of several; timed once a process.

    `threads` is what torch is set to: each number of them has a rate of its own.
    """
    x, weight = (torch.randn(shape, device=device).to(dtype) for shape in ((ROWS, READ), (WRITTEN, READ)))
    many = 8 if device.type == "cuda" else 1  # in a row, so that what begins them does not count
    (product,) = interleaved((lambda: [linear(x, weight) for _ in range(many)],), TIMES, clock)
    return many * 2 * ROWS * READ * WRITTEN / product * 1000


def against_floor(case: Case, made: Row) -> Row:
    """The row of a case's step with `gflop`, the `floor_ms` that they take at this machine's rate, and ours by that."""
    network, weight = network_of(case.ours)
    with fitting(network, case.start):
        rate = product_rate(weight.dtype, weight.device, made["clock"], torch.get_num_threads())
    operations = products(case, made["decoded"])
    floor = 1000 * operations / rate
    return rounded({**made, "gflop": operations / 1e9, "floor_ms": floor, "of_floor": made["ours_ms"] / floor})
