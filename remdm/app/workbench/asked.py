"""What a visitor asks of the stage itself: other lanes, another sampler in one, an act at a token, the run before."""

from typing import Any

import gradio as gr
from gradio.components import Component

from remdm.app.components.scripted_html import ScriptedHTML
from remdm.app.events import EACH, SIDE_QUEUE, Changes, Values, on
from remdm.app.workbench.acts import alternatives, read_act
from remdm.app.workbench.lanes import COUNTS, Lanes
from remdm.app.workbench.settings import Panel
from remdm.app.workbench.settings_events import Reactions
from remdm.app.workbench.share import own_lane
from remdm.models.checkpoints import CheckpointError
from remdm.sampling.presets import METHODS


class Asked:
    """Reads what the stage sends, checks it, and sets the controls accordingly; `act` is what is then to be done.

    That is an `Act`, "run", "alone" or "undo".
    """

    def __init__(self, player: ScriptedHTML, panel: Panel, lanes: Lanes, reactions: Reactions, made: gr.State) -> None:
        self.player, self.panel, self.lanes, self.reactions, self.made = player, panel, lanes, reactions, made
        self.act = gr.State()
        on(player.edit, self.alternatives, {made}, player, **EACH, **SIDE_QUEUE)
        noted = on(player.submit, self.noted, None, self.act)
        self.settled = on(
            noted.success, self.read, {self.act, made, panel.steps, panel.model, *lanes.inputs},
            {self.act, *panel.controls, *lanes.outputs},
        )  # fmt: skip

    def noted(self, event: gr.EventData) -> Changes:
        """Keep what the stage asks for."""
        return {self.act: event._data if isinstance(event._data, dict) else {}}

    def read(self, values: Values) -> Changes:
        """What is to be done, and the controls as it wants them.

        Raises:
            ValueError: with one sentence, for anything that the stage does not offer.
        """
        asked = values[self.act] if isinstance(values[self.act], dict) else {}
        if asked.get("kind") == "lanes":
            count = asked.get("lanes")
            if type(count) is not int or count not in COUNTS:
                raise ValueError(f"lanes must be one of {', '.join(map(str, COUNTS))}")
            return {self.act: "alone" if count == 1 else "run", **self.lanes.counted(count)}
        if asked.get("kind") == "sampler":
            return {self.act: "run", **self._resampled(values, asked.get("lane"), asked.get("sampler"))}
        if asked.get("kind") == "undo":
            return {self.act: "undo"}
        return {self.act: read_act(asked, values[self.made])}

    def _resampled(self, values: Values, lane: Any, sampler: Any) -> Changes:
        """Another sampler in a lane; in that of the panel with all its values there."""
        if type(lane) is not int or not isinstance(sampler, str) or sampler not in METHODS:
            raise ValueError("That sampler is not known here; load the page again.")
        chosen = self.lanes.chosen(values)
        if lane >= len(chosen):
            raise ValueError("That lane is not on the stage any more.")
        if lane == own_lane(len(chosen)):
            panel = self.panel
            given: dict[Component, Any] = {
                panel.sampler: sampler,
                panel.steps: values[panel.steps],
                panel.model: values[panel.model],
            }
            return {panel.sampler: sampler, **self.reactions.preset(given)}
        chosen[lane] = (sampler, "")
        return self.lanes.turned_to(chosen)

    def alternatives(self, values: Values, event: gr.EventData) -> Changes:
        """The likeliest tokens of a position, for the stage that asks."""
        asked, shown = event._data if isinstance(event._data, dict) else {}, values[self.made]
        try:
            act = read_act({**asked, "kind": "on"}, shown)
            return {self.player: alternatives(str(asked.get("key")), act, shown)}
        except (ValueError, CheckpointError):  # nothing but a list is missing
            return {self.player: gr.skip()}
