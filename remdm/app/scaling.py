"""Scaling: quality against network calls, from the shipped results and from a small measurement of one's own."""

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from remdm.app.components.controls import Dial
from remdm.app.errors import failure
from remdm.app.events import UI_EVENT
from remdm.app.measuring import Measuring
from remdm.app.workbench.outcome import Changes
from remdm.app.workbench.settings import MOST_STEPS, whole
from remdm.evaluation import curves
from remdm.evaluation.curves import Drawn
from remdm.evaluation.measurement import Measure, Measurement
from remdm.evaluation.sweeps import results
from remdm.paths import ASSETS
from remdm.runs.domain import Domain
from remdm.sampling.methods import METHODS
from remdm.serving.streamed_runs import RUNS
from remdm.views import precision
from remdm.views.curves import figure, table

FOLDER = ASSETS / "results"
PLACES = {name: place for place, name in enumerate(METHODS)}
ABOUT = """### What do more steps buy?
A sampler that never revises soon has nothing left to ask the network for: its line ends. One that remasks goes on. The
axis counts **network calls that were really made**, not steps asked for. Bars are 95% intervals."""
YOURS = """### Measure it yourself
The model that comes with the app draws a few samples and they are measured as above; your marks are hollow. Press again
for more of the same: it goes on where it stopped, and n grows."""
NOISE = """### Cheap noise looks like quality (Zheng et al. 2024, arXiv 2409.02908)
Reference samplers draw one race over all words and the mask at every step. With 32-bit random numbers the race has an
end: rare words can hardly win, the less so the smaller the steps. Perplexity falls as T grows, as if the sampler got
better, and entropy falls with it. Measured on a language of 50,257 words whose every probability is known, by MDLM
without a nucleus (`python -m remdm precision`); with 64 bits nothing of it is left. This app decides apart, and in 64
bits, who decodes, so that its own 32 bits matter little."""
MOST_SAMPLES = 512
Kept = Mapping[tuple[str, str, int], Drawn]


