"""Once is chance: an error is planted in many runs, and each sampler follows it."""

from collections.abc import Iterator
from dataclasses import replace

import gradio as gr

from remdm.app.components.controls import choices
from remdm.app.components.ranges import Dial
from remdm.app.components.run_controls import RunControls
from remdm.app.events import Changes, Values
from remdm.app.streams import affordable
from remdm.app.workbench.lanes import AS_SET, resettled
from remdm.app.workbench.settings import Panel
from remdm.evaluation.planted_errors import HEADINGS, experiment, row
from remdm.runs.record import prepare
from remdm.sampling.presets import METHODS
from remdm.serving.streamed_runs import RunGroup
from remdm.views.comparison import grid


class PlantMany:
    """The part of a workbench below the stage; its callback is `plant`."""

    def __init__(self, where: str) -> None:
        with gr.Accordion("Plant a wrong word in many runs", open=False, elem_id=f"{where}-many", elem_classes="parts"):
            gr.Markdown(
                "In each run a word is replaced by one that the model gives less than 1 %. Which sampler finds it, and "
                "what else does it touch?", elem_classes="hint",
            )  # fmt: skip
            with gr.Row(elem_classes="many"):
                self.samplers = gr.Dropdown(
                    [("As set", AS_SET), *choices()], value=["mdlm", AS_SET], multiselect=True, label="Samplers",
                    elem_id=f"{where}-many-samplers", info="All go on from the same states.",
                )  # fmt: skip
                self.count = Dial(
                    8, 64, step=8, value=16, label="Runs", info="Each from its own seed.",
                    elem_id=f"{where}-many-runs", buttons=[],
                )  # fmt: skip
                self.share = Dial(
                    0.1, 0.95, step=0.05, value=0.7, label="Planted at", info="Share of the steps.",
                    elem_id=f"{where}-many-at", buttons=[],
                )  # fmt: skip
            with gr.Row(elem_classes="files"):
                self.controls = RunControls(
                    "Run the experiment", f"{where}-many-run", f"{where}-many-stop", "The experiment", size="sm"
                )
            self.found = gr.HTML("", elem_id=f"{where}-many-table")

    def listen(self, panel: Panel) -> None:
        """Connects it to the settings of its workbench."""
        self.panel = panel
        inputs = {self.count, self.share, self.samplers, *panel.inputs}
        self.controls.begins(self.controls.run.click, self.plant, inputs, {self.found})
        self.controls.ends()

    def plant(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """Plant in N runs and follow them with each sampler."""
        request, count = self.panel.requests(values)[0], values[self.count]
        settings, steps = request.settings, request.settings.steps
        chosen = {
            METHODS[each or settings.sampler].title + ("" if each else " (as set)"): resettled(settings, each, {})
            for each in values[self.samplers]
        }
        if not chosen:
            raise ValueError("Choose at least one sampler")
        prepared = prepare(request)  # each follows as many runs without the error as with it
        each = [prepared, *(replace(prepared, request=replace(request, settings=one)) for one in chosen.values())]
        affordable(each, 2 * count)
        step = max(1, round(values[self.share] * steps))
        caption = (
            f"{count} runs, an unlikely token planted in each after step {step} of {steps}; shares with Wilson's 95 % "
            "interval"
        )
        for doing, tallies in experiment(request, chosen, step, count):
            rows = [row(name, tally) for name, tally in tallies.items()]
            yield {self.found: grid(f"{caption} · now {doing} …" if doing else caption, HEADINGS, rows)}
            if group.stopped.is_set():
                return
