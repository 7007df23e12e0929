"""The best settings known for the chosen T, from what was measured; presets keep the values of their papers."""

from pathlib import Path

from remdm.app.events import Changes, Values, on
from remdm.app.workbench.settings import MOST_STEPS, Panel, whole
from remdm.evaluation.measurement import Measurement
from remdm.evaluation.tuning.recommended import Known, Measured, known
from remdm.paths import ASSETS
from remdm.sampling.presets import METHODS

FOLDER = ASSETS / "results"


class Recommended:
    """Connects the button of a panel; a domain that nobody measured has none."""

    def __init__(self, panel: Panel, measurement: Measurement | None, folder: Path = FOLDER) -> None:
        self.panel, self.measurement, self.folder = panel, measurement, folder
        panel.recommended.visible = measurement is not None
        changing = {*panel.controls, panel.known}
        on(panel.recommended.click, self.chosen, {panel.model, panel.steps, panel.sampler}, changing)
        # what was said is about another choice now
        on([panel.sampler.input, panel.model.input], lambda: "", None, panel.known)

    def chosen(self, values: Values) -> Changes:
        """Set the controls to the best that is known, and say what it is worth against the sampler chosen before."""
        panel, domain = self.panel, self.panel.domain
        model = values[panel.model]
        wanted = whole("steps", values[panel.steps], 1, MOST_STEPS)
        assert self.measurement is not None
        condition = self.measurement.own if model == domain.models[0].name else model
        found = known(self.measurement, wanted, condition, self.folder)
        if found is None:
            return {panel.known: f"Nothing was measured of this model near T = {wanted}; the settings stay."}
        worth = recommendation(found, wanted, values[panel.sampler])
        return {**panel.turned_to(found.best.settings(wanted)), panel.known: worth}


def recommendation(found: Known, steps: int, before: str) -> str:
    """What the best is worth, at which T it was measured, and what the preset before it was worth there."""
    measure, best = found.measure, found.best

    def worth(one: Measured) -> str:
        return f"{one.value:{measure.spec}}, n = {one.n:,}"

    at = f"T = {best.steps}" + ("" if best.steps == steps else f", measured near {steps}")
    changed = f" with {best.changes}" if best.changes else ""
    text = f"{measure.title}: **{METHODS[best.sampler].title}**{changed} {worth(best)} at {at}."
    preset = found.presets.get(before)
    if preset is None or preset is best:
        return text
    return f"{text} {METHODS[before].title} with the values it comes with: {worth(preset)}."
