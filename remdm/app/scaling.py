"""Scaling: quality against network evaluations, from the shipped results and from a small measurement of one's own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from remdm import limits
from remdm.app.components.ranges import Dial
from remdm.app.components.run_controls import RunControls
from remdm.app.events import Changes, Values, on
from remdm.app.workbench.settings import MOST_STEPS, whole
from remdm.evaluation import curves
from remdm.evaluation.curves import Drawn
from remdm.evaluation.measurement import Measure, Measurement
from remdm.evaluation.sweeps import results
from remdm.paths import ASSETS
from remdm.runs.domain import Domain
from remdm.sampling.presets import METHODS
from remdm.serving.streamed_runs import RunGroup
from remdm.views import precision
from remdm.views.curves import figure, table

FOLDER = ASSETS / "results"
ABOUT = """### What do more steps buy?
A sampler that never revises soon has nothing left to ask the network for: its line ends. One that remasks goes on. The
axis counts **network evaluations that were really made**, not steps asked for. Bars are 95% intervals. The broad grey
line follows the best of what is shown for its cost."""
YOURS = """### Measure it yourself
The model that comes with the app draws a few samples and they are measured as above; your marks are hollow. Press again
for more of the same: it goes on where it stopped, and n grows."""
NOISE = """### Cheap noise looks like quality (Zheng et al. 2024, arXiv 2409.02908)
Reference samplers draw one race over all words and the mask at every step. With 32-bit random numbers the race has an
end: rare words can hardly win, the less so the smaller the steps. Perplexity falls as T grows, as if the sampler got
better, and entropy falls with it. Measured on a language of 50,257 words whose every probability is known, by MDLM
without a nucleus (`python -m remdm precision`); with 64 bits nothing of it is left. This app decides apart, and in 64
bits, who decodes, so that its own 32 bits matter little."""
MOST_SAMPLES, MOST_KEPT = 512, 4096
Kept = Mapping[tuple[str, str, int], Drawn]
"""The visitor's own measurements, by domain, sampler and steps."""


@dataclass(frozen=True)
class View:
    """What is chosen to be shown: `changed` is whether rows with other settings than the presets' are."""

    domain: str
    measure: str
    condition: str
    samplers: Sequence[str]
    changed: bool
    kept: Kept


