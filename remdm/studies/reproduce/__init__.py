"""`python -m remdm reproduce TABLE`: draws and scores what a table of the paper reports."""

from remdm.studies.reproduce.command import add_arguments, run

__all__ = ["add_arguments", "run"]
