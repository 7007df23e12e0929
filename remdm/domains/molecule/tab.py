"""The molecule tab: the workbench, settings that do well on QM9, files, and the frontier of novelty and property."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from remdm.app.components.controls import shown
from remdm.app.errors import failure
from remdm.app.events import UI_EVENT
from remdm.app.measuring import Measuring
from remdm.app.samples import Sample
from remdm.app.workbench.outcome import Changes
from remdm.app.workbench.workbench import Workbench
from remdm.domains.molecule import novelty
from remdm.domains.molecule.domain import BEST, FOLDER, GUIDANCE, PRESETS, PROPERTIES, Asked, preset, smiles
from remdm.domains.molecule.exports import FILES
from remdm.domains.molecule.frontier import Frontier, Spot, spots, verdict
from remdm.evaluation.measurement import Measurement
from remdm.evaluation.sweeps import results
from remdm.models.network import compute
from remdm.paths import ASSETS
from remdm.runs.domain import Domain
from remdm.sampling.knobs import knobs
from remdm.sampling.methods import METHODS, part_knobs
from remdm.serving.streamed_runs import RUNS
from remdm.views.frontier import figure

MEASURED = ASSETS / "results" / "molecule.csv"
FIRST = next(iter(BEST))
FRONTIER_SAMPLERS = ("mdlm", "fb", "dfm", "remdm-loop")
ABOUT = """### The frontier of novelty and property
Stronger guidance (γ, the figure at each mark) raises the property and costs novel molecules. A sampler is better
where its line lies further up and right. Novel: different molecules that QM9 does not have, of all samples."""

BEFOREHAND = """#### Measured beforehand
By `python -m remdm evaluate molecule --property …`; bars are 95% intervals."""


class MoleculeTab(Measuring):
    """Builds the tab inside `gr.Blocks`; its callbacks are the methods below."""

    def __init__(self, domain: Domain, recorded: Path, measurement: Measurement | None) -> None:
        self.domain = domain
        self.bench = Workbench(domain, recorded, measurement, self._under_the_player)
        with gr.Column(elem_classes="race"):
            gr.Markdown(ABOUT)
            with gr.Row(elem_classes="race-asked"):
                self._controls()
            with gr.Row(elem_classes="actions race-actions"):
                self.go = gr.Button("Measure", variant="primary", elem_id="molecule-measure", min_width=120)
                self.stop = gr.Button("Stop", interactive=False, elem_id="molecule-measure-stop", min_width=120)
            self.live = gr.Plot(visible=False, show_label=False, elem_id="molecule-live")
            self._beforehand()
        self.ticket = gr.State(None)
        self._listen()

    def _under_the_player(self) -> None:
        """Settings and files: near what they belong to."""
        with gr.Row(elem_classes="molecules"):
            self.best = gr.Dropdown(
                list(BEST), value=FIRST, label="Settings for QM9", elem_id="molecule-best", filterable=False,
                info="The paper's best for each property and guidance. Choosing one sets the controls at the side.",
            )  # fmt: skip
            with gr.Row(elem_classes="molecule-files"):
                self.files = {
                    ending: gr.DownloadButton(words, interactive=False, size="sm", elem_id=f"molecule-{ending}")
                    for ending, (words, _) in FILES.items()
                }

    def _values(self, name: str) -> dict[gr.components.Component, tuple[Any, bool]]:
        """Every control that a choice of BEST sets, with its value and whether it applies."""
        sampler, changes = BEST[name]
        panel, chosen = self.bench.panel, preset(sampler, 64, **changes)
        visible, flat = shown(chosen.parts), chosen.flat()
        others = {each: field.default for each, field in part_knobs().items()}
        made = {
            control: (flat.get(each, others.get(each)), visible[each])
            for each, control in {**panel.parts, **panel.knobs, "schedule": panel.schedule}.items()
        }
        made |= {control: (flat[each], True) for each, control in panel.drawing.items()}
        return {**made, panel.sampler: (sampler, True)}

    def _controls(self) -> None:
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
        self.steps = gr.Slider(4, 128, 32, step=1, label="Steps · T", elem_id="molecule-frontier-steps")
        self.count = gr.Slider(
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
            drawn, said = self.measured(names[0][1]) if names else (None, "")
            self.before = gr.Plot(drawn, show_label=False, elem_id="molecule-measured")
            self.said = gr.Markdown(said, elem_id="molecule-measured-said")

    def _listen(self) -> None:
        bench, panel = self.bench, self.bench.panel
        controls = [*self._values(FIRST)]
        self.best.input(self.settings, self.best, [*controls, panel.cite], **UI_EVENT)
        # a State of traces cannot tell by itself that it changed; the numbers of the shown sample can
        bench.outcome.numbers.change(self.exported, bench.kept, list(self.files.values()), **UI_EVENT)
        self.offered.input(self.measured, self.offered, [self.before, self.said], **UI_EVENT)
        asked = [self.samplers, self.property, self.guidance, self.scales, self.steps, self.count]
        self.measures(self.frontier, asked, [self.live, self.go, self.stop])

    def settings(self, name: str) -> list[Any]:
        """Set the controls at the side."""
        made = [gr.update(value=value, visible=visible) for value, visible in self._values(name).values()]
        return [*made, METHODS[BEST[name][0]].cite]

    def exported(self, kept: list[Sample]) -> list[Any]:
        """Fresh files of the samples that are shown."""
        strings = [smiles(sample.words) for sample in kept if None not in sample.words]
        if not strings:
            return [gr.DownloadButton(value=None, interactive=False) for _ in FILES]
        folder, facts = Path(tempfile.mkdtemp(prefix="remdm-")), novelty.load(FOLDER)
        made = []
        for ending, (_, write) in FILES.items():
            path = folder / f"molecules.{ending}"
            path.write_text(write(strings, facts), encoding="utf-8")
            made.append(gr.DownloadButton(value=str(path), interactive=True))
        return made

    # The frontier

    def frontier(
        self, ticket: str | None, samplers: list[str], property: str, guidance: str, scales: list[float],
        steps: int, count: int,
    ) -> Iterator[Changes]:  # fmt: skip
        """Measure, drawing the frontier as it grows."""
        halt = RUNS.pressed(ticket).halt
        try:
            chosen = {METHODS[name].title: preset(name, int(steps)) for name in samplers}
            checkpoint = self.domain.models[0].load(compute())
            running = Frontier(checkpoint, Asked(property, guidance), chosen, sorted(scales), int(count), halt=halt)
            for found in running.run():
                if halt.is_set():
                    return
                done = sum(spot.samples for spot in found) / running.total
                title = f"{int(count)} molecules a mark, {guidance}, T = {int(steps)}"
                yield {
                    self.live: gr.Plot(drawn(found, property, title), visible=True),
                    self.go: gr.Button(f"Measuring … {100 * done:.0f}%", interactive=False),
                }
        except Exception as error:
            yield self._ready()
            raise failure(error, "The measurement") from error
        yield self._ready()

    def measured(self, choice: str) -> tuple[Any, str]:
        """The figure of what was measured beforehand, and what it says about remasking."""
        property, guidance, steps = choice.split("|")
        found = spots(results.read(MEASURED), property, guidance, int(steps))
        counts = ", ".join(sorted({f"{spot.samples:,}" for spot in found}))
        named = [Spot(**{**vars(spot), "sampler": METHODS[spot.sampler].title}) for spot in found]
        return drawn(named, property, f"{counts} molecules a mark, {guidance}, T = {steps}"), verdict(found)


def drawn(found: Sequence[Spot], property: str, title: str) -> Any:
    """Spots as a figure, with QM9's 90th percentile as a line."""
    return figure(found, property, title, novelty.load(FOLDER).limits[property])


TAB = MoleculeTab