class Scaling:
    """Builds the tab; its callbacks are the methods below. Results are read whenever the tab is opened."""

    def __init__(
        self, tab: gr.Tab, domains: Mapping[str, Domain], measurements: Mapping[str, Measurement], folder: Path = FOLDER
    ) -> None:
        self.kinds, self.folder = measurements, folder
        name, kind = next(iter(measurements.items()))
        gr.Markdown(ABOUT, elem_classes="prose")
        with gr.Column(elem_classes="curves"):  # the chart is in view on arrival, whatever can be chosen
            with gr.Column(elem_classes="curves-what"):
                self.domain = gr.Radio(
                    [(domains[each].title, each) for each in measurements],
                    value=name,
                    label="Domain",
                    elem_id="scaling-domain",
                )
                self.measure = gr.Dropdown(_titles(kind), value=kind.measures[0].column, label="What is measured",
                                           filterable=False, elem_id="scaling-measure")  # fmt: skip
                self.condition = gr.Dropdown([kind.own], value=kind.own, label="Condition", filterable=False,
                                             visible=False, elem_id="scaling-condition")  # fmt: skip
            with gr.Column(elem_classes="curves-shown"):
                with gr.Row(elem_classes="charts scaling"):
                    self.chart = gr.Plot(show_label=False, visible=False, elem_id="scaling-chart")
                    self.second = gr.Plot(show_label=False, visible=False, elem_id="scaling-second")
                self.notes = gr.HTML("", elem_id="scaling-said", elem_classes="said")
                self._yours(kind)
            with gr.Column(elem_classes="curves-samplers"):
                self.samplers = gr.CheckboxGroup([], label="Samplers", elem_id="scaling-samplers", elem_classes="many")
                self.changed = gr.Checkbox(
                    False, label="With other settings too",
                    info="Rows that differ from the preset: eta, nucleus, precision.",
                    visible=False, elem_id="scaling-changed",
                )  # fmt: skip
        with gr.Accordion("The numbers of the chart", open=False, elem_id="scaling-numbers", elem_classes="parts"):
            self.table = gr.HTML("", elem_id="scaling-table")
        gr.Markdown(NOISE, elem_classes="prose")
        with gr.Row(elem_classes="charts scaling"):
            self.noise = [gr.Plot(show_label=False, visible=False, elem_id=f"scaling-noise-{name}")
                          for name in ("perplexity", "entropy")]  # fmt: skip
        self.kept = gr.State({})
        self._listen(tab)

    def _yours(self, kind: Measurement) -> None:
        gr.Markdown(YOURS, elem_classes="prose")
        with gr.Row(elem_classes="pane-controls"):
            self.sampler = gr.Dropdown(_names(kind.samplers), value="remdm-cap", label="Sampler", filterable=False,
                                       elem_id="scaling-sampler")  # fmt: skip
            self.steps = Dial(1, MOST_STEPS, step=1, value=40, label="Steps · T", buttons=[], elem_id="scaling-steps")
            self.count = Dial(8, MOST_SAMPLES, step=8, value=16, label="Samples more", buttons=[],
                              elem_id="scaling-count")  # fmt: skip
        with gr.Row(elem_classes="files"):
            self.controls = RunControls("Measure", "scaling-run", "scaling-stop", "The measurement", size="sm")
            self.clear = gr.Button("Clear my measurements", size="sm", elem_id="scaling-clear")

    def _listen(self, tab: gr.Tab) -> None:
        asked = {self.domain, self.measure, self.condition, self.samplers, self.changed, self.kept}
        drawn = {self.notes, self.chart, self.second, self.table}
        offered = {self.samplers, self.changed, *drawn}
        again = {self.measure, self.condition, self.sampler, *offered}
        on(tab.select, self.opened, asked, {*again, *self.noise})
        on(self.domain.input, self.of, {self.domain, self.kept}, again)
        under = {self.domain, self.measure, self.condition, self.kept}
        on(self.condition.input, self.under, under, offered)
        on([self.measure.input, self.samplers.input, self.changed.input], self.shown, asked, drawn)
        on(self.clear.click, self.cleared, asked, {self.kept, *drawn})
        cell: set[Component] = {self.sampler, self.steps, self.count}
        running = self.controls.begins(self.controls.run.click, self.measured, {*asked, *cell}, {*drawn, self.kept})
        self.controls.cancels(running)

    # What is shown

    def _view(self, values: Values) -> View:
        return View(
            values[self.domain], values[self.measure], values[self.condition], values[self.samplers],
            values[self.changed], values[self.kept],
        )  # fmt: skip

    def _rows(self, name: str) -> list[dict[str, str]]:
        return results.read(self.folder / self.kinds[name].file)

    def opened(self, values: Values) -> Changes:
        """The tab was opened: what the files have now; what was chosen stays chosen."""
        changes = self.shown(values) if values[self.samplers] else self.of(values)
        return {**changes, **self._precision()}

    def _precision(self) -> Changes:
        """32-bit against 64-bit noise, as its file has it."""
        rows = results.read(self.folder / "precision.csv")
        if not rows:
            return {}
        last = rows[-1]
        charts = (
            precision.figure(rows, "perplexity", "Perplexity by the language itself", float(last["true_perplexity"])),
            precision.figure(rows, "entropy", f"Entropy of {last['length']} words, nats"),
        )
        return {plot: gr.Plot(chart, visible=True) for plot, chart in zip(self.noise, charts, strict=True)}

    def of(self, values: Values) -> Changes:
        """Another domain."""
        name = values[self.domain]
        kind, rows = self.kinds[name], self._rows(name)
        offered = curves.conditions(kind, rows) or [kind.own]
        column = kind.measures[0].column
        return {
            self.measure: gr.Dropdown(_titles(kind), value=column),
            self.condition: gr.Dropdown(offered, value=offered[0], visible=len(offered) > 1),
            self.sampler: gr.Dropdown(_names(kind.samplers), value="remdm-cap"),
            **self._all(View(name, column, offered[0], (), False, values[self.kept]), rows),
        }

    def under(self, values: Values) -> Changes:
        """Another condition: all samplers that were measured under it, as the domain sets them."""
        view = View(values[self.domain], values[self.measure], values[self.condition], (), False, values[self.kept])
        return self._all(view, self._rows(view.domain))

    def _all(self, view: View, rows: list[dict[str, str]]) -> Changes:
        """Every sampler that the rows have under a condition; those of ReMDM's paper are shown."""
        kind = self.kinds[view.domain]
        rows_there = [row for row in rows if kind.condition(row) == view.condition]
        found = {row["sampler"] for row in rows_there}
        there = [each for each in METHODS if each in found]
        shown = [each for each in there if not METHODS[each].field] or there
        return {
            self.samplers: gr.CheckboxGroup(_names(there), value=shown, visible=bool(there)),
            self.changed: gr.Checkbox(False, visible=any(curves.changed(kind, row) for row in rows_there)),
            **self._shown(replace(view, samplers=shown), rows),
        }

    def shown(self, values: Values) -> Changes:
        """Chart, table and what is to be said of them."""
        view = self._view(values)
        return self._shown(view, self._rows(view.domain))

    def cleared(self, values: Values) -> Changes:
        """The same without the visitor's own measurements."""
        return {self.kept: {}, **self.shown({**values, self.kept: {}})}

    def _shown(self, view: View, rows: list[dict[str, str]]) -> Changes:
        kind = self.kinds[view.domain]
        measure = kind.measure(view.measure)
        rows = [row for row in rows if view.changed or not curves.changed(kind, row)]
        own = [drawn for (name, _, _), drawn in view.kept.items() if name == view.domain and view.condition == kind.own]
        chart, numbers, has = _drawn(kind, rows, measure, view, own)
        beside = kind.measure(measure.alongside) if measure.alongside else None
        second = _drawn(kind, rows, beside, view, own)[0] if beside and has else None
        return {
            self.chart: gr.Plot(chart, visible=has), self.second: gr.Plot(second, visible=second is not None),
            self.table: numbers, self.notes: notes(kind, rows, measure, view, own),
        }  # fmt: skip

    # A measurement of one's own

    def measured(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """Draw more of a cell, and draw it into the chart, round by round."""
        view = self._view(values)
        kind, kept, sampler = self.kinds[view.domain], view.kept, values[self.sampler]
        wanted = whole("samples", values[self.count], 1, MOST_SAMPLES)
        key = (view.domain, sampler, whole("steps", values[self.steps], 1, MOST_STEPS))
        there = kept.get(key) or curves.begin(kind, sampler, key[2])
        if sum(map(len, kept.values())) + wanted > MOST_KEPT:
            raise ValueError(f"{MOST_KEPT:,} samples are the most that is kept here: clear your measurements first")
        limits.afford(*curves.work(kind, there, wanted))
        goal = len(there) + wanted
        yield self.controls.busy(f"Measuring … {len(there)} of {goal}")
        for drawn in curves.more(kind, there, wanted, group.stopped):
            kept = {**kept, key: drawn}
            yield {
                **self._shown(replace(view, kept=kept), self._rows(view.domain)), self.kept: kept,
                **self.controls.busy(f"Measuring … {len(drawn)} of {goal}"),
            }  # fmt: skip


def _drawn(
    kind: Measurement, rows: list[dict[str, str]], measure: Measure, view: View, own: list[Drawn]
) -> tuple[Any, str, bool]:
    """The chart of a measure, its table, and whether there is anything in them."""
    found = [each for each in curves.points(kind, rows, measure, view.condition) if each.sampler in view.samplers]
    mine = [point for drawn in own if (point := drawn.point(measure))]
    world = curves.data(kind, rows, measure, view.condition)
    chart = figure(found, mine, tuple(METHODS), measure.title, measure.share, world, measure.lower)
    return chart, table(found, mine, measure.title, measure.share), bool(found or mine)


def _titles(kind: Measurement) -> list[tuple[str, str]]:
    return [(each.title, each.column) for each in kind.measures]


def _names(samplers: Any) -> list[tuple[str, str]]:
    return [(METHODS[name].title, name) for name in samplers]


def notes(kind: Measurement, rows: list[dict[str, str]], measure: Measure, view: View, own: list[Drawn]) -> str:
    """What is missing, in a sentence each: everything, some samplers, or what nobody measures here."""
    found = curves.points(kind, rows, measure, view.condition)
    if not found and not any(drawn.point(measure) for drawn in own):
        return (
            f'<p role="status">Nothing of this was measured beforehand: assets/results/{kind.file} has no rows of it. '
            "Measure a small cell below, or all of it by <code>python -m remdm evaluate</code>.</p>"
        )
    there = {point.sampler for point in found}
    lacking = [METHODS[name].title for name in view.samplers if name not in there]
    sentences = [kind.missing]
    if lacking:
        sentences.append(f"Without this measure in the file: {', '.join(lacking)}.")
    if own and not any(drawn.point(measure) for drawn in own):
        sentences.append("Your own samples were not measured so; choose another measure to see them.")
    return f'<p role="status">{escape(" ".join(sentences))}</p>'
