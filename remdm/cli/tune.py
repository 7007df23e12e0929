"""`tune`: search for the settings of a domain's embedded model."""

import argparse

from remdm.domains import registry
from remdm.evaluation.tuning import search


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    search.add_arguments(parser, registry.NAMES)


def run(args: argparse.Namespace) -> None:
    """Search with the domain's own measurement."""
    search.run(args, registry.measurements()[args.domain])
