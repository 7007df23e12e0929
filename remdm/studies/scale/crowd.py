"""Visitors who press Run at once, at this process or at replicas: what a step takes, and when the first is there."""

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from remdm.domains.registry import DOMAINS
from remdm.runs.record import Batch
from remdm.runs.request import RunRequest
from remdm.sampling.methods import settings
from remdm.serving.engine import Engine

STARTS = 240
"""Seconds within which a cluster starts on a busy machine."""
SAMPLER = "remdm-loop"


@dataclass(frozen=True)
class Came:
    """What came of some visitors: steps and seconds in all, seconds to each first step, and how many met an error."""

    steps: int
    seconds: float
    first: tuple[float, ...]
    errors: int

    @property
    def row(self) -> dict[str, Any]:
        """Figures for a file, in milliseconds; `step` is the time that passed over the steps of all."""
        known = sorted(self.first) or [float("nan")]
        return {
            "step_ms": round(1000 * self.seconds / max(self.steps, 1), 2), "steps": self.steps, "errors": self.errors,
            "first_median_ms": round(1000 * statistics.median(known)),
            "first_p95_ms": round(1000 * known[min(len(known) - 1, int(0.95 * len(known)))]),
        }  # fmt: skip


def visits(engine: Engine, visitors: int, steps: int) -> Came:
    """A story of each visitor, all begun at once, each in a thread of its own as on the page."""
    domain = DOMAINS["text"]
    model = domain.models[0]
    chosen = settings(SAMPLER, steps)
    prepared = [engine.prepare(RunRequest(domain, model, "", model.length, chosen, place)) for place in range(visitors)]
    taken, firsts, errors = [0] * visitors, [0.0] * visitors, [0] * visitors
    begun = time.perf_counter()

    def visit(place: int) -> None:
        try:
            for _ in engine.rows(Batch((prepared[place],))):
                firsts[place] = firsts[place] or time.perf_counter() - begun
                taken[place] += 1
        except (ValueError, RuntimeError, OSError):
            errors[place] = 1

    threads = [threading.Thread(target=visit, args=(place,)) for place in range(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    return Came(sum(taken), seconds, tuple(filter(None, firsts)), sum(errors))


@contextmanager
def deployment(port: int, *flags: str) -> Iterator[str]:
    """The address of replicas on this machine, from `remdm serve` with these flags.

    Raises:
        ValueError: if it does not start, with what it said last.
    """
    command = [sys.executable, "-m", "remdm", "serve", "--port", str(port), *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout
    late = threading.Timer(STARTS, process.kill)
    late.start()
    line = ""
    try:
        for line in process.stdout:
            if "answers at" in line:
                break
        else:
            raise ValueError(f"remdm serve did not start: {line.strip()}")
        late.cancel()
        yield f"http://127.0.0.1:{port}"
    finally:
        late.cancel()
        process.terminate()
        process.wait(120)
