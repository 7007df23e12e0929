"""`remdm record`: makes anew what the page plays without a model, so that new weights need no handwork.

    runs      assets/recorded: each run again, by what its own file says of it
    pairs     the opening pairs (`remdm pairs`)
    lesson    the runs of Learn (`remdm lesson`)
    shown     what the checker says and the stage shows of the runs of pairs and lesson, which stay as they are
    gallery   pieces with a rule are found anew and told from their run; of the others it is said if theirs has changed

A piece with a rule names in `assets/gallery/index.json`, under `rule`, its domain, sampler, settings and which of two
things it shows. `kept`: the first seed from 1 on at which an error stays to the end. `found`: the first one that ends
without an error after one that stood for five steps or more (`stood` may ask for fewer).
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from remdm.app.learn.recorded import FOLDER as LEARN
from remdm.app.recordings import save_shown, shown_file, traces
from remdm.app.workbench.opening import FOLDER as PAIRS
from remdm.domains.registry import DOMAINS
from remdm.paths import ASSETS
from remdm.runs.branch import request_of
from remdm.runs.record import prepare, record
from remdm.runs.request import RunRequest
from remdm.runs.tokens import Issue
from remdm.runs.trace import Trace
from remdm.runs.trace_file import load, save
from remdm.sampling.methods import settings
from remdm.studies import lesson, pairs

MOST_SEEDS = 400
STOOD = 5
"""Steps for which a found error stood, where a rule says nothing else."""
RECORDED, GALLERY = ASSETS / "recorded", ASSETS / "gallery"


def request_again(trace: Trace) -> RunRequest:
    """What to ask for to make the run of a trace with the weights of today, whose mask may be another."""
    request = request_of(trace, DOMAINS[trace.run["domain"]])
    start = None if set(trace.start) == {trace.mask_id} else trace.start
    return replace(request, start=start, coupled=bool(trace.run.get("coupled")))


def again(trace: Trace) -> Trace:
    """The run of a trace with the weights of today."""
    return record(request_again(trace))


def runs() -> None:
    """Record each single run again."""
    for path in sorted(RECORDED.glob("*.json.gz")):
        save(again(load(path)), path)
        print(path)


def command(module: ModuleType) -> Callable[[], None]:
    """A command of its own, with its default flags."""

    def act() -> None:
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        module.run(parser.parse_args([]))

    return act


def first_seen(errors: Sequence[Sequence[Issue]], show: str, stood: int = STOOD) -> tuple[int, int, str] | None:
    """When the error that a piece is about began, when it ended (0: never), and what is wrong; None without one."""
    if show == "kept":
        if not errors[-1]:
            return None
        issue = errors[-1][0]
        begun = len(errors) - 1
        while begun > 0 and issue in errors[begun - 1]:
            begun -= 1
        return begun + 1, 0, issue.message
    if errors[-1]:
        return None
    ended = max((at for at, each in enumerate(errors) if each), default=-1)  # the last step with an error
    begun = ended
    while begun > 0 and errors[begun - 1]:
        begun -= 1
    return (begun + 1, ended + 2, errors[ended][0].message) if ended - begun + 1 >= stood else None


def sentences(trace: Trace, found: tuple[int, int, str]) -> str:
    """A piece in a few sentences, from its run alone."""
    begun, ended, why = found
    problem = f"The problem is {trace.run['prompt']}. " if trace.run.get("prompt") else ""
    why = why[:1].lower() + why[1:].rstrip(".")
    if not ended:
        return f"{problem}At step {begun} an error stands that nothing will take back: {why}. It is there at the end."
    return (
        f"{problem}At step {begun} an error stands: {why}. The sampler goes on sending tokens back, "
        f"and from step {ended} on the error is gone, by itself."
    )


def ruled(rule: dict[str, Any]) -> tuple[Trace, str]:
    """The first run that a rule fits, and what it tells.

    Raises:
        ValueError: where none of the first seeds does.
    """
    domain = DOMAINS[rule["domain"]]
    model, chosen = domain.models[0], settings(rule["sampler"], rule["steps"], **rule.get("settings", {}))
    for seed in range(1, MOST_SEEDS + 1):
        prepared = prepare(RunRequest(domain, model, "", model.length, chosen, seed, drafts=True))
        steps = list(prepared.steps())
        found = first_seen([step.issues for step in steps], rule["show"], rule.get("stood", STOOD))
        if found:
            trace = prepared.trace([step.frame for step in steps])
            return trace, sentences(trace, found)
    raise ValueError(f"no seed up to {MOST_SEEDS} gives the gallery a piece by {rule}")


def gallery() -> None:
    """Find the pieces with a rule anew, and check the others."""
    index = json.loads((GALLERY / "index.json").read_text(encoding="utf-8"))
    for piece in index:
        path: Path = GALLERY / piece["file"]
        if "rule" in piece:
            trace, piece["told"] = ruled(piece["rule"])
            save(trace, path)
            print(path)
            continue
        trace = load(path)
        if "changed_position" in trace.run:
            print(f"{path}: planted by hand, left as it is")
        elif again(trace).final != trace.final:
            print(f"{path}: its run has changed; look for another, and write its words anew")
        else:
            print(f"{path}: unchanged")
    text = json.dumps(index, indent=2, ensure_ascii=False)
    (GALLERY / "index.json").write_text(text + "\n", encoding="utf-8")


def shown() -> None:
    """Check and draw the traces of pairs and lesson anew, as they are."""
    for folder in (PAIRS, LEARN):
        for file in traces(folder):
            save_shown(DOMAINS[load(file).run["domain"]], file)
            print(shown_file(file))


PARTS: dict[str, Callable[[], None]] = {
    "runs": runs, "pairs": command(pairs), "lesson": command(lesson), "gallery": gallery,
    "shown": shown,
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)} (default: all)")


def run(args: argparse.Namespace) -> None:
    """Make them in order.

    Raises:
        ValueError: for an unknown part, or where no seed fits a rule.
    """
    for part in args.parts:
        if part not in PARTS:
            raise ValueError(f"part must be one of {', '.join(PARTS)}, got {part}")
    for part in args.parts or PARTS:
        PARTS[part]()
