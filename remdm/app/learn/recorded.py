"""The runs that the stations show, recorded by `remdm lesson`, and what that command measured."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from remdm.app.components.board import Comparison
from remdm.app.samples import Sample, checked
from remdm.paths import ASSETS
from remdm.runs.domain import Domain
from remdm.runs.trace import load

FOLDER = ASSETS / "recorded" / "learn"


def trace_file(folder: Path, board: str, lane: int) -> Path:
    """Where a lane's trace lies."""
    return folder / f"{board}-{lane}.json.gz"


@cache
def index(folder: Path = FOLDER) -> dict[str, Any]:
    """What was recorded: `boards` by name, and under their names the measurements that the stations quote."""
    return json.loads((folder / "index.json").read_text(encoding="utf-8"))


@cache
def samples(domain: Domain, board: str, folder: Path = FOLDER) -> tuple[Sample, ...]:
    """The recorded runs of a board, lane by lane, with their errors.

    Raises:
        TraceError: if a trace of it is damaged.
    """
    lanes = index(folder)["boards"][board]["lanes"]
    return tuple(checked(domain, load(trace_file(folder, board, lane))) for lane in range(len(lanes)))


def message(domain: Domain, boards: Sequence[str], folder: Path = FOLDER) -> str:
    """The lanes of one board or several, which play by themselves."""
    lanes = [lane for board in boards for lane in index(folder)["boards"][board]["lanes"]]
    shown = tuple(sample for board in boards for sample in samples(domain, board, folder))
    pair = Comparison(tuple(lane["title"] for lane in lanes), ([],) * len(lanes), shown, ("",) * len(lanes))
    return pair.message([lane["about"] for lane in lanes], play=True)
