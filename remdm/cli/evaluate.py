"""`evaluate`: draw many samples of a domain and measure them; each domain brings its flags and the work."""

import argparse

from remdm.domains import registry
from remdm.evaluation.sweeps import sweep


def add_arguments(parser: argparse.ArgumentParser) -> None:
    domains = parser.add_subparsers(dest="domain", required=True)
    for name, kind in registry.measurements().items():
        sweep.add_arguments(domains.add_parser(name), kind)


def run(args: argparse.Namespace) -> None:
    sweep.run(args, registry.measurements()[args.domain])
