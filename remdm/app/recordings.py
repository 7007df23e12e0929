"""Recorded runs as the page opens with them: what the checker says and the stage shows of each is kept next to it.

To check and draw the fifteen runs that the tabs open with took two thirds of a second of every start. `remdm pairs`,
`remdm lesson` and `remdm record shown` write it.
"""

import gzip
import hashlib
import json
from pathlib import Path

from remdm.app.samples import Sample, checked
from remdm.runs.domain import Domain
from remdm.runs.tokens import Issue
from remdm.runs.trace import Trace
from remdm.runs.trace_file import load, save


def shown_file(file: Path) -> Path:
    """Where it lies for a trace, `NAME.json.gz`."""
    return file.with_name(file.name.replace(".json", ".shown.json"))


def traces(folder: Path) -> list[Path]:
    """The recorded traces in a folder."""
    return [file for file in sorted(folder.glob("*.json.gz")) if not file.name.endswith(".shown.json.gz")]


def keep(trace: Trace, file: Path, domain: Domain) -> None:
    """Write a trace, and what is shown of it."""
    save(trace, file)
    save_shown(domain, file)


def save_shown(domain: Domain, file: Path) -> None:
    """Check and draw a recorded trace.

    Raises:
        TraceError: if the trace is damaged.
    """
    sample = checked(domain, load(file))
    issues = None
    if sample.issues is not None:
        issues = [[[each.positions, each.kind, each.message] for each in found] for found in sample.issues]
    kept = {"of": _digest(file), "issues": issues, "scenes": sample.scenes()}
    data = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
    shown_file(file).write_bytes(gzip.compress(data, mtime=0))


def recorded_sample(domain: Domain, file: Path) -> Sample:
    """A recorded run; where nothing is kept of just this trace, it is checked now and drawn when it is shown.

    Raises:
        TraceError: if the trace is damaged.
    """
    trace, beside = load(file), shown_file(file)
    kept = json.loads(gzip.decompress(beside.read_bytes())) if beside.is_file() else {}
    if kept.get("of") != _digest(file):
        return checked(domain, trace)
    issues = None
    if kept["issues"] is not None:
        issues = tuple(tuple(Issue(tuple(place), *about) for place, *about in found) for found in kept["issues"])
    return Sample(trace, issues, domain, kept["scenes"])


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
