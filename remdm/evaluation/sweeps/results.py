"""The results file of a sweep: one CSV row for each cell, appended; the last row of a cell counts."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

KEY = ("domain", "model", "model_hash", "sampler", "overrides", "steps", "seed")
"""What names a cell."""

Row = Mapping[str, str]


def flat(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as they stand in the file: six digits are kept of a number, an interval takes three columns."""
    made: dict[str, str] = {}
    for name, value in values.items():
        if hasattr(value, "low"):
            made |= flat({name: value.value, f"{name}_low": value.low, f"{name}_high": value.high})
        else:
            made[name] = f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)
    return made


def read(path: Path) -> list[dict[str, str]]:
    """The last row of each cell, in the order in which the cells first came; none if there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    latest: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        latest[tuple(row.get(name) or "" for name in KEY)] = row
    return list(latest.values())


def _widened(path: Path, columns: Sequence[str]) -> None:
    """Give a file of an earlier version the columns that it lacks, empty; all or nothing.

    Raises:
        ValueError: if it has columns that this version does not know.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        there = list(reader.fieldnames or ())
        if there == list(columns):
            return
        if not set(there) <= set(columns):
            raise ValueError(f"{path} has other columns than this version writes; move it away, samples are kept")
        rows = list(reader)
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(part, path)


def carried(path: Path, row: Row, names: Sequence[str]) -> dict[str, str]:
    """What the file's last row of the same cell has in these columns: figures that cost much, each with its own n."""
    last = next((each for each in read(path) if all(each[name] == row[name] for name in KEY)), {})
    return {name: last.get(name, "") for name in names}


def append(path: Path, row: Row, columns: Sequence[str]) -> bool:
    """Add a row unless the file's last word on that cell says the same.

    Returns:
        Whether it was added.

    Raises:
        ValueError: if the file has columns that are not among these.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.is_file() or path.stat().st_size == 0
    if not new:
        _widened(path, columns)
    whole = {name: row.get(name, "") for name in columns}
    if whole in read(path):
        return False
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(whole)
    return True
