"""Batches of samples drawn in parallel through Ray, on this machine's cores or on a cluster.

Sample k of a cell depends on the cell and on k alone, so that it does not matter who draws it: the same samples come
out as in one process, up to the rounding of other processors. Workers get the network and the code; files are written
here alone, batch after batch, so that a stopped sweep goes on where it stopped.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import remdm
from remdm.evaluation.needed import need
from remdm.evaluation.sweeps.samples import Part, Samples, batches, load, save

INSTALL = "pip install 'ray>=2.50'"
AHEAD = 4
"""Batches that are under way for each core: who is done need not wait for the others."""


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

    def asked() -> Iterator[tuple[Path, int, Any]]:
        for part in {part.path: part for part in parts}.values():
            draw = None
            for first, stop in batches(part.there, part.count, batch):
                draw = draw or ray.put(part.draw)  # the network travels once for each file, not for each batch
                yield part.path, (stop - first) * part.steps, work.remote(draw, first, stop)

    coming = asked()
    flying = deque(islice(coming, AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))))
    for part in parts:
        samples = load(part.path)
        while flying and flying[0][0] == part.path:
            _, steps, drawn = flying.popleft()
            samples = ray.get(drawn).after(samples)
            save(part.path, samples)
            tick(steps)
            flying.extend(islice(coming, 1))
        assert samples is not None
        yield samples
