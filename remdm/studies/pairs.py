"""`remdm pairs`: records the pair of runs that each tab opens with, from the same noise, as its index says."""

import argparse
import json
from pathlib import Path

from remdm.app.recordings import keep
from remdm.app.workbench.opening import FOLDER, trace_file
from remdm.domains.registry import DOMAINS
from remdm.runs.branch import BranchRequest, pane, pane_trace
from remdm.runs.request import RunRequest
from remdm.runs.trace import Trace
from remdm.sampling.methods import settings


def pair(domain: str, about: dict) -> list[Trace]:
    """The runs of an entry of the index, lane by lane."""
    kind = DOMAINS[domain]
    model = kind.model(about["model"])
    made = []
    for lane in about["lanes"]:
        chosen = settings(lane["sampler"], about["steps"], **lane["settings"])
        request = RunRequest(
            kind, model, about.get("prompt", ""), model.length, chosen, about["seed"], asked=kind.ask(**about["asked"])
        )
        run = pane(BranchRequest(request))
        made.append(pane_trace(run, [step.frame for step in run.steps()]))
    return made


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("domains", nargs="*", metavar="DOMAIN", help="default: all that the index names")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="holds index.json and gets the traces")


def run(args: argparse.Namespace) -> None:
    """Record them, and say how many errors each lane leaves.

    Raises:
        ValueError: for a domain that the index does not name.
    """
    index = json.loads((args.folder / "index.json").read_text(encoding="utf-8"))
    for domain in args.domains or index:
        if domain not in index:
            raise ValueError(f"domain must be one of {', '.join(index)}, got {domain}")
        for lane, trace in enumerate(pair(domain, index[domain])):
            path = trace_file(args.folder, domain, lane)
            keep(trace, path, DOMAINS[domain])
            print(path)
