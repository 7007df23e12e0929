"""The checker of the story world: reads a story back, and says what is wrong, where and why.

`check(words)` is a pure function of the words; `entropies(reports)` says how varied stories are.
"""

from remdm.domains.text.checker.checker import check
from remdm.domains.text.checker.numbers import DRAWN, KINDS, drawn, entropies, world_entropy
from remdm.domains.text.checker.report import Report

__all__ = ["DRAWN", "KINDS", "Report", "check", "drawn", "entropies", "world_entropy"]
