"""The opening scene of a tab: two recorded runs from the same noise, of which one may take tokens back.

They are recorded by `remdm pairs` from what `assets/recorded/pairs/index.json` says of each domain.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from remdm.app.components.board import Comparison, of_samples
from remdm.app.recordings import recorded_sample
from remdm.app.samples import checked
from remdm.paths import ASSETS
from remdm.runs.domain import Domain
from remdm.runs.trace_file import load
from remdm.views.messages import title

FOLDER = ASSETS / "recorded" / "pairs"


def trace_file(folder: Path, domain: str, lane: int) -> Path:
    """Where a lane's trace lies."""
    return folder / f"{domain}-{lane}.json.gz"


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
