"""The command: which rows are made, and where they go."""

import argparse
import platform
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import torch

from remdm.models.network import DEVICES, Compute, compute
from remdm.studies.bench.commands import command_rows
from remdm.studies.bench.crowd import CROWDED, alone_ms, crowded, crowds
from remdm.studies.bench.floor import against_floor
from remdm.studies.bench.page import PageError, page_row
from remdm.studies.bench.reference import Reference
from remdm.studies.bench.report import markdown
from remdm.studies.bench.rows import CLOCKS, Row, line, put, read
from remdm.studies.bench.steps import GEOMETRIES, embedded_cases, measured, random_case
from remdm.studies.bench.targets import verdicts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = ", ".join((*GEOMETRIES, "the embedded models, visitors, page, click, arrival, scrub, command"))
    parser.add_argument("--json", type=Path, help="write the rows to this file; others that it has stay")
    parser.add_argument("--table", action="store_true", help="only print what is in that file, as Markdown")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"any of {names} (default all)")
    parser.add_argument("--repeats", type=int, help="timings of each step (default 3 to 15, by size)")
    parser.add_argument("--threads", type=int, help="of torch (default all cores)")
    help_clock = "time that passed, or the process's own: for a machine with other work, with one thread"
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall", help=help_clock)
    help_reference = "a clone of github.com/kuleshov-group/remdm, whose code is run: time the authors' own step too"
    parser.add_argument("--reference", type=Path, metavar="FOLDER", help=help_reference)
    parser.add_argument("--device", default="auto", choices=DEVICES)


def works(
    chosen: Compute, args: argparse.Namespace, reference: Reference | None
) -> dict[str, Callable[[], Iterator[Row]]]:
    """What can be measured, by name."""

    def step(make: Callable) -> Callable[[], Iterator[Row]]:
        def rows() -> Iterator[Row]:
            case = make()
            yield against_floor(case, measured(case, args.clock, args.repeats, reference))

        return rows

    def page() -> Iterator[Row]:
        yield page_row("text", CROWDED, alone_ms(*crowded(chosen)))

    def browsed(measure: str, *what: str) -> Callable[[], Iterator[Row]]:
        """A row of browser.py, which takes Gradio and Playwright: of no use where neither is."""
        return lambda: iter([getattr(import_module("remdm.studies.bench.browser"), measure)(*what)])

    made = {geometry: step(lambda geometry=geometry: random_case(geometry, chosen)) for geometry in GEOMETRIES}
    made |= {name: step(make) for name, make in embedded_cases(chosen)}
    return made | {
        "visitors": lambda: crowds(CROWDED, *crowded(chosen)),
        "page": page,
        "click": browsed("click_row", "text", CROWDED),
        "arrival": browsed("arrival_row", "text"),
        "scrub": browsed("scrub_row"),
        "command": lambda: command_rows(args.repeats),
    }


def run(args: argparse.Namespace) -> None:
    """`bench`: print the table as it grows, write the rows, and say which targets they meet; or only the page of them.

    Raises:
        ValueError: for an unknown name, numbers below 1, a page of rows that are not there, or a folder that is not a
            clone of the authors' code.
    """
    for name in ("repeats", "threads"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(args, name)}")
    if args.table:
        if args.json is None or not (kept := read(args.json)):
            raise ValueError("table needs rows: name their file with --json, or run the command without --table first")
        print(markdown(kept), end="")
        return
    reference = Reference(args.reference) if args.reference else None
    if args.threads:
        torch.set_num_threads(args.threads)
    chosen = compute(args.device)
    there = works(chosen, args, reference)
    for name in args.only or ():
        if name not in there:
            raise ValueError(f"only must be any of {', '.join(there)}, got {name}")
    machine = f"{torch.get_num_threads()} threads, {platform.processor() or platform.machine()}"
    print(f"{chosen.device.type} {str(chosen.dtype).removeprefix('torch.')}: {chosen.reason}; {machine}")
    rows: list[Row] = []
    for name in args.only or there:
        try:
            for made in there[name]():
                print(line(made), flush=True)
                rows.append(made)
                if args.json:
                    put(args.json, made)
        except PageError as error:
            if args.only:
                raise
            print(f"{name}: {error}", flush=True)
    for each in verdicts(read(args.json) if args.json else rows):
        print(f"{each.state}: {each.target} ({each.measured or 'no row'})")
