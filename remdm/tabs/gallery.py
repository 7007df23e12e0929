"""The gallery: recorded runs with an instructive error or repair. No model is needed to look at them."""

import json
from pathlib import Path

import gradio as gr

from remdm.domains import DOMAINS
from remdm.tabs.player import Player
from remdm.tabs.reactions import QUIET
from remdm.tabs.samples import Sample, checked
from remdm.trace import load


def pieces(folder: Path) -> list[dict[str, str]]:
    """What hangs there: `file` (a trace), `title` and `told` (two sentences) of each, from the folder's index.json."""
    index = folder / "index.json"
    return json.loads(index.read_text()) if index.is_file() else []


class Gallery:
    """Builds the tab; its callback is the method below."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.pieces = folder, pieces(folder)
        gr.Markdown(
            "Recorded runs that show something. They play without a model. Any run of yours can be kept in the same "
            "form with “Save this trace”, and opened again in its tab.", elem_classes="prose",
        )  # fmt: skip
        titles = [(each["title"], place) for place, each in enumerate(self.pieces)]
        self.which = gr.Radio(
            titles,
            value=0 if titles else None,
            label="Choose one",
            elem_id="gallery-which",
            elem_classes="gallery-list",
        )
        self.told = gr.Markdown(self.pieces[0]["told"] if titles else "Nothing hangs here yet.", elem_id="gallery-told")
        self.player = Player(self.sample(0).message() if titles else None, elem_id="gallery-player")
        self.which.input(self.chosen, self.which, [self.told, self.player], **QUIET)

    def sample(self, place: int) -> Sample:
        """A piece with its errors found anew."""
        trace = load(self.folder / self.pieces[place]["file"])
        return checked(DOMAINS[trace.run["domain"]], trace)

    def chosen(self, place: int) -> list[str]:
        """Show another piece."""
        return [self.pieces[place]["told"], self.sample(place).message()]
