"""The grid of all samples under the player, each with its picture; a click shows that one."""

import time
from collections.abc import Sequence

import gradio as gr

from remdm.app.samples import Sample
from remdm.runs.domain import Model
from remdm.views.tiles import tiles_message

_MOUNT = """
window.ReMDMTiles.mount(element.querySelector(".tiles"), {
  value: () => props.value,
  watch: (call) => watch("value", call),
  pick: (index) => trigger("select", { index }),
});
"""
BUSY_SHARE = 0.2
SECONDS_BETWEEN = 0.3


class Tiles(gr.HTML):
    """Its value is a message of remdm.views.tiles; it triggers `select` with the index of a sample."""

    def __init__(self, value: str | None = None, **more: object) -> None:
        shell = '<div class="tiles"></div>'
        more = {"html_template": shell, "css_template": "", "js_on_load": _MOUNT, **more}
        super().__init__(value=value, **more)

    def api_info(self) -> dict[str, str]:
        """A message, for API users."""
        return {"type": "string"}


class Refresh:
    """Draws the tiles of a running press anew, a few times a second, and only those that changed."""

    def __init__(self, press: str, model: Model, count: int) -> None:
        self._press, self._model, self._count = press, model, count
        self._drawn: dict[int, tuple] = {}
        self._next = 0.0

    def due(self) -> bool:
        """Whether it is time; drawing takes no more than a fifth of a run's time."""
        return time.monotonic() >= self._next

    def message(self, words: Sequence[Sequence[str | None]], focus: int) -> str:
        """The message with the tiles whose words changed."""
        begun = time.monotonic()
        changed = {place: tuple(each) for place, each in enumerate(words) if self._drawn.get(place) != tuple(each)}
        self._drawn |= changed
        tiles = {place: self._model.tile(each) for place, each in changed.items() if self._model.tile}
        took = time.monotonic() - begun
        self._next = time.monotonic() + max(SECONDS_BETWEEN, took / BUSY_SHARE)
        titles = {place: f"Sample {place + 1}" for place in tiles}
        return tiles_message(self._press, self._count, tiles, titles, focus)


def finished(press: str, samples: Sequence[Sample], focus: int) -> str:
    """All tiles of samples that have been made."""
    model = samples[0].model if samples else None
    if model is None or model.tile is None:
        return tiles_message(press, 0, {}, {}, 0)
    tiles = {place: model.tile(sample.words) for place, sample in enumerate(samples)}
    titles = {place: sample.title for place, sample in enumerate(samples)}
    return tiles_message(press, len(samples), tiles, titles, focus)
