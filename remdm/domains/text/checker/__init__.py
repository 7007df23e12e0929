"""The checker of the story world: reads a story back, and says what is wrong, where and why.

`check(words)` is a pure function of the words; `summary(reports)` makes the numbers of the tables.
"""

from remdm.domains.text.checker.checker import check
from remdm.domains.text.checker.numbers import KINDS, summary, world_entropy
from remdm.domains.text.checker.report import ERROR, OK, OPEN, Error, Report, Span

__all__ = ["ERROR", "KINDS", "OK", "OPEN", "Error", "Report", "Span", "check", "summary", "world_entropy"]
