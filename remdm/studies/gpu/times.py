"""Times on a device: the benchmark's steps against the literal one and against the floor, and many visitors."""

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch

from remdm.models.network import Compute, compute
from remdm.studies.bench.crowd import CROWDED, crowded, crowds
from remdm.studies.bench.floor import products
from remdm.studies.bench.rows import Row, interleaved, line
from remdm.studies.bench.steps import (
    GEOMETRIES,
    ON_A_CARD,
    Case,
    eager,
    embedded_cases,
    measured,
    network_of,
    random_case,
)  # fmt: skip
from remdm.studies.gpu.report import Report

CROWDS = (1, 8, 64)
REPEATS = 15
LOOKED_UP = ("vocab_embed.embedding", "wte.weight")
"""Tables of which a forward reads a few rows only."""


NAMES = ("the embedded models", *sorted(GEOMETRIES, key=lambda name: GEOMETRIES[name][0]), "visitors",
         *ON_A_CARD)  # fmt: skip
"""In the order in which they are measured, the largest last."""


def rates(device: torch.device) -> tuple[float, float]:
    """Operations a second of bfloat16 products, and bytes a second of a copy, read and written."""
    side, size = (8192, 1 << 30) if device.type == "cuda" else (512, 1 << 25)
    a, b = (torch.randn(side, side, device=device).bfloat16() for _ in range(2))
    one = torch.zeros(size, dtype=torch.uint8, device=device)
    other = torch.empty_like(one)
    many = 8  # of each in a row, so that what begins them does not count
    product, copy = interleaved(
        (lambda: [torch.mm(a, b) for _ in range(many)], lambda: [other.copy_(one) for _ in range(many)]), 9, "wall"
    )
    return many * 2 * side**3 / product * 1000, many * 2 * size / copy * 1000


def floor_ms(case: Case, decoded: int, operations: float, bandwidth: float) -> float:
    """What the network of a step with so many decoding rows takes at these rates: the greater of products and bytes."""
    network = network_of(eager(case.ours))[0]
    read = sum(each.numel() * each.element_size() for name, each in network.named_parameters()
               if not name.endswith(LOOKED_UP) or network_is_tied(network))  # fmt: skip
    return 1000 * max(products(case, decoded) / operations, read / bandwidth)


def network_is_tied(network: torch.nn.Module) -> bool:
    """Whether the table of embeddings is the head's as well."""
    return bool(getattr(getattr(network, "config", None), "tied", False))


def _step(make: Callable[[], Case], found: dict[str, float], repeats: int) -> Iterator[Row]:
    case = make()
    made = measured(case, "wall", repeats)
    floor = floor_ms(case, made["decoded"], found["operations"], found["bandwidth"])
    yield {**made, "floor_ms": floor, "over_floor": made["ours_ms"] / floor}


def _visitors(chosen: Compute) -> Iterator[Row]:
    for made in crowds(CROWDED, *crowded(chosen), sizes=CROWDS):
        yield {**made, "steps_per_second": 1000 / made["ours_ms"]}


def run(args: argparse.Namespace, report: Report, until: float) -> None:
    """Each geometry in turn, as long as there is time; one that fails is a line, and the next one follows.

    Raises:
        ValueError: for an unknown name.
    """
    chosen = compute(args.device)
    on_a_card = chosen.device.type == "cuda"
    operations, bandwidth = rates(chosen.device)
    found = {"operations": operations, "bandwidth": bandwidth}
    report.add("rates", chosen.title, tflops=operations / 1e12, gigabytes_per_second=bandwidth / 1e9)
    repeats = REPEATS if on_a_card else 1
    works: dict[str, Callable[[], Iterator[Row]]] = {}
    for name, make in embedded_cases(chosen):
        works[name] = partial(_step, make, found, repeats)
    for name in NAMES[1:]:
        if name == "visitors":
            works[name] = partial(_visitors, chosen)
        elif on_a_card or name in GEOMETRIES:
            works[name] = partial(_step, partial(random_case, name, chosen), found, repeats)
    for name in args.only or ():
        if name not in works:
            raise ValueError(f"only must be any of {', '.join(works)}, got {name}")
    longest = 0.0
    for name in args.only or works:
        begun = time.monotonic()
        if begun + longest > until:
            report.failed(name, "not measured: too little time is left")
            continue
        try:
            for made in works[name]():
                print(line(report.add(**made)), flush=True)
        except Exception as error:  # whatever a new machine brings: the others are measured all the same
            report.failed(name, f"{type(error).__name__}: {str(error).splitlines()[0][:300] if str(error) else ''}")
        gc.collect()  # 16 GB of weights would otherwise wait for it
        if on_a_card:
            torch.cuda.empty_cache()
        longest = max(longest, time.monotonic() - begun)
