"""Temporal voting (arXiv 2508.09138): the answer that a run gave at most of its steps, the later ones counting more.

After each step the network has an answer: the tokens that stand, and its likeliest token at each mask. A run can so
come upon the right one and leave it again. All of it is in the trace, if that keeps the likeliest tokens (`drafts`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import exp

from remdm.domains.countdown.domain import verdict
from remdm.runs.tokens import TokenView
from remdm.runs.trace import Trace, replay

ALPHA = 11.0
"""How much more the later steps count: a step's weight is exp(alpha step / T)."""


@dataclass
class Ballot:
    """The answers of one run's steps so far, each with its weight."""

    steps: int
    mask_id: int
    weights: dict[tuple[int, ...], float] = field(default_factory=dict)

    def cast(self, step: int, ids: Sequence[int]) -> None:
        """The row `[LENGTH]` after a step, counted from 1; one that is not a complete answer does not count."""
        found = verdict(TokenView(tuple(ids), self.mask_id))
        if found is not None and found.complete:
            self.weights[tuple(ids)] = self.weights.get(tuple(ids), 0.0) + exp(ALPHA * (step / self.steps - 1.0))

    @property
    def winner(self) -> tuple[tuple[int, ...], float] | None:
        """The row with the greatest weight, the first one among equals, and its share of all; None without a vote."""
        if not self.weights:
            return None
        best = max(self.weights, key=lambda ids: self.weights[ids])
        return best, self.weights[best] / sum(self.weights.values())


def guesses(trace: Trace) -> Iterator[tuple[int, ...]]:
    """The row after each step as the network would complete it; the mask stays where its guess was not kept."""
    known: dict[int, int] = {}
    for frame, after in zip(trace.steps, replay(trace), strict=True):
        known |= dict(frame.drafts)
        yield tuple(
            known.get(place, token) if token == trace.mask_id else token for place, token in enumerate(after.tolist())
        )


def vote(trace: Trace) -> Ballot:
    """The ballot of a run, from its trace alone."""
    ballot = Ballot(len(trace.steps), trace.mask_id)
    for step, ids in enumerate(guesses(trace), 1):
        ballot.cast(step, ids)
    return ballot
