"""The runs that the stations show, recorded by `remdm lesson`, and what that command measured."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from remdm.app.components.board import of_samples
from remdm.app.recordings import recorded_sample
from remdm.app.samples import Sample
from remdm.paths import ASSETS
from remdm.runs.domain import Domain

FOLDER = ASSETS / "recorded" / "learn"


def trace_file(folder: Path, board: str, lane: int) -> Path:
    """Where a lane's trace lies."""
    return folder / f"{board}-{lane}.json.gz"


@cache
def index(folder: Path = FOLDER) -> dict[str, Any]:
    """What was recorded: `boards` by name, and under their names the measurements that the stations quote."""
    return json.loads((folder / "index.json").read_text(encoding="utf-8"))


class Recorded:
    """The recorded runs of a domain, each board read when it is first asked for."""

    def __init__(self, domain: Domain, folder: Path = FOLDER) -> None:
        self.domain, self.folder = domain, folder
        self._read: dict[str, tuple[Sample, ...]] = {}

    def lanes(self, board: str) -> list[dict[str, Any]]:
        """The lanes of a board as the index has them."""
        return index(self.folder)["boards"][board]["lanes"]

    def samples(self, board: str) -> tuple[Sample, ...]:
        """The runs of a board, lane by lane, with their errors.

        Raises:
            TraceError: if a trace of it is damaged.
        """
        if board not in self._read:
            files = [trace_file(self.folder, board, lane) for lane in range(len(self.lanes(board)))]
            self._read[board] = tuple(recorded_sample(self.domain, file) for file in files)
        return self._read[board]

    def message(self, boards: Sequence[str]) -> str:
        """The lanes of one board or several for the stage, which plays by itself."""
        lanes = [lane for board in boards for lane in self.lanes(board)]
        shown = [sample for board in boards for sample in self.samples(board)]
        return of_samples(shown, [lane["title"] for lane in lanes], [lane["about"] for lane in lanes]).message(
            play=True
        )
