"""Rows of figures: how they are timed, printed and kept."""

import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

Row = dict[str, Any]
"""One comparison: `name` and `geometry`, `ours_ms` and `other_ms` with their `ratio`, and what else was measured."""

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""What is counted: the time that passed, or that which this process had: of use where other work runs too."""
SAME = ("name", "geometry", "dtype", "visitors")
"""What tells two rows of a file apart."""
FIRST = ("name", "geometry", "dtype", "ratio", "ours_ms", "other_ms")


def row(name: str, geometry: str, ours_ms: float, other_ms: float, **more: Any) -> Row:
    """A row; `ratio` says how many times as long the other takes."""
    made = {"name": name, "geometry": geometry, "ratio": other_ms / ours_ms, "ours_ms": ours_ms, "other_ms": other_ms}
    return rounded({**made, **more})


def rounded(made: Row) -> Row:
    """The same with four digits behind the point."""
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in made.items()}


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


def line(made: Row) -> str:
    """A row as it is printed when it is there."""
    return ", ".join(f"{key} {value}" for key, value in made.items())


def read(path: Path) -> list[Row]:
    """The rows of a file, none where there is no such file.

    Raises:
        ValueError: for a file that holds something else.
    """
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
        raise ValueError(f"{path.name} holds no rows of figures")
    return rows


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write a file of rows."""
    written(path, "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")


def put(path: Path, made: Row) -> None:
    """Put a row into a file, in the place of the one that measured the same before."""
    rows = {tuple(each.get(key) for key in SAME): each for each in (*read(path), made)}
    write(path, list(rows.values()))


def written(path: Path, text: str) -> None:
    """Write a file, all or nothing, and wait until the disk has it."""
    part = path.with_suffix(path.suffix + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
