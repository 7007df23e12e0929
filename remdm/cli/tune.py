"""`tune`: search for the settings of a domain's embedded model, or choose those that its page opens with."""

import argparse

from remdm.domains import registry
from remdm.evaluation.tuning import calm, search


def add_arguments(parser: argparse.ArgumentParser) -> None:
    search.add_arguments(parser, registry.NAMES)
    calm.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
    kind = registry.measurements()[args.domain]
    if args.recommend:
        calm.run(args, kind, registry.DOMAINS[args.domain])
    else:
        search.run(args, kind)
