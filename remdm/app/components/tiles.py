"""The small pictures of all samples under the player, of those that run and of those that are done."""

import secrets
import time
from collections.abc import Sequence

from remdm.app.samples import Sample
from remdm.runs.domain import Model
from remdm.runs.tokens import TokenView
from remdm.views.tiles import tiles_message

BUSY_SHARE = 0.2
SECONDS_BETWEEN = 0.3


class Refresh:
    """Draws the tiles of a running group anew, a few times a second, and only those that changed."""

    def __init__(self, model: Model, count: int) -> None:
        self._id, self._model, self._count = secrets.token_urlsafe(8), model, count
        self._drawn: dict[int, TokenView] = {}
        self._next = 0.0

    def due(self) -> bool:
        """Whether it is time; drawing takes no more than a fifth of a run's time."""
        return time.monotonic() >= self._next

    def message(self, states: Sequence[TokenView], focus: int) -> str:
        """The message with the tiles whose tokens changed."""
        begun = time.monotonic()
        changed = {place: state for place, state in enumerate(states) if self._drawn.get(place) != state}
        self._drawn |= changed
        tiles = {place: self._model.tile(each) for place, each in changed.items() if self._model.tile}
        took = time.monotonic() - begun
        self._next = time.monotonic() + max(SECONDS_BETWEEN, took / BUSY_SHARE)
        titles = {place: f"Sample {place + 1}" for place in tiles}
        return tiles_message(self._id, self._count, tiles, titles, focus)


def finished(samples: Sequence[Sample], focus: int) -> str:
    """All tiles of samples that have been made."""
    group_id, model = secrets.token_urlsafe(8), samples[0].model if samples else None
    if model is None or model.tile is None:
        return tiles_message(group_id, 0, {}, {}, 0)
    tiles = {place: model.tile(sample.view) for place, sample in enumerate(samples)}
    titles = {place: sample.title for place, sample in enumerate(samples)}
    return tiles_message(group_id, len(samples), tiles, titles, focus)
