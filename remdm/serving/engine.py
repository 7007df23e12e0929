"""Where the steps of runs are made: in this process, or by the replicas that `remdm serve` starts.

The seam is the run, not the network: a batch goes out, rows of frames come back. Which engine a page or a command uses
is chosen once, by REMDM_ENGINE and REMDM_ADDRESS.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Protocol

from remdm.runs.branch import Pane, side_by_side
from remdm.runs.record import Batch, PreparedRun, Row, TimedFrame, prepare
from remdm.runs.request import RunRequest
from remdm.sampling.knobs import one_of
from remdm.serving.batcher import VISITORS, shared
from remdm.serving.remote import ADDRESS, Remote

ENGINES = ("local", "ray")
VARIABLES = ("REMDM_ENGINE", "REMDM_ADDRESS")


class Engine(Protocol):
    """What makes the steps of runs.

    Attributes:
        visitors: how many runs a page hands to it at once; later ones wait in the page's line.
    """

    @property
    def visitors(self) -> int:
        """See above."""

    def prepare(self, request: RunRequest) -> PreparedRun:
        """See `record.prepare`."""

    def rows(self, batch: Batch) -> Iterator[Row]:
        """The steps of a batch as they are made; close it to stop them."""

    def side_by_side(self, panes: Sequence[Pane]) -> Iterator[tuple[int, TimedFrame | None]]:
        """The steps of several runs in turn: see `branch.side_by_side`."""


class Local:
    """This process: runs that are under way at the same time share forwards."""

    visitors = VISITORS

    def prepare(self, request: RunRequest) -> PreparedRun:
        """See `Engine`."""
        return prepare(request)

    def rows(self, batch: Batch) -> Iterator[Row]:
        """See `Engine`."""
        return replace(batch, runs=tuple(map(shared, batch.runs))).steps()

    def side_by_side(self, panes: Sequence[Pane]) -> Iterator[tuple[int, TimedFrame | None]]:
        """See `Engine`. One seat for all panes of a model: they take turns here, so none must wait for another."""
        seats = {id(each.prepared.checkpoint): each.prepared for each in panes}
        checkpoints = {key: shared(first).checkpoint for key, first in seats.items()}
        at_seats = [replace(each.prepared, checkpoint=checkpoints[id(each.prepared.checkpoint)]) for each in panes]
        return side_by_side([replace(each, prepared=one) for each, one in zip(panes, at_seats, strict=True)])


def chosen(name: str, address: str) -> Engine:
    """An engine by name.

    Raises:
        ValueError: for an unknown name, or something that is not an address.
    """
    one_of("engine", name, ENGINES)
    return Local() if name == "local" else Remote(address)


def from_environment() -> tuple[str, str]:
    """The name and the address that the environment says, or else this process."""
    name, address = (os.environ.get(each, "") for each in VARIABLES)
    return name or "local", address or ADDRESS


@cache
def configured() -> Engine:
    """The engine of this process.

    Raises:
        ValueError: as `chosen`.
    """
    return chosen(*from_environment())
