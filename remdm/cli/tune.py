"""`tune`: search for the settings of a domain's embedded model."""

import argparse

from remdm.domains import registry
from remdm.evaluation.tuning import search


def add_arguments(parser: argparse.ArgumentParser) -> None:
    search.add_arguments(parser, registry.NAMES)


def run(args: argparse.Namespace) -> None:
    search.run(args, registry.measurements()[args.domain])