class Scaling(Measuring):
    """Builds the tab; its callbacks are the methods below. Results are read whenever the tab is opened."""

    def __init__(
        self, tab: gr.Tab, domains: Mapping[str, Domain], measurements: Mapping[str, Measurement], folder: Path = FOLDER
    ) -> None:
        self.kinds, self.folder = measurements, folder
        name, kind = next(iter(measurements.items()))
        gr.Markdown(ABOUT, elem_classes="prose")
        with gr.Row(elem_classes="pane-controls"):
            self.domain = gr.Radio(
                [(domains[each].title, each) for each in measurements], value=name, label="Of", elem_id="scaling-domain"
            )
            self.measure = gr.Dropdown(_titles(kind), value=kind.measures[0].column, label="What is measured",
                                       filterable=False, elem_id="scaling-measure")  # fmt: skip
            self.condition = gr.Dropdown([kind.own], value=kind.own, label="Condition", filterable=False,
                                         visible=False, elem_id="scaling-condition")  # fmt: skip
        self.samplers = gr.CheckboxGroup([], label="Samplers", elem_id="scaling-samplers")
        self.changed = gr.Checkbox(
            False, label="With other settings too", info="Rows that differ from the preset: eta, nucleus, precision.",
            visible=False, elem_id="scaling-changed",
        )  # fmt: skip
        self.said = gr.HTML("", elem_id="scaling-said", elem_classes="said")
        with gr.Row(elem_classes="charts scaling"):
            self.chart = gr.Plot(show_label=False, visible=False, elem_id="scaling-chart")
            self.beside = gr.Plot(show_label=False, visible=False, elem_id="scaling-beside")
        self._yours(kind)
        self.table = gr.HTML("", elem_id="scaling-table")
        gr.Markdown(NOISE, elem_classes="prose")
        with gr.Row(elem_classes="charts scaling"):
            self.noise = [gr.Plot(show_label=False, visible=False, elem_id=f"scaling-noise-{name}")
                          for name in ("perplexity", "entropy")]  # fmt: skip
        self.kept, self.ticket = gr.State({}), gr.State(None)
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
            self.go = gr.Button("Measure", variant="primary", size="sm", elem_id="scaling-run")
            self.stop = gr.Button("Stop", interactive=False, size="sm", elem_id="scaling-stop")
            self.clear = gr.Button("Forget mine", size="sm", elem_id="scaling-clear")

    def _listen(self, tab: gr.Tab) -> None:
        asked = [self.domain, self.measure, self.condition, self.samplers, self.changed, self.kept]
        drawn = [self.said, self.chart, self.beside, self.table]
        again = [self.measure, self.condition, self.samplers, self.changed, self.sampler, *drawn]
        tab.select(self.opened, asked, [*again, *self.noise], **UI_EVENT)
        self.domain.input(self.of, [self.domain, self.kept], again, **UI_EVENT)
        self.condition.input(self.under, [self.domain, self.measure, self.condition, self.kept],
                             [self.samplers, self.changed, *drawn], **UI_EVENT)  # fmt: skip
        gr.on([self.measure.input, self.samplers.input, self.changed.input], self.shown, asked, drawn, **UI_EVENT)
        cell = [self.sampler, self.steps, self.count]
        self.measures(self.measured, [*asked, *cell], [*drawn, self.go, self.stop, self.kept])
        self.clear.click(lambda *asked: {self.kept: {}, **self.shown(*asked[:-1], {})}, asked,
                         [self.kept, *drawn], **UI_EVENT)  # fmt: skip

    # What is shown

    def _rows(self, name: str) -> list[dict[str, str]]:
        return results.read(self.folder / self.kinds[name].file)

    def _there(self, kind: Measurement, rows: list[dict[str, str]], condition: str) -> list[str]:
        """The samplers that the results have under a condition."""
        found = {row["sampler"] for row in rows if kind.condition(row) == condition}
        return [each for each in METHODS if each in found]

    def opened(self, name: str, column: str, condition: str, samplers: list[str], changed: bool, kept: Kept) -> Changes:
        """The tab was opened: what the files have now; what was chosen stays chosen."""
        made = self.of(name, kept) if not samplers else self.shown(name, column, condition, samplers, changed, kept)
        return {**made, **self._precision()}

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

    def of(self, name: str, kept: Kept) -> Changes:
        """Another domain."""
        kind, rows = self.kinds[name], self._rows(name)
        offered = curves.conditions(kind, rows) or [kind.own]
        column, chosen = kind.measures[0].column, kind.samplers
        return {
            self.measure: gr.Dropdown(_titles(kind), value=column),
            self.condition: gr.Dropdown(offered, value=offered[0], visible=len(offered) > 1),
            self.sampler: gr.Dropdown(_names(chosen), value="remdm-cap"),
            **self._under(rows, name, column, offered[0], kept),
        }

    def under(self, name: str, column: str, condition: str, kept: Kept) -> Changes:
        """Another condition: all samplers that were measured under it, as the domain sets them."""
        return self._under(self._rows(name), name, column, condition, kept)

    def _under(self, rows: list[dict[str, str]], name: str, column: str, condition: str, kept: Kept) -> Changes:
        kind, there = self.kinds[name], self._there(self.kinds[name], rows, condition)
        more = any(curves.changed(kind, row) for row in rows if kind.condition(row) == condition)
        return {
            self.samplers: gr.CheckboxGroup(_names(there), value=there, visible=bool(there)),
            self.changed: gr.Checkbox(False, visible=more),
            **self._shown(rows, name, column, condition, there, False, kept),
        }

    def shown(self, name: str, column: str, condition: str, samplers: list[str], changed: bool, kept: Kept) -> Changes:
        """Chart, table and what is to be said of them."""
        return self._shown(self._rows(name), name, column, condition, samplers, changed, kept)

    def _shown(
        self, rows: list[dict[str, str]], name: str, column: str, condition: str, samplers: list[str], changed: bool,
        kept: Kept,
    ) -> Changes:  # fmt: skip
        kind = self.kinds[name]
        measure = kind.measure(column)
        rows = [row for row in rows if changed or not curves.changed(kind, row)]
        live = [drawn for (domain, _, _), drawn in kept.items() if domain == name and condition == kind.own]
        chart, numbers, has = self._drawn(kind, rows, measure, condition, samplers, live)
        beside = kind.measure(measure.beside) if measure.beside else None
        second = self._drawn(kind, rows, beside, condition, samplers, live)[0] if beside and has else None
        return {
            self.chart: gr.Plot(chart, visible=has), self.beside: gr.Plot(second, visible=second is not None),
            self.table: numbers,
            self.said: said(kind, rows, measure, condition, samplers, live),
        }  # fmt: skip

    def _drawn(
        self, kind: Measurement, rows: list[dict[str, str]], measure: Measure, condition: str, samplers: list[str],
        live: list[Drawn],
    ) -> tuple[Any, str, bool]:  # fmt: skip
        found = [each for each in curves.points(kind, rows, measure, condition) if each.sampler in samplers]
        mine = [point for drawn in live if (point := drawn.point(measure))]
        world = curves.world(kind, rows, measure, condition)
        chart = figure(found, mine, PLACES, measure.title, measure.share, world)
        return chart, table(found, mine, measure.title, measure.share), bool(found or mine)

    # A measurement of one's own

    def measured(
        self, ticket: str | None, name: str, column: str, condition: str, samplers: list[str], changed: bool,
        kept: Kept, sampler: str, steps: float | None, count: float | None,
    ) -> Iterator[Changes]:  # fmt: skip
        """Draw more of a cell, and draw it into the chart, round by round."""
        halt, kind = RUNS.pressed(ticket).halt, self.kinds[name]
        try:
            wanted = whole("samples", count, 1, MOST_SAMPLES)
            key = (name, sampler, whole("steps", steps, 1, MOST_STEPS))
            there = kept.get(key) or curves.begin(kind, sampler, key[2])
            goal = len(there) + wanted
            yield {self.go: gr.Button(f"Measuring … {len(there)} of {goal}", interactive=False)}
            for drawn in curves.more(kind, there, wanted, halt):
                kept = {**kept, key: drawn}
                yield {
                    **self.shown(name, column, condition, samplers, changed, kept), self.kept: kept,
                    self.go: gr.Button(f"Measuring … {len(drawn)} of {goal}", interactive=False),
                }  # fmt: skip
            if halt.is_set():
                return
        except Exception as error:
            yield self._ready()
            raise failure(error, "The measurement") from error
        yield self._ready()


def _titles(kind: Measurement) -> list[tuple[str, str]]:
    return [(each.title, each.column) for each in kind.measures]


def _names(samplers: Any) -> list[tuple[str, str]]:
    return [(METHODS[name].title, name) for name in samplers]


def said(
    kind: Measurement,
    rows: list[dict[str, str]],
    measure: Measure,
    condition: str,
    samplers: list[str],
    live: list[Drawn],
) -> str:
    """What is missing, in a sentence each: everything, some samplers, or what nobody measures here."""
    found = curves.points(kind, rows, measure, condition)
    if not found and not any(drawn.point(measure) for drawn in live):
        return (
            f'<p role="status">Nothing of this was measured beforehand: assets/results/{kind.file} has no rows of it. '
            "Measure a small cell below, or all of it by <code>python -m remdm evaluate</code>.</p>"
        )
    there = {point.sampler for point in found}
    lacking = [METHODS[name].title for name in samplers if name not in there]
    told = [kind.missing]
    if lacking:
        told.append(f"Without this measure in the file: {', '.join(lacking)}.")
    if live and not any(drawn.point(measure) for drawn in live):
        told.append("Your own samples were not measured so; choose another measure to see them.")
    return f'<p role="status">{escape(" ".join(told))}</p>'
