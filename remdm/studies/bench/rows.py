"""Rows of the benchmark, how they are timed, and how they are printed."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

Row = dict[str, Any]
"""One comparison: `name` and `geometry`, `ours_ms` and `other_ms` with their `ratio`, and what else was measured."""

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""What is counted: the time that passed, or that which this process had: of use where other work runs too."""
FIRST = ("name", "geometry", "dtype", "ratio", "ours_ms", "other_ms")


def row(name: str, geometry: str, ours_ms: float, other_ms: float, **more: Any) -> Row:
    """A row; `ratio` says how many times as long the other takes."""
    made = {"name": name, "geometry": geometry, "ratio": other_ms / ours_ms, "ours_ms": ours_ms, "other_ms": other_ms}
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in {**made, **more}.items()}


def settled() -> None:
    """Wait until a CUDA device has done what it was asked for, if one is used: its work goes on behind a call."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def interleaved(acts: Sequence[Callable[[], object]], repeats: int, clock: str) -> list[float]:
    """Milliseconds of each act, the median of `repeats` rounds; in each round every act has its turn.

    A first round is not counted where others follow: caches are cold in it.
    """
    now, warm = CLOCKS[clock], int(repeats > 1)
    times: list[list[float]] = []
    for _ in range(warm + repeats):
        times.append([])
        for act in acts:
            settled()
            begun = now()
            act()
            settled()
            times[-1].append(1000 * (now() - begun))
    return [statistics.median(column) for column in zip(*times[warm:], strict=True)]


def table(rows: Sequence[Row]) -> str:
    """Rows as lines; what belongs to one kind of row only stands at the end of its line."""
    lines = [f"{'':9} {'':16} {'':9} {'ratio':>7} {'ours ms':>9} {'other ms':>10}"]
    for each in rows:
        more = ", ".join(f"{key} {value}" for key, value in each.items() if key not in FIRST)
        lines.append(
            f"{each['name']:9} {each['geometry']:16} {each.get('dtype', ''):9} {each['ratio']:7.2f} "
            f"{each['ours_ms']:9.1f} {each['other_ms']:10.1f}  {more}"
        )
    return "\n".join(lines)
