"""`vote`: the answer that most steps of a Countdown run gave, from its trace."""

import argparse
from pathlib import Path

from remdm.domains.countdown.domain import EMBEDDED, text, verdict
from remdm.domains.countdown.vote import vote
from remdm.models.network import compute
from remdm.runs.tokens import TokenView
from remdm.runs.trace_file import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("traces", nargs="+", type=Path, help="trace files of `remdm sample countdown --drafts`")


def run(args: argparse.Namespace) -> None:
    """Print the last answer of each run and the elected one, and how many of both are right.

    Raises:
        ValueError: for a file that is not a trace of an embedded Countdown model.
    """
    embedded, right = {model.name: model for model in EMBEDDED}, [0, 0]
    for path in args.traces:
        trace = load(path)
        model = embedded.get(str(trace.run.get("model")))
        if trace.run.get("domain") != "countdown" or model is None:
            raise ValueError(f"{path.name} is not a run of {' or '.join(embedded)}, whose answers can be counted")
        checkpoint = model.load(compute("cpu"))
        ids, share = vote(trace) or (trace.final, 0.0)
        for place, (name, row) in enumerate((("last", trace.final), ("vote", ids))):
            found = verdict(TokenView(tuple(row), trace.mask_id))
            right[place] += bool(found and found.correct)
            mark = "right" if found and found.correct else "wrong"
            print(f"{name}: {text(row, checkpoint)} ({mark}{f', {share:.0%} of the weight' if place else ''})")
    print(f"right: last answers {right[0]} of {len(args.traces)}, elected ones {right[1]} of {len(args.traces)}")
