"""The results file of a sweep: one CSV row for each cell, appended; the last row of a cell counts."""

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from remdm.views.interval import Interval, ends

KEY = ("domain", "model", "model_hash", "sampler", "overrides", "steps", "seed")
"""What names a cell."""

Row = Mapping[str, str]
Name = TypeVar("Name", bound=Hashable)


def newest(rows: Sequence[Row]) -> list[Row]:
    """Rows of each model's latest weights alone: a cell of former ones is another model's."""
    last = {row["model"]: row["model_hash"] for row in rows}
    return [row for row in rows if row["model_hash"] == last[row["model"]]]


def with_ends(*names: str) -> tuple[str, ...]:
    """The columns of figures with an interval."""
    return tuple(each for name in names for each in ends(name))


def flat(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as they stand in the file: six digits are kept of a number, an interval takes three columns."""
    made: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Interval):
            made |= flat(dict(zip(ends(name), (value.value, value.low, value.high), strict=True)))
        else:
            made[name] = f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)
    return made


def _table(path: Path) -> pd.DataFrame:
    """The whole file, every entry a string."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def read(path: Path) -> list[dict[str, str]]:
    """The last row of each cell, in the order in which the cells first came; none if there is no file."""
    if not path.is_file() or not path.stat().st_size:
        return []
    table = _table(path)
    key = [name for name in KEY if name in table]
    last = table.index.to_series().groupby([table[name] for name in key], sort=False).last()
    return table.loc[last].to_dict("records")


def grouped(rows: Sequence[Row], name: Callable[[Row], Name]) -> dict[Name, list[Row]]:
    """Rows of one name together, in the order in which the names first came."""
    made: dict[Name, list[Row]] = {}
    for row in rows:
        made.setdefault(name(row), []).append(row)
    return made


def carried(path: Path, row: Row, names: Sequence[str]) -> dict[str, str]:
    """What the file's last row of the same cell has in these columns: figures that cost much, each with its own n."""
    last = next((each for each in read(path) if all(each[name] == row[name] for name in KEY)), {})
    return {name: last.get(name, "") for name in names}


def append(path: Path, row: Row, columns: Sequence[str]) -> bool:
    """Add a row unless the file's last word on that cell says the same.

    A file of an earlier version gets the columns that it lacks, empty; all or nothing.

    Returns:
        Whether it was added.

    Raises:
        ValueError: if the file has columns that are not among these.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: row.get(name, "") for name in columns}
    new = not path.is_file() or path.stat().st_size == 0
    if not new:
        table = _table(path)
        if not set(table.columns) <= set(columns):
            raise ValueError(f"{path} has other columns than this version writes; move it away, samples are kept")
        if list(table.columns) != list(columns):
            part = path.with_suffix(".part")
            table.reindex(columns=columns, fill_value="").to_csv(part, index=False)
            os.replace(part, path)
        if whole in read(path):
            return False
    pd.DataFrame([whole]).to_csv(path, mode="a", header=new, index=False)
    return True
