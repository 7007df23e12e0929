"""The lanes of a stage: which samplers run side by side from the same seed, start and random numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components import Component

from remdm.app.components.controls import choices
from remdm.app.events import Changes, Values
from remdm.runs.branch import BranchRequest
from remdm.runs.request import RunRequest
from remdm.sampling.answering import Answering
from remdm.sampling.denoiser import Truncation
from remdm.sampling.knobs import knobs, pairs
from remdm.sampling.methods import Settings, drawn_as, parse, settings
from remdm.sampling.presets import METHODS

AS_SET = ""
"""The lane that runs with the settings of the panel."""
COUNTS = (1, 2, 4)
FIRST_LANES = ("mdlm", AS_SET, "remdm-loop", "remdm-conf")


def resettled(base: Settings, sampler: str, changes: Mapping[str, Any]) -> Settings:
    """The settings of a lane: those of the panel (`AS_SET`) or a preset with its paper's values, then the changes.

    A preset draws as the panel says, unless its paper draws in a way of its own.
    """
    changes = dict(changes)
    steps = changes.pop("steps", base.steps)
    if not sampler:
        return settings(base.sampler, steps, **{**base.flat(), **changes})
    own = {name: getattr(base.truncation, name) for name in knobs(Truncation)}
    own |= {name: getattr(base.answering, name) for name in knobs(Answering)}
    return settings(sampler, steps, **{**drawn_as(own, sampler, steps), "precision": base.precision, **changes})


def lane_request(base: RunRequest, sampler: str, changes: str) -> BranchRequest:
    """The run of a lane: the base's with a sampler's settings, changed as a text says."""
    request = replace(base, settings=resettled(base.settings, sampler, parse(pairs(changes))))
    return BranchRequest(request, METHODS[request.settings.sampler].title)


def lane_text(base: Settings, chosen: Settings) -> str:
    """What makes `chosen` of the panel's settings, as a link says it: a sampler, then its changes; `*` for the same."""
    if chosen == base:
        return "*"
    plain = resettled(base, chosen.sampler, {})
    flat = plain.flat()
    changed = {name: value for name, value in chosen.flat().items() if flat.get(name) != value}
    changed |= {"steps": chosen.steps} if chosen.steps != plain.steps else {}
    return ",".join([chosen.sampler, *(f"{name}={value}" for name, value in changed.items())])


def read_lane(text: str) -> tuple[str, str]:
    """The sampler and the changes of a lane in a link.

    Raises:
        ValueError: for an unknown sampler; the changes are checked with the run.
    """
    sampler, _, changes = text[:400].partition(",")
    if sampler == "*":
        return AS_SET, changes
    if sampler not in METHODS:
        raise ValueError(f"a lane's sampler must be one of {', '.join(METHODS)}, got {sampler[:40]}")
    return sampler, changes


class Lanes:
    """The controls of the lanes, in the drawer: how many there are, and what each of them runs."""

    def __init__(self, where: str, count: int) -> None:
        gr.Markdown("### Lanes")
        self.count = gr.Radio(list(COUNTS), value=count, label="Side by side", elem_id=f"{where}-lanes")
        self.lanes = [self._lane(where, place, count) for place in range(COUNTS[-1])]

    def _lane(self, where: str, place: int, count: int) -> tuple[gr.Row, gr.Dropdown, gr.Textbox]:
        with gr.Row(visible=1 < count > place, elem_classes="lane-controls") as row:
            sampler = gr.Dropdown(
                [("As set", AS_SET), *choices()], value=FIRST_LANES[place], filterable=False,
                label=f"Lane {'ABCD'[place]}", elem_id=f"{where}-lane-{place}",
            )  # fmt: skip
            changes = gr.Textbox(
                label="Changed", placeholder="eta=0.1, steps=32", max_length=200,
                elem_id=f"{where}-lane-{place}-changes",
            )  # fmt: skip
        return row, sampler, changes

    @property
    def inputs(self) -> set[Component]:
        """All controls that `requests` reads."""
        return {self.count, *(each for _, *lane in self.lanes for each in lane)}

    @property
    def outputs(self) -> set[Any]:
        """All that `counted` and `turned_to` change."""
        return {*self.inputs, *(row for row, _, _ in self.lanes)}

    def counted(self, count: int) -> Changes:
        """So many lanes."""
        rows: Changes = {row: gr.Row(visible=1 < count > place) for place, (row, _, _) in enumerate(self.lanes)}
        return {self.count: count, **rows}

    def turned_to(self, lanes: Sequence[tuple[str, str]]) -> Changes:
        """The controls as they stand for lanes of (sampler, changes)."""
        changes = self.counted(len(lanes))
        if len(lanes) > 1:
            for (sampler, text), (_, chosen, changed) in zip(lanes, self.lanes, strict=False):
                changes |= {chosen: sampler, changed: text}
        return changes

    def chosen(self, values: Values) -> list[tuple[str, str]]:
        """The lanes as (sampler, changes); one alone runs with the settings of the panel."""
        count = int(values[self.count])
        if count == 1:
            return [(AS_SET, "")]
        return [(values[sampler], values[changes] or "") for _, sampler, changes in self.lanes[:count]]

    def requests(self, base: RunRequest, values: Values) -> list[BranchRequest]:
        """The runs of the lanes.

        Raises:
            ValueError: with one sentence, for changes that cannot be made.
        """
        return [lane_request(base, sampler, changes) for sampler, changes in self.chosen(values)]
