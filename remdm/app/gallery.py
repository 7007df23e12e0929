"""The gallery: recorded runs with an instructive error or repair. No model is needed to look at them."""

import json
from collections.abc import Mapping
from pathlib import Path

import gradio as gr
from gradio.components import Component

from remdm.app.components.scripted_html import stage
from remdm.app.events import LATEST, SIDE_QUEUE, Changes, on
from remdm.app.samples import Sample, checked, opened
from remdm.runs.domain import Domain
from remdm.runs.trace import TraceError
from remdm.runs.trace_file import load

ABOUT = """Recorded runs that show something: one that goes wrong, and one that finds its way back. They play without a
model. Any run of yours can be kept in the same form with *Save this trace* and shown here."""


def pieces(folder: Path) -> list[dict[str, str]]:
    """What it shows: `file` (a trace), `title` and `told` (two sentences) of each, from the folder's index.json."""
    index = folder / "index.json"
    return json.loads(index.read_text(encoding="utf-8")) if index.is_file() else []


def seen(file: Path, domains: Mapping[str, Domain]) -> Sample:
    """A trace of any domain with its errors found anew.

    Raises:
        TraceError: if it is not one, or of a domain that is not known here.
    """
    trace = load(file)
    domain = domains.get(trace.run.get("domain", ""))
    if domain is None:
        raise TraceError(f"Its domain is none of {', '.join(domains)}.")
    return checked(domain, trace)


class Gallery:
    """Builds the tab; its callbacks are the methods below."""

    def __init__(self, domains: Mapping[str, Domain], folder: Path) -> None:
        self.domains, self.folder, self.pieces = domains, folder, pieces(folder)
        titles = [(each["title"], place) for place, each in enumerate(self.pieces)]
        with gr.Row(elem_classes="gallery"):
            with gr.Column(elem_classes="gallery-side", scale=2, min_width=280):
                gr.Markdown(ABOUT)
                self.which = gr.Radio(
                    titles, value=0 if titles else None, label="Choose one", elem_id="gallery-which",
                    elem_classes="gallery-list",
                )  # fmt: skip
                with gr.Row(elem_classes="files"):
                    self.opened = gr.UploadButton(
                        "Open a trace", file_types=[".json", ".gz"], size="sm", elem_id="gallery-open"
                    )
            with gr.Column(scale=5, min_width=320):
                self.text = gr.Markdown(
                    self.pieces[0]["told"] if titles else "There is nothing here yet.", elem_id="gallery-told"
                )
                self.player = stage(self.sample(0).message() if titles else None, elem_id="gallery-player")
        on(self.which.input, self.chosen, self.which, {self.text, self.player}, **LATEST)
        on(self.opened.upload, self.open_trace, self.opened, {self.which, self.text, self.player}, **SIDE_QUEUE)

    @property
    def outputs(self) -> set[Component]:
        """All that `named` changes."""
        return {self.which, self.text, self.player}

    def named(self, name: str) -> Changes:
        """Show a piece by the name of its file, as a link has it.

        Raises:
            ValueError: for a name that is not here.
        """
        names = [each["file"].removesuffix(".json.gz") for each in self.pieces]
        if name not in names:
            raise ValueError(f"gallery must be one of {', '.join(names)}, got {name[:40]}")
        return {self.which: names.index(name), **self.chosen(names.index(name))}

    def sample(self, place: int) -> Sample:
        """A piece with its errors found anew."""
        return seen(self.folder / self.pieces[place]["file"], self.domains)

    def chosen(self, place: int) -> Changes:
        """Show another piece."""
        return {self.text: self.pieces[place]["told"], self.player: self.sample(place).message()}

    def open_trace(self, file: str) -> Changes:
        """Show a trace file of the visitor's, of any domain."""
        sample = opened(file, self.domains)
        text = f"A {sample.domain.title.lower()} run of yours."
        return {self.which: None, self.text: text, self.player: sample.message(sample.opened_as)}
