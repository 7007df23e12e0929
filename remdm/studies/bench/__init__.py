"""`python -m remdm bench`: what a step, a crowd of visitors and the page cost, as rows of a JSON file."""

from remdm.studies.bench.command import add_arguments, run

__all__ = ["add_arguments", "run"]
