"""The command: which rows are made, and where they go."""

import argparse
import json
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from remdm.checkpoints import load_embedded
from remdm.evaluation.bench.crowd import alone_ms, crowds
from remdm.evaluation.bench.page import page_row
from remdm.evaluation.bench.rows import CLOCKS, Row, table
from remdm.evaluation.bench.steps import GEOMETRIES, embedded_cases, measured, random_case
from remdm.models.network import Compute, compute

CROWDED = "stories"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    names = ", ".join((*GEOMETRIES, "the embedded models, visitors, page"))
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"any of {names} (default all)")
    parser.add_argument("--repeats", type=int, help="timings of each step (default 2 to 15, by size)")
    parser.add_argument("--threads", type=int, help="of torch (default all cores)")
    help_clock = "time that passed, or the process's own: for a machine with other work, with one thread"
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall", help=help_clock)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))


def works(chosen: Compute, args: argparse.Namespace) -> dict[str, Callable[[], Iterator[Row]]]:
    """What can be measured, by name."""

    def step(make: Callable) -> Callable[[], Iterator[Row]]:
        def rows() -> Iterator[Row]:
            yield measured(make(), args.clock, args.repeats)

        return rows

    def visitors() -> Iterator[Row]:
        checkpoint = load_embedded(CROWDED, chosen)
        yield from crowds(CROWDED, checkpoint.denoiser, checkpoint.length)

    def page() -> Iterator[Row]:
        checkpoint = load_embedded(CROWDED, chosen)
        yield page_row("text", CROWDED, alone_ms(checkpoint.denoiser, checkpoint.length))

    made = {geometry: step(lambda geometry=geometry: random_case(geometry, chosen)) for geometry in GEOMETRIES}
    made |= {name: step(make) for name, make in embedded_cases(chosen)}
    return made | {"visitors": visitors, "page": page}


def run(args: argparse.Namespace) -> None:
    """`bench`: print the table as it grows, write the rows.

    Raises:
        ValueError: for a name that is none, or numbers below 1.
    """
    for name in ("repeats", "threads"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(args, name)}")
    if args.threads:
        torch.set_num_threads(args.threads)
    chosen = compute(args.device)
    there = works(chosen, args)
    for name in args.only or ():
        if name not in there:
            raise ValueError(f"only must be any of {', '.join(there)}, got {name}")
    about = f"{chosen.device.type} {str(chosen.dtype).removeprefix('torch.')}"
    print(f"{about}: {chosen.reason}; {torch.get_num_threads()} threads, {platform.processor() or platform.machine()}")
    rows: list[Row] = []
    for name in args.only or there:
        for made in there[name]():
            lines = table([made]).splitlines()
            print("\n".join(lines[bool(rows) :]), flush=True)
            rows.append(made)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")
