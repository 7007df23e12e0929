"""The opening scene of a tab: two recorded runs from the same noise, of which one may take tokens back.

They are recorded by `remdm pairs` from what `assets/recorded/pairs/index.json` says of each domain, and so is what the
stage shows of them: to draw the pictures of a run takes a quarter of a second, which every start would take again.
"""

import gzip
import json
from dataclasses import dataclass, replace
from pathlib import Path

from remdm.app.components.board import Comparison, of_samples
from remdm.app.samples import Sample, checked
from remdm.paths import ASSETS
from remdm.runs.domain import Domain
from remdm.runs.trace_file import load
from remdm.views.messages import title

FOLDER = ASSETS / "recorded" / "pairs"


def trace_file(folder: Path, domain: str, lane: int) -> Path:
    """Where a lane's trace lies."""
    return folder / f"{domain}-{lane}.json.gz"


def scenes_file(file: Path) -> Path:
    """Where lies what the stage shows of a trace."""
    return file.with_name(file.name.replace(".json", ".scenes.json"))


def save_scenes(domain: Domain, file: Path) -> None:
    """Draw a recorded trace and keep it next to it; nothing in a domain that is shown as text."""
    scenes = Sample(load(file), None, domain).scenes()
    if scenes is not None:
        data = json.dumps(scenes, ensure_ascii=False, separators=(",", ":")).encode()
        scenes_file(file).write_bytes(gzip.compress(data, mtime=0))


def recorded_sample(domain: Domain, file: Path) -> Sample:
    """A recorded trace, checked, and drawn where its scenes were kept.

    Raises:
        TraceError: if the trace is damaged.
    """
    sample, kept = checked(domain, load(file)), scenes_file(file)
    return replace(sample, drawn=json.loads(gzip.decompress(kept.read_bytes()))) if kept.is_file() else sample


@dataclass(frozen=True)
class Opening:
    """What a tab opens with: the runs, and the message that shows them."""

    shown: Comparison
    message: str


def opening(domain: Domain, recorded: Path | None = None, folder: Path = FOLDER) -> Opening | None:
    """A domain's recorded pair, which plays; else the run in the file `recorded`, if there is one.

    Raises:
        TraceError: if a trace of it is damaged.
    """
    about = json.loads((folder / "index.json").read_text(encoding="utf-8")).get(domain.name)
    if about is not None:
        lanes = about["lanes"]
        files = [trace_file(folder, domain.name, lane) for lane in range(len(lanes))]
        samples = tuple(recorded_sample(domain, file) for file in files)
        pair = of_samples(samples, [lane["title"] for lane in lanes], [lane["about"] for lane in lanes])
        return Opening(pair, pair.message(headline=about["headline"], play=True))
    if recorded is None or not recorded.is_file():
        return None
    first = checked(domain, load(recorded))
    return Opening(of_samples([first], [title(first.trace.run)]), first.message("recorded"))
