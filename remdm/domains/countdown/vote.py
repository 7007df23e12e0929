"""Temporal voting (arXiv 2508.09138): the answer that a run gave at most of its steps, the later ones counting more.

After each step the network has an answer: the tokens that stand, and its likeliest token at each mask. A run can so
come upon the right one and leave it again. All of it is in the trace, if that keeps the likeliest tokens (`drafts`).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import exp

from remdm.domains.countdown.domain import verdict
from remdm.runs.tokens import TokenView
from remdm.runs.trace import Trace, replay

ALPHA = 11.0
"""How much more the later steps count: a step's weight is exp(alpha step / T)."""


def elected(answers: Sequence[Sequence[int]], mask_id: int) -> tuple[tuple[int, ...], float] | None:
    """What the rows `[LENGTH]` after each step elect, the first one among equals, and its share of all weights.

    A row that is not a complete answer does not count; None if none does.
    """
    weights: defaultdict[tuple[int, ...], float] = defaultdict(float)
    for step, ids in enumerate(map(tuple, answers), 1):
        found = verdict(TokenView(ids, mask_id))
        if found is not None and found.complete:
            weights[ids] += exp(ALPHA * (step / len(answers) - 1.0))
    best = max(weights, key=weights.__getitem__, default=None)
    return None if best is None else (best, weights[best] / sum(weights.values()))


def guesses(trace: Trace) -> Iterator[tuple[int, ...]]:
    """The row after each step as the network would complete it; the mask stays where its guess was not kept."""
    known: dict[int, int] = {}
    for frame, after in zip(trace.steps, replay(trace), strict=True):
        known |= dict(frame.drafts)
        yield tuple(
            known.get(place, token) if token == trace.mask_id else token for place, token in enumerate(after.tolist())
        )


def vote(trace: Trace) -> tuple[tuple[int, ...], float] | None:
    """What the steps of a run elect, from its trace alone."""
    return elected(list(guesses(trace)), trace.mask_id)
