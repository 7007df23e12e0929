"""The tab of pictures: the workbench, and under its player redrawing a part of a picture, and pictures as files."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from remdm.app.events import SIDE_QUEUE, Values, ask_page, on
from remdm.app.samples import Sample, file_name
from remdm.app.workbench.workbench import Workbench
from remdm.domains.image import emoji
from remdm.domains.image.exports import animation, contact_sheet
from remdm.evaluation.measurement import Measurement
from remdm.models.network import compute
from remdm.runs.domain import Domain
from remdm.runs.request import RunRequest
from remdm.runs.trace import Trace
from remdm.serving.apart import APART
from remdm.serving.temporary import offered

SAME = "the chosen category"
MARKED = "() => window.ReMDMPictures.request()"
PRESET = "() => window.ReMDMPictures.preset({})"
HELP = """Switch on *Mark cells to redraw* under the picture and drag over it, or take a preset. Marked cells go back
to the mask; all others stay given, and the model fits the new ones to them."""
MOST_JSON = 64_000
DRAWING_SECONDS = 40
"""For a file of pictures."""


@dataclass(frozen=True)
class RedrawRequest:
    """What the picture on the page sends: its codes at the step shown, and the marked cells."""

    ids: tuple[int, ...]
    marked: frozenset[int]


def read_redraw_request(text: str | None) -> RedrawRequest:
    """A request, checked: it comes from the browser.

    Raises:
        ValueError: with one sentence, for anything but equally long lists of small whole numbers.
    """
    try:
        found = json.loads((text or "")[:MOST_JSON])
        ids, marked = found["ids"], found["marked"]
        fine = all(isinstance(part, list) and all(type(x) is int and 0 <= x < 1 << 20 for x in part)
                   for part in (ids, marked))  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError):
        fine = False
    if not fine or any(place >= len(ids) for place in marked):
        raise ValueError("There is no picture yet; press Run first.")
    return RedrawRequest(tuple(ids), frozenset(marked))


def redrawn(requests: Sequence[RunRequest], redraw: RedrawRequest, category: str) -> list[RunRequest]:
    """The same requests, begun from a picture whose marked cells are masked, under another category if one is named.

    Raises:
        ValueError: with one sentence, where nothing is marked or the model does not fit.
    """
    if not redraw.marked:
        raise ValueError("No cells are marked; switch on Mark cells to redraw and drag over the picture.")
    model = requests[0].model
    if len(redraw.ids) != model.length:
        raise ValueError(f"The picture has {len(redraw.ids)} cells, but the chosen model draws {model.length}.")
    if category != SAME and category not in model.choices.get("category", ()):
        raise ValueError(f"The chosen model draws no {category}; redraw as {SAME}.")
    mask_id = model.load(compute(requests[0].device)).mask_id
    if any(token > mask_id for token in redraw.ids):
        raise ValueError("The picture was drawn by another model than the chosen one; run that first.")
    start = tuple(mask_id if place in redraw.marked else token for place, token in enumerate(redraw.ids))
    named = {} if category == SAME else {"category": category}
    return [replace(each, start=start, asked=replace(each.asked, **named)) for each in requests]


def another(category: str) -> str:
    """A category other than this one."""
    return random.SystemRandom().choice([name for name in emoji.NAMES if name != category])


class ImageTab:
    """Builds the tab inside `gr.Blocks`; its callbacks are the methods below."""

    def __init__(self, domain: Domain, recorded: Path, measurement: Measurement | None) -> None:
        self.bench = Workbench(domain, recorded, measurement, self._parts)
        self._listen()

    def _parts(self) -> None:
        """What stands under the player."""
        with gr.Accordion("Redraw a part of the picture", open=False, elem_id="image-part", elem_classes="parts"):
            gr.Markdown(HELP)
            self.category = gr.Dropdown([SAME, *emoji.NAMES], value=SAME, label="Redraw as", elem_id="image-as")
            with gr.Row():
                self.redraw = gr.Button("Redraw marked cells", elem_id="image-redraw", size="sm", variant="primary")
                self.outpaint = gr.Button("Outpaint: keep the middle", elem_id="image-outpaint", size="sm")
                self.half = gr.Button("Left half as something else", elem_id="image-half", size="sm")
        with gr.Accordion("The run as a picture file", open=False, elem_id="image-files", elem_classes="parts"):
            with gr.Row():
                self.sheet = gr.Button("Contact sheet · PNG", elem_id="image-sheet", size="sm")
                self.gif = gr.Button("Animation · GIF", elem_id="image-gif", size="sm")
            self.file = gr.Image(
                visible=False, type="filepath", show_label=False, interactive=False, elem_id="image-file"
            )

    def _listen(self) -> None:
        self._runs_on(self.redraw, MARKED)
        self._runs_on(self.outpaint, PRESET.format("'All but the middle'"))
        self._runs_on(self.half, PRESET.format("'Left half'"), always_another=True)
        for button, make, suffix in ((self.sheet, contact_sheet, "png"), (self.gif, animation, "gif")):
            on(button.click, self._filing(make, suffix), self.bench.results.shown, self.file, **SIDE_QUEUE)

    def _runs_on(self, button: gr.Button, script: str, always_another: bool = False) -> None:
        """A click on the button redraws the cells that the page marks, `always_another`: as another category."""
        asked, marked = ask_page(button.click, script)

        def requests(values: Values) -> list[RunRequest]:
            plain, category = self.bench.panel.requests(values), values[self.category]
            if always_another and category == SAME:
                category = another(plain[0].asked.category)
            return redrawn(plain, read_redraw_request(values[marked]), category)

        self.bench.runs_on(asked.then, requests, {marked, self.category})

    def _filing(self, make: Callable[[Trace], bytes], suffix: str) -> Callable[[Sample | None], Any]:
        def file(shown: Sample | None) -> Any:
            if shown is None:
                raise ValueError("There is no picture yet; press Run first.")
            drawn = APART.call(DRAWING_SECONDS, make, shown.trace)
            with offered(f"{file_name(shown.trace)}.{suffix}") as path:
                path.write_bytes(drawn)
            return gr.Image(value=str(path), visible=True)

        return file


TAB = ImageTab
