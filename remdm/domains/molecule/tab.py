"""The molecule tab: the workbench, settings that do well on QM9, files, and the frontier of novelty and property."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from remdm import limits
from remdm.app.components.ranges import Dial
from remdm.app.components.run_controls import RunControls
from remdm.app.events import Changes, Values, on
from remdm.app.samples import Sample
from remdm.app.workbench.workbench import Workbench
from remdm.domains.molecule import novelty
from remdm.domains.molecule.domain import BEST, FOLDER, GUIDANCE, PRESETS, PROPERTIES, Asked, smiles
from remdm.domains.molecule.exports import FILES
from remdm.domains.molecule.frontier import frontier, spots, verdict
from remdm.domains.molecule.measure import MEASUREMENT
from remdm.evaluation.measurement import Measurement
from remdm.evaluation.sweeps import results
from remdm.models.checkpoints import total_parameters
from remdm.models.network import compute
from remdm.paths import ASSETS
from remdm.runs.domain import Domain
from remdm.sampling.knobs import knobs
from remdm.sampling.methods import build
from remdm.sampling.presets import METHODS
from remdm.serving.streamed_runs import RunGroup
from remdm.serving.temporary import offered
from remdm.views.frontier import Spot, figure

MEASURED = ASSETS / "results" / "molecule.csv"
FIRST = next(iter(BEST))
FRONTIER = "The frontier of novelty and property"
FRONTIER_SAMPLERS = ("mdlm", "fb", "dfm", "remdm-loop")
ABOUT = """Stronger guidance (γ, the figure at each mark) raises the property and costs novel molecules. A sampler is
better where its line lies further up and right. Novel: different molecules that QM9 does not have, of all samples."""


class MoleculeTab:
    """Builds the tab inside `gr.Blocks`; its callbacks are the methods below."""

    def __init__(self, domain: Domain, recorded: Path, measurement: Measurement | None) -> None:
        self.domain = domain
        self.bench = Workbench(domain, recorded, measurement, self._under_the_player)
        with gr.Accordion(FRONTIER, open=False, elem_id="molecule-frontier", elem_classes="parts race"):
            gr.Markdown(ABOUT)
            with gr.Row(elem_classes="race-asked"):
                self._asked()
            with gr.Row(elem_classes="actions race-actions"):
                self.controls = RunControls(
                    "Measure", "molecule-measure", "molecule-measure-stop", "The measurement", min_width=120
                )
            self.live = gr.Plot(visible=False, show_label=False, elem_id="molecule-live")
            self._beforehand()
        self._listen()

    def _under_the_player(self) -> None:
        """Settings and files: near what they belong to."""
        with (
            gr.Accordion("Settings and files for QM9", open=False, elem_id="molecule-part", elem_classes="parts"),
            gr.Row(elem_classes="molecules"),
        ):
            self.recommended = gr.Dropdown(
                list(BEST), value=FIRST, label="Settings for QM9", elem_id="molecule-known", filterable=False,
                info="The paper's best for each property and guidance. Choosing one sets the controls at the side.",
            )  # fmt: skip
            with gr.Row(elem_classes="molecule-files"):
                self.files = {
                    ending: gr.DownloadButton(words, interactive=False, size="sm", elem_id=f"molecule-{ending}")
                    for ending, (words, _) in FILES.items()
                }

    def _asked(self) -> None:
        asked = knobs(Asked)
        self.samplers = gr.CheckboxGroup(
            [(METHODS[name].title, name) for name in PRESETS], value=list(FRONTIER_SAMPLERS), label="Samplers",
            elem_id="molecule-frontier-samplers", info="With the settings for QM9.",
        )  # fmt: skip
        self.property = gr.Radio(
            list(PROPERTIES[1:]), value="rings", label="Property", elem_id="molecule-frontier-property"
        )
        self.guidance = gr.Radio(
            list(GUIDANCE), value="D-CFG", label="Guidance", elem_id="molecule-frontier-guidance",
            info=asked["guidance"].metadata["knob"]["help"],
        )  # fmt: skip
        self.scales = gr.CheckboxGroup(
            [1, 2, 3, 4, 5], value=[1, 3, 5], label="Guidance scale · γ", elem_id="molecule-frontier-scales"
        )
        self.steps = Dial(4, 128, 32, step=1, label="Steps · T", elem_id="molecule-frontier-steps")
        self.count = Dial(
            32, 1024, 64, step=32, label="Molecules", elem_id="molecule-frontier-count", info="For each mark."
        )

    def _beforehand(self) -> None:
        """What was measured beforehand, if it is there."""
        rows = [row for row in results.read(MEASURED) if row["property"] != "none"]
        offered = list(dict.fromkeys((row["property"], row["guidance"], int(row["steps"])) for row in rows))
        names = [
            (f"{name}, {guidance}, T = {steps}", f"{name}|{guidance}|{steps}") for name, guidance, steps in offered
        ]
        with gr.Column(visible=bool(names)):
            gr.Markdown(
                "#### Measured beforehand\nBy `python -m remdm evaluate molecule --property …`; bars are 95% intervals."
            )
            self.offered = gr.Dropdown(
                names, value=names[0][1] if names else None, label="Frontier", elem_id="molecule-measured-choice",
                filterable=False,
            )  # fmt: skip
            chart, sentence = self.measured(names[0][1]) if names else (None, "")
            self.before = gr.Plot(chart, show_label=False, elem_id="molecule-measured")
            self.sentence = gr.Markdown(sentence, elem_id="molecule-measured-said")

    def _listen(self) -> None:
        bench, panel = self.bench, self.bench.panel
        on(self.recommended.input, self.settings, self.recommended, panel.controls)
        # a State of traces cannot tell by itself that it changed; the numbers of the shown sample can
        on(bench.results.outcome.numbers.change, self.exported, bench.results.kept, {*self.files.values()})
        on(self.offered.input, self.measured, self.offered, [self.before, self.sentence])
        asked: set[Component] = {
            self.samplers, self.property, self.guidance, self.scales, self.steps, self.count,
        }  # fmt: skip
        self.controls.cancels(self.controls.begins(self.controls.run.click, self.measure, asked, {self.live}))

    def settings(self, name: str) -> Changes:
        """Set the controls at the side."""
        sampler, changes = BEST[name]
        panel = self.bench.panel
        turned = panel.turned_to(MEASUREMENT.cell(sampler, 64, changes=changes).settings)
        return {each: change for each, change in turned.items() if each is not panel.precision}

    def exported(self, kept: list[Sample]) -> Changes:
        """Fresh files of the samples that are shown."""
        views = [sample.view for sample in kept if sample.model]  # RDKit need not be ready for anything else
        strings = [smiles(view.ids) for view in views if not view.masked]
        changes: Changes = {button: gr.DownloadButton(value=None, interactive=False) for button in self.files.values()}
        with suppress(ValueError):  # a server that cannot write them shows the run all the same
            for ending, (_, write) in FILES.items() if strings else ():
                with offered(f"molecules.{ending}") as path:
                    path.write_text(write(strings, novelty.load(FOLDER)), encoding="utf-8")
                changes[self.files[ending]] = gr.DownloadButton(value=str(path), interactive=True)
        return changes

    # The frontier

    def measure(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """Measure, drawing the frontier as it grows."""
        property, guidance, scales = values[self.property], values[self.guidance], sorted(values[self.scales])
        steps, count = values[self.steps], values[self.count]
        chosen = {METHODS[name].title: MEASUREMENT.cell(name, steps) for name in values[self.samplers]}
        checkpoint = self.domain.models[0].load(compute())
        weights = total_parameters(checkpoint.denoiser.network)
        made = sum(len(build(each.settings)[1]) for each in chosen.values()) * len(scales) * count
        limits.afford(2 * weights * checkpoint.length * made, checkpoint.compute.device.type == "cuda")
        for found in frontier(checkpoint, Asked(property, guidance), chosen, scales, count, group.stopped):
            if group.stopped.is_set():
                return
            done = sum(spot.samples for spot in found) / (len(chosen) * len(scales) * count)
            title = f"{count} molecules a mark, {guidance}, T = {steps}"
            yield {
                self.live: gr.Plot(drawn(found, property, title), visible=True),
                **self.controls.busy(f"Measuring … {100 * done:.0f}%"),
            }

    def measured(self, choice: str) -> tuple[Any, str]:
        """The figure of what was measured beforehand, and what it says about remasking."""
        if not choice:
            raise ValueError("Nothing was measured beforehand")
        property, guidance, steps = choice.split("|")
        found = spots(results.read(MEASURED), property, guidance, int(steps))
        counts = ", ".join(sorted({f"{spot.samples:,}" for spot in found}))
        named = [replace(spot, sampler=METHODS[spot.sampler].title) for spot in found]
        return drawn(named, property, f"{counts} molecules a mark, {guidance}, T = {steps}"), verdict(found)


def drawn(found: Sequence[Spot], property: str, title: str) -> Any:
    """Spots as a figure, with QM9's 90th percentile as a line."""
    return figure(found, property, title, novelty.load(FOLDER).limits[property])


TAB = MoleculeTab
