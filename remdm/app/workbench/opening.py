"""The opening scene of a tab: two recorded runs from the same noise, of which one may take tokens back.

They are recorded by `remdm pairs` from what `assets/recorded/pairs/index.json` says of each domain.
"""

import json
from pathlib import Path

from remdm.app.components.board import Comparison
from remdm.app.samples import checked
from remdm.paths import ASSETS
from remdm.runs.domain import Domain
from remdm.runs.trace import load

FOLDER = ASSETS / "recorded" / "pairs"


def trace_file(folder: Path, domain: str, lane: int) -> Path:
    """Where a lane's trace lies."""
    return folder / f"{domain}-{lane}.json.gz"


def opening(domain: Domain, folder: Path = FOLDER) -> str | None:
    """The message of a domain's recorded pair for the board, which plays it; None where the domain has none.

    Raises:
        TraceError: if a trace of it is damaged.
    """
    about = json.loads((folder / "index.json").read_text(encoding="utf-8")).get(domain.name)
    if about is None:
        return None
    lanes = about["lanes"]
    samples = tuple(checked(domain, load(trace_file(folder, domain.name, lane))) for lane in range(len(lanes)))
    pair = Comparison(tuple(lane["title"] for lane in lanes), ([],) * len(lanes), samples, ("",) * len(lanes))
    return pair.message([lane["about"] for lane in lanes], headline=about["headline"], play=True)
