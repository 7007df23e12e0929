"""The command line: how soon it begins, what a busy neighbour costs it, and what drawing in batches gains."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from remdm.domains.registry import DOMAINS
from remdm.runs.record import prepare, record_together
from remdm.runs.request import RunRequest
from remdm.sampling.methods import settings
from remdm.studies.bench.rows import Row, interleaved, row
from remdm.studies.bench.targets import FIRST_STEP, HELP

WRITES = ("sample", "text", "--sampler", "remdm-cap", "--steps", "128", "--count", "2")
BATCHED = {"molecule": 64, "countdown": 32}
"""Domains that are sampled in batches, and the steps of a run there."""
BATCH, ALONE = 128, 4
"""Runs of a batch, and of those that are made one by one."""


def command(*words: str) -> None:
    """Run `remdm` in a process of its own.

    Raises:
        subprocess.CalledProcessError: if it fails.
    """
    subprocess.run([sys.executable, "-m", "remdm", *words], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def neighbour() -> Iterator[None]:
    """Another process that is never idle."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def start_rows(repeats: int) -> Iterator[Row]:
    """How long `--help` takes, and a run of one step, imports and model included; `other` is the time allowed."""
    acts = (lambda: command("--help"), lambda: command("sample", "text", "--steps", "1"))
    helped, stepped = interleaved(acts, repeats, "wall")
    yield row("start", "--help", helped, HELP)
    yield row("start", "sample text", stepped, FIRST_STEP)


def neighbour_row(repeats: int, words: Sequence[str] = WRITES) -> Row:
    """A command next to a busy process, in turns with the same alone, which is `other`."""

    def crowded() -> None:
        with neighbour():
            command(*words)

    busy, alone = interleaved((crowded, lambda: command(*words)), repeats, "wall")
    return row("neighbour", " ".join(words[:2]), busy, alone)


def batch_row(name: str, steps: int, repeats: int) -> Row:
    """A run of a domain's first model in a batch, as `remdm sample --count` makes it; `other` makes one by one."""
    domain = DOMAINS[name]
    model = domain.model(None)
    chosen = settings("remdm-cap", steps)
    runs = [prepare(RunRequest(domain, model, "", model.length, chosen, 0, index)) for index in range(BATCH)]
    acts = (lambda: record_together(runs), lambda: [record_together([each]) for each in runs[:ALONE]])
    together, alone = interleaved(acts, repeats, "wall")
    return row("batch", name, together / BATCH, alone / ALONE, runs=BATCH)


def command_rows(repeats: int | None) -> Iterator[Row]:
    """All of them."""
    repeats = repeats or 3
    yield from start_rows(repeats)
    yield neighbour_row(repeats)
    for name, steps in BATCHED.items():
        yield batch_row(name, steps, repeats)
