"""Many visitors at once: runs in turn, as one line would have them, and runs that share forwards."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch

from remdm.models.checkpoints import load_embedded
from remdm.models.network import Compute, NetworkDenoiser
from remdm.runs.frames import Recorded
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.methods import run, settings
from remdm.serving.batcher import POSITIONS, VISITORS, Batcher
from remdm.studies.bench.rows import Row, row

CROWDED, CROWDS = "stories", (1, 2, 4, 8, 16)
"""The model that all ask for, and how many they are."""
SAMPLER = "remdm-loop"


def crowded(chosen: Compute) -> tuple[NetworkDenoiser, int]:
    """That model's denoiser and length."""
    checkpoint = load_embedded(CROWDED, chosen)
    assert isinstance(checkpoint.denoiser, NetworkDenoiser)
    return checkpoint.denoiser, checkpoint.length


def together(count: int, visit: Callable[[int], None]) -> None:
    """So many visits at once, each in a thread of its own, to the end of the last."""
    threads = [threading.Thread(target=visit, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@dataclass(frozen=True)
class _Crowd:
    """What came of some visitors: steps in all, seconds, when the last of them saw a first step, seconds of CPU."""

    steps: int
    seconds: float
    first: float
    cpu: float

    @property
    def ms(self) -> float:
        return 1000 * self.seconds / self.steps


def _visits(denoisers: list[Denoiser], length: int, steps: int, gate: AbstractContextManager, batch: int = 1) -> _Crowd:
    """Each denoiser's run in a thread of its own, all arriving at once; `gate` lets in how many it will."""
    taken, firsts = [0] * len(denoisers), [0.0] * len(denoisers)
    begun, cpu = time.perf_counter(), time.process_time()

    def visit(place: int) -> None:
        with gate:
            tokens = torch.full((batch, length), denoisers[place].mask_id)
            seeds = tuple(range(place, place + batch))
            running = run(denoisers[place], settings(SAMPLER, steps), tokens, seeds)
            for record in running:
                made = Recorded(record)
                for sequence, forwards in enumerate(running.forwards.tolist()):
                    made.frame(sequence, forwards)
                firsts[place] = firsts[place] or time.perf_counter() - begun
                taken[place] += batch

    together(len(denoisers), visit)
    return _Crowd(sum(taken), time.perf_counter() - begun, max(firsts), time.process_time() - cpu)


def alone_ms(denoiser: Denoiser, length: int, steps: int = 32) -> float:
    """Milliseconds a step of one run that nobody watches over HTTP, frames included."""
    _visits([denoiser], length, 2, nullcontext())
    return _visits([denoiser], length, steps, nullcontext()).ms


def crowds(
    geometry: str, denoiser: NetworkDenoiser, length: int, steps: int = 16, sizes: tuple[int, ...] = CROWDS
) -> Iterator[Row]:
    """A row for each number of visitors. `other` is one line, in which each waits until those before have ended.

    `batch_ms` is the best that one run of as many sequences reaches: what sharing could come to if nobody were late.
    """
    _visits([denoiser], length, 2, nullcontext())
    batches = (1, max(1, POSITIONS // length))
    batched = min(_visits([denoiser], length, steps, nullcontext(), batch).ms for batch in batches)
    for size in sizes:
        meeting = Batcher(denoiser.network)
        seats: list[Denoiser] = [replace(denoiser, network=meeting.seat()) for _ in range(size)]
        ours = _visits(seats, length, steps, threading.BoundedSemaphore(VISITORS))
        line = _visits([denoiser] * size, length, steps, threading.Lock())
        yield row(
            "visitors", geometry, ours.ms, line.ms, visitors=size, batch_ms=batched, first_ms=1000 * ours.first,
            line_first_ms=1000 * line.first, forwards=meeting.forwards, steps=ours.steps,
            cpu_ms=1000 * ours.cpu / ours.steps, line_cpu_ms=1000 * line.cpu / line.steps,
        )  # fmt: skip
