"""What a run leaves behind, under the stage: files, numbers and charts, drawn once when it ends."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import gradio as gr
from gradio.components import Component

from remdm.app.events import Changes
from remdm.app.samples import Sample, file_of
from remdm.runs.domain import Domain
from remdm.views import charts, numbers

MOST_CHARTS = 2
"""So many charts over all samples a domain may bring (`Model.charts`)."""
NAMES = ("masks", "sigma", "remasks", "errors")


class Outcome:
    """Builds that part of the page and says how it changes; `first` is None while there is no run."""

    def __init__(self, domain: Domain, first: Sample | None) -> None:
        where = domain.name
        drawn = charts.run_charts(first.trace, first.errors) if first else dict.fromkeys(NAMES)
        with gr.Row(elem_classes="files"):
            file = _offered(first) if first else None
            self.saved = gr.DownloadButton(
                "Save this trace", value=file, interactive=bool(file), size="sm", elem_id=f"{where}-export"
            )
            self.opened = gr.UploadButton(
                "Open a trace", file_types=[".json", ".gz"], size="sm", elem_id=f"{where}-import"
            )
        with gr.Column(elem_classes="outcome"):
            self._over_all(domain, first)
            self.numbers = gr.HTML(numbers.html(first.trace) if first else "", elem_id=f"{where}-numbers")
            with gr.Row(elem_classes="charts", elem_id=f"{where}-charts"):
                self.charts = {
                    name: gr.Plot(
                        figure,
                        show_label=False,
                        visible=figure is not None,
                        elem_id=f"{where}-{name}",
                        elem_classes=name,
                    )
                    for name, figure in drawn.items()
                }

    def _over_all(self, domain: Domain, first: Sample | None) -> None:
        """Numbers and charts over all samples of a click on Run, in the domains that have them."""
        self._counts = any(model.numbers for model in domain.models)
        plots = MOST_CHARTS if any(model.charts for model in domain.models) else 0
        text, drawn = _all_of([first] if first else [])
        self.all_numbers = gr.HTML(text, visible=self._counts, elem_id=f"{domain.name}-all-numbers")
        with gr.Row(elem_classes="charts", visible=bool(plots)):
            self.all_charts = [
                gr.Plot(figure, show_label=False, visible=figure is not None, elem_id=f"{domain.name}-all-{place}")
                for place, figure in enumerate([*drawn, None, None][:plots])
            ]

    @property
    def outputs(self) -> set[Component]:
        """Everything that changes with the samples shown."""
        return {self.saved, self.numbers, *self.charts.values(), self.all_numbers, *self.all_charts}

    def of(self, sample: Sample) -> Changes:
        """What to show of a sample."""
        figures, file = charts.run_charts(sample.trace, sample.errors), _offered(sample)
        return {
            self.numbers: numbers.html(sample.trace),
            self.saved: gr.DownloadButton(value=file, interactive=bool(file)),
            **{self.charts[name]: _plot(figure) for name, figure in figures.items()},
        }

    def of_all(self, samples: Sequence[Sample]) -> Changes:
        """What to show of all samples together."""
        text, figures = _all_of(samples)
        changes: Changes = {self.all_numbers: text} if self._counts else {}
        return changes | {
            each: _plot(figure) for each, figure in zip(self.all_charts, [*figures, None, None], strict=False)
        }


def _offered(sample: Sample) -> str | None:
    """Its trace file; a server that cannot write one shows the run all the same."""
    with suppress(ValueError):
        return file_of(sample.trace)
    return None


def _plot(figure: Any) -> gr.Plot:
    """A figure in its place, which is hidden without one."""
    return gr.Plot(value=figure, visible=figure is not None)


def _all_of(samples: Sequence[Sample]) -> tuple[str, list[Any]]:
    """The numbers over samples as HTML, and the figures; none where their model has none."""
    model = samples[0].model if samples else None
    states = [sample.view for sample in samples]
    title = "This sample" if len(states) == 1 else f"All {len(states)} samples"
    text = numbers.cells(title, "", model.numbers(states)) if model and model.numbers else ""
    return text, list(model.charts(states).values()) if model and model.charts else []
