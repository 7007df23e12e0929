"""What a run leaves behind, under the stage: files, numbers and charts, drawn once when it ends."""

from typing import Any

import gradio as gr

from remdm.tabs.samples import Sample, file_of
from remdm.views import charts, numbers

Changes = dict[gr.components.Component, Any]


class Outcome:
    """Builds that part of the page and says how it changes."""

    def __init__(self, first: Sample, where: str) -> None:
        with gr.Row(elem_classes="files"):
            self.saved = gr.DownloadButton(
                "Save this trace", value=file_of(first.trace), size="sm", elem_id=f"{where}-export"
            )
            self.opened = gr.UploadButton(
                "Open a trace", file_types=[".json", ".gz"], size="sm", elem_id=f"{where}-import"
            )
        with gr.Column(elem_classes="outcome"):
            self.numbers = gr.HTML(numbers.html(first.trace), elem_id=f"{where}-numbers")
            with gr.Row(elem_classes="charts", elem_id=f"{where}-charts"):
                self.charts = {
                    name: gr.Plot(
                        figure,
                        show_label=False,
                        visible=figure is not None,
                        elem_id=f"{where}-{name}",
                        elem_classes=name,
                    )
                    for name, figure in charts.run_charts(first.trace, first.errors).items()
                }

    @property
    def outputs(self) -> list[gr.components.Component]:
        """Everything that changes with the sample shown."""
        return [self.saved, self.numbers, *self.charts.values()]

    def of(self, sample: Sample) -> Changes:
        """What to show of a sample."""
        figures = charts.run_charts(sample.trace, sample.errors)
        drawn = {
            self.charts[name]: gr.Plot(value=figure, visible=figure is not None) for name, figure in figures.items()
        }
        return {
            self.numbers: numbers.html(sample.trace),
            self.saved: gr.DownloadButton(value=file_of(sample.trace)),
            **drawn,
        }
