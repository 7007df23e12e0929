"""The tab of pictures: the workbench, and under its player redrawing a part of a picture, and pictures as files."""

import json
import random
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from remdm.app.events import UI_EVENT
from remdm.app.samples import Sample
from remdm.app.workbench.outcome import Changes
from remdm.app.workbench.workbench import MODEL_QUEUE, Workbench
from remdm.domains.image import emoji
from remdm.domains.image.exports import animation, contact_sheet
from remdm.evaluation.measurement import Measurement
from remdm.models.network import compute
from remdm.runs.domain import Domain
from remdm.runs.record import RunRequest
from remdm.runs.trace import Trace

SAME = "the chosen category"
WISH = "() => window.ReMDMPictures.wish()"
PRESET = "() => window.ReMDMPictures.preset({})"
HELP = """Switch on *Mark cells to redraw* under the picture and drag over it, or take a preset. Marked cells go back
to the mask; all others stay given, and the model fits the new ones to them."""
MOST_JSON = 64_000


@dataclass(frozen=True)
class RedrawRequest:
    """What the picture on the page sends: its codes at the step shown, and the marked cells."""

    ids: tuple[int, ...]
    marked: frozenset[int]


def read_redraw_request(text: str | None) -> RedrawRequest:
    """A wish, checked: it comes from the browser.

    Raises:
        ValueError: with one sentence, for anything but equally long lists of small whole numbers.
    """
    try:
        found = json.loads((text or "")[:MOST_JSON])
        ids, marked = found["ids"], found["marked"]
        fine = all(isinstance(part, list) and all(type(x) is int and 0 <= x < 1 << 20 for x in part)
                   for part in (ids, marked))  # fmt: skip
    except (ValueError, KeyError, TypeError):
        fine = False
    if not fine or any(place >= len(ids) for place in marked):
        raise ValueError("There is no picture yet; press Run first.")
    return RedrawRequest(tuple(ids), frozenset(marked))


def redrawn(orders: Sequence[RunRequest], wish: RedrawRequest, category: str) -> list[RunRequest]:
    """The same orders, begun from a picture whose marked cells are masked, under another category if one is named.

    Raises:
        ValueError: with one sentence, where nothing is marked or the model does not fit.
    """
    if not wish.marked:
        raise ValueError("No cells are marked; switch on Mark cells to redraw and drag over the picture.")
    model = orders[0].model
    if len(wish.ids) != model.length:
        raise ValueError(f"The picture has {len(wish.ids)} cells, but the chosen model draws {model.length}.")
    if category != SAME and category not in model.choices.get("category", ()):
        raise ValueError(f"The chosen model draws no {category}; redraw as {SAME}.")
    mask_id = model.load(compute(orders[0].device)).mask_id
    if any(token > mask_id for token in wish.ids):
        raise ValueError("The picture was drawn by another model than the chosen one; run that first.")
    start = tuple(mask_id if place in wish.marked else token for place, token in enumerate(wish.ids))
    named = {} if category == SAME else {"category": category}
    return [replace(order, start=start, asked=replace(order.asked, **named)) for order in orders]


def another(category: str) -> str:
    """A category other than this one."""
    return random.SystemRandom().choice([name for name in emoji.NAMES if name != category])


class ImageTab:
    """Builds the tab inside `gr.Blocks`; its callbacks are the methods below."""

    def __init__(self, domain: Domain, recorded: Path, measurement: Measurement | None) -> None:
        self.bench = Workbench(domain, recorded, measurement, self._parts)
        self._hidden, self.wish = gr.Textbox(visible=False), gr.State("")
        self._listen()

    def _parts(self) -> None:
        """What stands under the player."""
        with gr.Accordion("Redraw a part of the picture", open=False, elem_id="image-part"):
            gr.Markdown(HELP)
            self.category = gr.Dropdown([SAME, *emoji.NAMES], value=SAME, label="Redraw as", elem_id="image-as")
            with gr.Row():
                self.redraw = gr.Button("Redraw marked cells", elem_id="image-redraw", size="sm", variant="primary")
                self.outpaint = gr.Button("Outpaint: keep the middle", elem_id="image-outpaint", size="sm")
                self.half = gr.Button("Left half as something else", elem_id="image-half", size="sm")
        with gr.Accordion("The run as a picture file", open=False, elem_id="image-files"):
            with gr.Row():
                self.sheet = gr.Button("Contact sheet · PNG", elem_id="image-sheet", size="sm")
                self.gif = gr.Button("Animation · GIF", elem_id="image-gif", size="sm")
            self.file = gr.Image(
                visible=False, type="filepath", show_label=False, interactive=False, elem_id="image-file"
            )

    def _listen(self) -> None:
        self._run_on(
            self.redraw, WISH, lambda text, category, orders: redrawn(orders, read_redraw_request(text), category)
        )
        self._run_on(self.outpaint, PRESET.format("'All but the middle'"),
                     lambda text, category, orders: redrawn(orders, read_redraw_request(text), category))  # fmt: skip
        self._run_on(self.half, PRESET.format("'Left half'"), _as_another)
        for button, make, suffix in ((self.sheet, contact_sheet, "png"), (self.gif, animation, "gif")):
            button.click(self._filing(make, suffix), self.bench.shown, self.file, **UI_EVENT)

    def _run_on(
        self, button: gr.Button, js: str, make: Callable[[str, str, list[RunRequest]], list[RunRequest]]
    ) -> None:
        """A press of the button takes the wish from the page and runs the orders that `make` makes of it."""
        bench = self.bench
        taken = button.click(lambda text: text, self._hidden, self.wish, js=js, queue=False, **UI_EVENT)
        begun = taken.then(bench.begin, None, bench.starting, queue=False, **UI_EVENT)

        def run(ticket: str | None, text: str, category: str, *values: Any) -> Iterator[Changes]:
            yield from bench.sampled(ticket, lambda: make(text, category, bench.panel.orders(values)))

        inputs = [bench.current, self.wish, self.category, *bench.panel.inputs]
        begun.then(run, inputs, bench.results, concurrency_id=MODEL_QUEUE, **UI_EVENT)

    def _filing(self, make: Callable[[Trace], bytes], suffix: str) -> Callable[[Sample | None], Any]:
        def file(shown: Sample | None) -> Any:
            if shown is None:
                raise gr.Error("There is no picture yet; press Run first.", print_exception=False)
            path = Path(tempfile.mkdtemp(prefix="remdm-")) / f"picture-{secrets.token_hex(4)}.{suffix}"
            path.write_bytes(make(shown.trace))
            return gr.Image(value=str(path), visible=True)

        return file


def _as_another(text: str, category: str, orders: list[RunRequest]) -> list[RunRequest]:
    named = category if category != SAME else another(orders[0].asked.category)
    return redrawn(orders, read_redraw_request(text), named)


TAB = ImageTab
