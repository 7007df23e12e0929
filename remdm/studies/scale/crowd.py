"""Visitors who press Run at once, at this process or at replicas: what a step takes, and when the first is there."""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from remdm.domains.registry import DOMAINS
from remdm.runs.record import Batch
from remdm.runs.request import RunRequest
from remdm.sampling.methods import settings
from remdm.serving.engine import Engine
from remdm.studies.bench.crowd import together
from remdm.studies.bench.rows import Row

STARTS = 240
"""Seconds within which a cluster starts on a busy machine."""
SAMPLER = "remdm-loop"


def visits(engine: Engine, visitors: int, steps: int, process: int = 0) -> Row:
    """A story of each visitor, all begun at once, each in a thread of its own as on the page: figures for a file.

    Times are milliseconds, `step_ms` that passed over the steps of all. The CPU is counted of this process, and of
    another one with all that it has started.
    """
    domain = DOMAINS["text"]
    model = domain.models[0]
    chosen = settings(SAMPLER, steps)
    prepared = [engine.prepare(RunRequest(domain, model, "", model.length, chosen, place)) for place in range(visitors)]
    taken, firsts, errors = [0] * visitors, [0.0] * visitors, [0] * visitors
    begun, cpu = time.perf_counter(), time.process_time() + work(process)

    def visit(place: int) -> None:
        try:
            for _ in engine.rows(Batch((prepared[place],))):
                firsts[place] = firsts[place] or time.perf_counter() - begun
                taken[place] += 1
        except (ValueError, RuntimeError, OSError):
            errors[place] = 1

    together(visitors, visit)
    seconds, cpu = time.perf_counter() - begun, time.process_time() + work(process) - cpu
    known = sorted(filter(None, firsts)) or [float("nan")]
    a_step = 1000 / max(sum(taken), 1)
    return {
        "step_ms": round(a_step * seconds, 2), "cpu_ms": round(a_step * cpu, 2), "steps": sum(taken),
        "errors": sum(errors), "compute": prepared[0].checkpoint.compute.title,
        "first_median_ms": round(1000 * statistics.median(known)),
        "first_p95_ms": round(1000 * known[min(len(known) - 1, int(0.95 * len(known)))]),
    }  # fmt: skip


def work(process: int) -> float:
    """Seconds of CPU that a process and its descendants have taken (Linux); 0 for none.

    On a machine with other work that is the honest measure.
    """
    if not process:
        return 0.0
    taken, parents = {}, {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            fields = file.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            number = int(file.parent.name)
            parents[number], taken[number] = int(fields[1]), int(fields[11]) + int(fields[12])
    family = {process}
    while more := {each for each, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(taken.get(each, 0) for each in family) / os.sysconf("SC_CLK_TCK")


@contextmanager
def deployment(port: int, *flags: str) -> Iterator[tuple[str, int]]:
    """The address and the process id of replicas on this machine, from `remdm serve` with these flags.

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
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        late.cancel()
        process.terminate()
        process.wait(120)
