"""The command line: the same runs without a page. Each command is a module with `add_arguments` and `run`."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import remdm
from remdm.models import allocator

COMMANDS = {
    "sample": ("remdm.cli.sample", "run a sampler and write its trace"),
    "serve": ("remdm.cli.serve", "replicas of the models on a Ray cluster, for pages and commands"),
    "train": ("remdm.cli.train", "train an embedded model; call again to go on"),
    "evaluate": ("remdm.cli.evaluate", "draw many samples and measure them"),
    "tune": ("remdm.cli.tune", "search for the best settings of a sampler"),
    "vote": ("remdm.cli.vote", "the answer that most steps of a Countdown run gave, from its trace"),
    "tables": ("remdm.studies.paper_tables", "the paper's tables and ours, from the result files"),
    "reproduce": ("remdm.studies.reproduce.command", "draw and score a table of the paper with the public checkpoints"),
    "precision": ("remdm.studies.precision", "what 32-bit noise does, on a language that is known exactly"),
    "doubt": ("remdm.studies.doubt", "which score finds a wrong word: visible, hidden, a trained head"),
    "bound": ("remdm.studies.bound", "the training bound on held-out text"),
    "pairs": ("remdm.studies.pairs", "record the pairs of runs that the tabs open with"),
    "record": ("remdm.studies.recordings", "make all that the page plays without a model anew"),
    "lesson": ("remdm.studies.lesson", "choose and record the runs of Learn"),
    "bench": ("remdm.studies.bench.command", "time a step against a literal implementation"),
    "scale": ("remdm.studies.scale.command", "what a deployment carries: measured, and simulated for more visitors"),
    "gpu": ("remdm.studies.gpu.command", "try a CUDA device: tests, times, samples"),
    "models": ("remdm.hub.listing", "list the models, fetch one, measure what loading takes"),
}
"""Command -> its module, imported only when it is called for, and what it does."""


def parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """All commands, and the flags of the one that `argv` names."""
    made = argparse.ArgumentParser(prog="remdm", description=remdm.__doc__.splitlines()[0])
    made.add_argument("--version", action="version", version=f"%(prog)s {remdm.__version__}")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    called = next((word for word in argv if not word.startswith("-")), None)
    for name, (module, about) in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
        if name == called:
            found = import_module(module)
            found.add_arguments(command)
            command.set_defaults(run=found.run)
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command; what the user got wrong is one sentence on stderr and exit status 2."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch is loaded: threads that wait cost others nothing
    for stream in (sys.stdout, sys.stderr):  # a terminal or a pipe that is not UTF-8 gets ? for what it cannot print
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # in such a locale the flags' letters arrive as single bytes
    argv = [os.fsencode(word).decode("utf-8", "replace") for word in (sys.argv[1:] if argv is None else argv)]
    args = parser(argv).parse_args(argv)
    allocator.keep()
    try:
        args.run(args)
    except (ValueError, OSError) as error:
        print(f"remdm: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
