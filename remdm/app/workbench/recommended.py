"""The best settings known for the chosen T, from what was measured; presets keep the values of their papers."""

from pathlib import Path

import gradio as gr

from remdm.app.components.controls import shown
from remdm.app.errors import refusal
from remdm.app.events import UI_EVENT
from remdm.app.workbench.outcome import Changes
from remdm.app.workbench.settings import MOST_STEPS, Panel, whole
from remdm.evaluation.measurement import Measurement
from remdm.evaluation.tuning.recommended import Known, Measured, known
from remdm.paths import ASSETS
from remdm.sampling.methods import METHODS, Settings, part_knobs
from remdm.views.curves import shown as figure

FOLDER = ASSETS / "results"


class BestKnown:
    """Connects the button of a panel; a domain that nobody measured has none."""

    def __init__(self, panel: Panel, measurement: Measurement | None, folder: Path = FOLDER) -> None:
        self.panel, self.measurement, self.folder = panel, measurement, folder
        panel.best.visible = measurement is not None
        outputs = [panel.sampler, panel.cite, panel.known, *self._controls().values()]
        panel.best.click(self.chosen, [panel.model, panel.steps, panel.sampler], outputs, **UI_EVENT)
        # what was said is about another choice now
        gr.on([panel.sampler.input, panel.model.input], lambda: "", None, panel.known, **UI_EVENT)

    def _controls(self) -> dict[str, gr.components.Component]:
        panel = self.panel
        return {**panel.parts, **panel.knobs, "schedule": panel.schedule, **panel.drawing, "precision": panel.precision}

    def chosen(self, model: str, steps: float | None, sampler: str) -> Changes:
        """Set the controls to the best that is known, and say what it is worth beside the sampler chosen before."""
        domain = self.panel.domain
        try:
            wanted = whole("steps", steps, 1, MOST_STEPS)
            assert self.measurement is not None
            condition = self.measurement.own if model == domain.models[0].name else model
            found = known(self.measurement, wanted, condition, self.folder)
        except ValueError as error:
            raise refusal(error) from error
        if found is None:
            return {self.panel.known: f"Nothing was measured of this model near T = {wanted}; the settings stay."}
        best = found.best
        return {
            self.panel.sampler: best.sampler, self.panel.cite: METHODS[best.sampler].cite,
            self.panel.known: said(found, wanted, sampler), **self._set(best.settings(wanted)),
        }  # fmt: skip

    def _set(self, best: Settings) -> Changes:
        """Every control at the settings' value, and those hidden that do not apply."""
        flat, visible = best.flat(), shown(best.parts)
        others = {name: each.default for name, each in part_knobs().items()}
        return {
            control: gr.update(value=flat.get(name, others.get(name)), visible=visible.get(name, True))
            for name, control in self._controls().items()
        }


def said(found: Known, steps: int, before: str) -> str:
    """What the best is worth, at which T it was measured, and what the preset before it was worth there."""
    measure, best = found.measure, found.best

    def worth(one: Measured) -> str:
        return f"{figure(one.value, measure.share)}, n = {one.n:,}"

    at = f"T = {best.steps}" + ("" if best.steps == steps else f", measured near {steps}")
    changed = f" with {best.changes}" if best.changes else ""
    told = f"{measure.title}: **{METHODS[best.sampler].title}**{changed} {worth(best)} at {at}."
    preset = found.presets.get(before)
    if preset is None or preset is best:
        return told
    return f"{told} {METHODS[before].title} with the values it comes with: {worth(preset)}."
