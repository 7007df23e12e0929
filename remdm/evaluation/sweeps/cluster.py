"""Batches of samples drawn in parallel through Ray, on this machine's cores or on a cluster.

Sample k of a cell depends on the cell and on k alone, so that it does not matter who draws it: the same samples come
out as in one process, up to the rounding of other processors. Workers get the network and the code; files are written
here alone, each batch as soon as those before it are there, so that a stopped sweep goes on where it stopped.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import remdm
from remdm.evaluation.needed import need
from remdm.evaluation.sweeps.samples import Part, Samples, batches, load, save

INSTALL = "pip install 'ray>=2.50'"
AHEAD = 2
"""Batches that wait for each core."""


class _File:
    """A file that is filled by batches in any order; it holds what follows on each other from the start."""

    def __init__(self, part: Part) -> None:
        self.part, self.samples = part, load(part.path)
        self._early: dict[int, Samples] = {}

    def __len__(self) -> int:
        return len(self.samples or ())

    def add(self, first: int, made: Samples) -> None:
        """Keep a batch, and write it once those before it are there."""
        self._early[first] = made
        while len(self) in self._early:
            self.samples = self._early.pop(len(self)).after(self.samples)
            save(self.part.path, self.samples)


def fill(
    parts: Sequence[Part], batch: int, address: str | None, tick: Callable[[int], Any], ray: Any = None
) -> Iterator[Samples]:
    """The samples of each part in turn, what is missing drawn by Ray; `tick` gets the steps of each batch.

    Raises:
        ValueError: if Ray is not installed.
    """
    if ray is None:
        need("--ray", INSTALL, "ray")
        ray = import_module("ray")
    started = not ray.is_initialized()
    if started:
        package = str(Path(remdm.__file__).parent)
        ray.init(address=address, log_to_driver=False, include_dashboard=False if address is None else None,
                 runtime_env={"py_modules": [package]})  # fmt: skip
    try:
        yield from _fill(parts, batch, tick, ray)
    finally:
        if started:
            ray.shutdown()


def _fill(parts: Sequence[Part], batch: int, tick: Callable[[int], Any], ray: Any) -> Iterator[Samples]:
    work = ray.remote(lambda draw, first, stop: draw(first, stop))
    files = [_File(part) for part in parts]
    waiting = ((file, first, stop) for file in files for first, stop in batches(len(file), file.part.count, batch))
    lent: dict[int, Any] = {}
    flying: dict[Any, tuple[_File, int, int]] = {}
    most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
    for file in files:
        while len(file) < file.part.count:
            while len(flying) < most and (task := next(waiting, None)):
                if id(task[0]) not in lent:  # the network travels once for each file, not for each batch
                    lent[id(task[0])] = ray.put(task[0].part.draw)
                flying[work.remote(lent[id(task[0])], task[1], task[2])] = task
            for ready in ray.wait(list(flying))[0]:
                done, first, stop = flying.pop(ready)
                done.add(first, ray.get(ready))
                tick((stop - first) * done.part.steps)
        lent.pop(id(file), None)
        assert file.samples is not None
        yield file.samples
