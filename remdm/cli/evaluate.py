"""`evaluate`: draw many samples of a domain and measure them; each domain brings its flags and the work."""

import argparse
from types import ModuleType

from remdm.domains import registry


def _measure(domain: str) -> ModuleType:
    module = registry.role(domain, "measure")
    assert module is not None, f"the domain {domain} has no measure.py"
    return module


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One subcommand a domain."""
    domains = parser.add_subparsers(dest="domain", required=True)
    for name in registry.NAMES:
        _measure(name).add_arguments(domains.add_parser(name))


def run(args: argparse.Namespace) -> None:
    """Measure the domain that was named."""
    _measure(args.domain).run(args)
