"""The command: its parts in order, each in a process of its own, so that one that fails or hangs costs the rest little.

A machine with a card may be there for minutes only: what is done is in the report at once, and what time is left for
is said, not begun.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from remdm.models.network import DEVICES, compute
from remdm.studies.gpu import samples, times
from remdm.studies.gpu.report import Report

TESTS = Path(__file__).resolve().parents[3] / "tests" / "gpu"
GRACE = 3.0
"""Seconds that a part has less than its process: to end by itself."""
LEAST = 10.0
"""Seconds: a part for which less is left is not begun."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=10.0, help="when to stop (default 10)")
    parser.add_argument("--out", type=Path, default=Path("gpu"), help="a folder for gpu.md, gpu.json and samples.zip")
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=list(PARTS), metavar="PART",
                        help=f"any of {', '.join(PARTS)}")  # fmt: skip
    parser.add_argument("--device", default="cuda", choices=DEVICES)
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"times of {', '.join(times.NAMES)} alone")
    parser.add_argument("--cells", type=Path, help="samples: a JSON list of lists of `evaluate`'s arguments")
    parser.add_argument("--import", dest="archive", type=Path, metavar="ZIP", help="only put drawn samples into OUT")


def run(args: argparse.Namespace) -> None:
    """`gpu`: the parts that were asked for, and a table of what came out.

    Raises:
        ValueError: for minutes that are not above 0, a device that is not there, or an invalid list of cells.
    """
    if args.minutes <= 0:
        raise ValueError(f"minutes must be above 0, got {args.minutes:g}")
    if args.archive:
        print(f"{samples.unpack(args.archive, args.out)} files of samples are in {args.out}")
        return
    until = time.monotonic() + 60 * args.minutes
    args.out.mkdir(parents=True, exist_ok=True)
    report = Report(args.out)
    if len(args.parts) == 1:
        PARTS[args.parts[0]](args, report, until)
        return
    chosen = compute(args.device)
    report.add("machine", f"{chosen.title}, torch {torch.__version__}, {os.cpu_count()} cores")
    for part in args.parts:
        left = until - time.monotonic()
        if left < LEAST:
            report.failed(part, "not begun: no time is left")
            continue
        _apart(part, args, left, report)
    print(Report(args.out).table())


def _apart(part: str, args: argparse.Namespace, left: float, report: Report) -> None:
    """A part in a process of its own, ended when its time is over."""
    command = [sys.executable, "-m", "remdm", "gpu", "--parts", part, "--minutes", f"{(left - GRACE) / 60:.3f}",
               "--out", str(args.out), "--device", args.device]  # fmt: skip
    command += ["--only", *args.only] if args.only else []
    command += ["--cells", str(args.cells)] if args.cells else []
    try:
        code = subprocess.run(command, timeout=left).returncode
    except subprocess.TimeoutExpired:
        report.failed(part, f"stopped after {left:.0f} s")
    else:
        if code:
            report.failed(part, f"ended with exit status {code}")


def tests(args: argparse.Namespace, report: Report, until: float) -> None:
    """`pytest -m gpu`, without what the page's tests need."""
    begun = time.monotonic()
    if not TESTS.is_dir():
        report.failed("tests", "there are none here: run this in a checkout of the repository")
        return
    command = [sys.executable, "-m", "pytest", "--noconftest", "-q", "-m", "gpu", "--tb=short", str(TESTS)]
    environment = {**os.environ, "REMDM_TEST_DEVICE": compute(args.device).device.type}
    log = args.out / "tests.txt"
    with log.open("w", encoding="utf-8") as file:
        try:
            code = subprocess.run(
                command, cwd=TESTS.parents[1], env=environment, stdout=file, stderr=subprocess.STDOUT,
                timeout=until - begun,
            ).returncode  # fmt: skip
            outcome = "passed" if code == 0 else f"exit status {code}"
        except subprocess.TimeoutExpired:
            outcome = "out of time"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    failures = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    print("\n".join([*failures[:20], *lines[-1:]]), flush=True)
    report.add("tests", "pytest -m gpu", outcome=outcome, summary=lines[-1] if lines else "",
               failures=failures[:20], seconds=time.monotonic() - begun)  # fmt: skip


PARTS: dict[str, Callable[[argparse.Namespace, Report, float], None]] = {
    "tests": tests,
    "times": times.run,
    "samples": samples.run,
}
"""By name, in their order."""
