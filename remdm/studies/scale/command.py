"""The command: measure a deployment on this machine, or print what was measured and what follows from it."""

import argparse
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from remdm.paths import ASSETS
from remdm.serving.engine import Local
from remdm.serving.remote import Remote
from remdm.studies.bench.rows import Row, line, read, write
from remdm.studies.scale.crowd import deployment, visits, work
from remdm.studies.scale.report import markdown

RESULTS = ASSETS / "results" / "scale.json"
SHARED = (1, 2, 4, 8, 16)
"""Visitors of one replica."""
OVERHEAD, CROWD, ROUNDS = 8, 64, 3
IDLE = 8.0
"""Seconds over which it is measured what a cluster takes that does nothing."""
STEPS = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--measure", action="store_true", help="measure on this machine first; needs Ray")
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=tuple(PARTS), help="of what is measured")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where the figures are")
    parser.add_argument("--port", type=int, default=8110)
    parser.add_argument("--visitors", type=int, nargs="+", default=[16, 64, 300, 1000, 3000, 10_000], metavar="N")
    parser.add_argument("--steps", type=int, default=64, help="of a visitor's run (default 64)")
    parser.add_argument("--think", type=float, default=30.0, help="seconds between two runs of a visitor (default 30)")
    help_price = "dollars for an hour of a CPU core, and of a GPU: what you pay (default 0.05 and 3)"
    parser.add_argument("--price", type=float, nargs=2, default=[0.05, 3.0], metavar=("CORE", "GPU"), help=help_price)


def overhead(port: int) -> Iterator[Row]:
    """The same visitors at this process and at one replica with as many threads, in turns."""
    here = Local()
    for threads in dict.fromkeys((1, os.cpu_count() or 1)):
        torch.set_num_threads(threads)
        with deployment(port, "--replicas", "1", "--cpus", str(threads)) as (address, process):
            there = Remote(address)
            for engine in (here, there):
                visits(engine, OVERHEAD, 4)
            before = work(process)
            time.sleep(IDLE)
            idle = (work(process) - before) / IDLE
            for round_ in range(ROUNDS):
                for name, engine, more in (("local", here, 0), ("ray", there, process)):
                    row = visits(engine, OVERHEAD, STEPS, more)
                    yield {
                        "part": "overhead", "engine": name, "threads": threads, "round": round_, "visitors": OVERHEAD,
                        "idle": idle if more else 0, **row,
                    }  # fmt: skip


def shared(port: int) -> Iterator[Row]:
    """One replica with one core, and how many share it: what the simulation is fed with."""
    with deployment(port, "--replicas", "1", "--cpus", "1") as (address, process):
        engine = Remote(address)
        visits(engine, 2, 4)
        for visitors in SHARED:
            yield {"part": "shared", "visitors": visitors, **visits(engine, visitors, STEPS, process)}


def replicas(port: int) -> Iterator[Row]:
    """As many visitors as one would see in a lecture, at 1, 2 and 4 replicas on the same cores."""
    cores = os.cpu_count() or 1
    for number in (1, 2, 4):
        with deployment(port, "--replicas", str(number), "--cpus", str(cores / number)) as (address, process):
            engine = Remote(address)
            visits(engine, 2 * number, 4)
            for visitors in (OVERHEAD, CROWD):
                row = visits(engine, visitors, STEPS if visitors == OVERHEAD else STEPS // 2, process)
                yield {"part": "replicas", "replicas": number, "visitors": visitors, **row}


PARTS = {"overhead": overhead, "shared": shared, "replicas": replicas}


def run(args: argparse.Namespace) -> None:
    """Measure where that is asked for, and print the page of docs/scale.md that is made of figures.

    Raises:
        ValueError: without figures, or without Ray.
    """
    if args.measure:
        rows = [each for each in read(args.json) if each["part"] not in args.only]
        machine = f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}"
        for part in args.only:
            load = round(os.getloadavg()[0], 1)
            for row in PARTS[part](args.port):
                rows.append({**row, "machine": machine, "load_before": load})
                print(line(rows[-1]), flush=True)
            write(args.json, rows)
    rows = read(args.json)
    if not rows:
        raise ValueError(f"There are no figures in {args.json} yet; make some with --measure")
    print(markdown(rows, args.visitors, args.steps, args.think, *args.price))
