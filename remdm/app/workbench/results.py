"""What a run leaves behind under the stage, and what the stage shows again: samples, numbers, files, opened traces."""

from collections.abc import Callable

import gradio as gr
from gradio.components import Component

from remdm.app.components.board import Comparison, of_samples
from remdm.app.components.scripted_html import ScriptedHTML, tiles
from remdm.app.components.tiles import finished
from remdm.app.components.visit_state import VisitState
from remdm.app.events import Changes, Values
from remdm.app.samples import Sample, opened
from remdm.app.workbench.outcome import Outcome
from remdm.app.workbench.share import Share
from remdm.runs.domain import Domain
from remdm.views.comparison import table
from remdm.views.messages import title


class Results:
    """Builds that part of a tab and says how it changes.

    Attributes:
        made: what the stage shows, a `Comparison`. shown: the sample that the numbers are of. kept: all samples of
            the last run. Each is the state of one visit.
    """

    def __init__(
        self, domain: Domain, player: ScriptedHTML, first: Comparison | None, under: Callable[[], None] | None
    ) -> None:
        """Build it; `under` adds a domain's own parts."""
        name, self.domain, self.player = domain.name, domain, player
        sample = first.samples[-1] if first else None
        self.samples = gr.Radio([], label="Samples", visible=False, interactive=True, elem_id=f"{name}-samples")
        self.tiled = any(model.tile for model in domain.models)
        self.tiles = tiles(visible=self.tiled, elem_id=f"{name}-tiles")
        if under:
            under()
        with gr.Accordion("Numbers, charts and files", open=False, elem_id=f"{name}-more", elem_classes="parts"):
            self.share = Share(name)
            self.compared = gr.HTML(compared(first), elem_id=f"{name}-compare-table")
            self.outcome = Outcome(domain, sample)
        self.made, self.shown = VisitState(first), VisitState(sample)
        self.kept = VisitState([sample] if sample else [])

    @property
    def views(self) -> set[Component]:
        """All that changes when another run is looked at."""
        return {
            self.player, self.tiles, self.compared, self.shown, self.made, *self.outcome.outputs,
            *self.share.outdated,
        }  # fmt: skip

    @property
    def outputs(self) -> set[Component]:
        """All that changes with a run."""
        return {*self.views, self.samples, self.kept}

    @property
    def at_once(self) -> Changes:
        """What goes as soon as a run begins."""
        return {self.samples: gr.update(visible=False)}

    def of(self, samples: list[Sample], place: int = -1) -> Changes:
        """Numbers of the sample at a place and of all, and the list of all of them."""
        place %= len(samples)
        names = [(sample.title, each) for each, sample in enumerate(samples)]
        return {
            **self.outcome.of(samples[place]), **self.outcome.of_all(samples), **self._tiles(samples, place),
            self.samples: gr.Radio(choices=names, value=place, visible=len(samples) > 1 and not self.tiled),
            self.kept: samples, self.shown: samples[place], **self.stage_shows(alone(samples[place])),
        }  # fmt: skip

    def _tiles(self, samples: list[Sample], focus: int) -> Changes:
        return {self.tiles: finished(samples, focus)} if self.tiled else {}

    def stage_shows(self, shown: Comparison) -> Changes:
        """What the stage shows now."""
        return {self.made: shown, self.compared: compared(shown), **self.share.outdated}

    def of_lanes(self, shown: Comparison, message: str) -> Changes:
        """Lanes side by side, which the stage is told about by a message."""
        return {**self.of(list(shown.samples[-1:])), self.player: message, **self.stage_shows(shown)}

    def of_one(self, sample: Sample) -> Changes:
        """One sample, alone on the stage."""
        return {
            **self.outcome.of(sample), self.player: sample.message(), self.shown: sample,
            **self.stage_shows(alone(sample)),
        }  # fmt: skip

    def chosen(self, values: Values) -> Changes:
        """Show another of the samples."""
        place, kept = values[self.samples], values[self.kept]
        if place not in range(len(kept)):
            raise ValueError("That sample is not there any more")
        return self.of_one(kept[place])

    def opened(self, file: str) -> Changes:
        """Show a trace file of the visitor's.

        Raises:
            TraceError: with one sentence, for a file that cannot be shown.
        """
        sample = opened(file, {self.domain.name: self.domain})
        return {**self.of([sample]), self.player: sample.message(sample.opened_as)}


def alone(sample: Sample) -> Comparison:
    """One run as what the stage shows."""
    return of_samples([sample], [title(sample.trace.run)])


def compared(shown: Comparison | None) -> str:
    """The numbers of lanes side by side."""
    if shown is None or len(shown.samples) < 2:
        return ""
    return table(shown.titles, [each.trace for each in shown.samples], [each.errors_left for each in shown.samples])
