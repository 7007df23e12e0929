"""Share: a link to what the stage shows, and the same as one HTML file and as a GIF."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from remdm.app.components.board import Comparison
from remdm.app.components.scripted_html import scripts, styles
from remdm.app.events import SIDE_QUEUE, Changes, Values, ask_page, on, read_table, visit
from remdm.app.samples import Sample, file_name
from remdm.app.workbench.lanes import AS_SET, FIRST_LANES, lane_text, read_lane
from remdm.app.workbench.settings import short
from remdm.models.network import compute
from remdm.runs.branch import request_of
from remdm.runs.domain import Domain
from remdm.runs.request import RunRequest
from remdm.runs.trace import Trace
from remdm.sampling.knobs import knob, knobs, parse
from remdm.sampling.methods import options, settings
from remdm.serving.apart import APART, WHOSE, TooLong
from remdm.serving.temporary import offered
from remdm.views import film, standalone
from remdm.views.messages import title

ON_STAGE = """() => {
  const { k, lane, selected } = document.querySelector("#%s-player .rp").__stage.state();
  return JSON.stringify({ step: k, lane, position: selected });
}"""
_COPY = """(query) => {
  const link = location.origin + location.pathname + query;
  if (navigator.clipboard) navigator.clipboard.writeText(link).catch(() => {});
  return link;
}"""
NUMBERS = {name: knob(0, step=1, help="") for name in ("seed", "length")}
"""What a link says besides the settings and what the domain asks for."""
MOST_EDITS, MOST_EDIT_TEXT = 8, 200
EXPORT = "Export as page and GIF"
FILM_SECONDS = 40
"""For drawing a GIF."""


def query_pairs(request: RunRequest) -> dict[str, Any]:
    """What makes a run, as far as it is not a default."""
    chosen = request.settings
    plain = settings(chosen.sampler, chosen.steps).flat()
    pairs: dict[str, Any] = {
        "domain": request.domain.name, "model": request.model.name, "sampler": chosen.sampler, "steps": chosen.steps,
        "seed": request.seed,
    }  # fmt: skip
    pairs |= {"prompt": request.prompt} if request.prompt.strip() else {}
    pairs |= {"length": request.length} if request.length != request.model.length else {}
    pairs |= {name: value for name, value in chosen.flat().items() if plain.get(name) != value}
    usual = asdict(request.domain.ask())
    return pairs | {name: value for name, value in asdict(request.asked).items() if usual[name] != value}


def own_lane(lanes: int) -> int:
    """Which of so many lanes runs with the settings of the panel."""
    return FIRST_LANES.index(AS_SET) if lanes > 1 else 0


def query(shown: Comparison, at: Mapping[str, Any]) -> str:
    """The part of a link from the `?` on: the lanes, what was done by hand, and the step and token that are looked at.

    Raises:
        ValueError: for what no link can make again.
    """
    if len(shown.edits) > MOST_EDITS:
        raise ValueError(f"A link says at most {MOST_EDITS} changes by hand; export it as a page instead.")
    root = shown
    while root.before is not None:
        root = root.before
    requests = [_linkable(sample) for sample in root.samples]
    base = requests[min(own_lane(len(requests)), len(requests) - 1)]
    pairs = query_pairs(base)
    if len(requests) > 1:
        pairs["lanes"] = "|".join(lane_text(base.settings, each.settings) for each in requests)
    if shown.edits:
        pairs["edits"] = f"[{','.join(shown.edits)}]"
    looked = {"at": at.get("step"), "lane": at.get("lane"), "token": at.get("position")}
    return "?" + urlencode(pairs | {name: x for name, x in looked.items() if type(x) is int and x >= 0})


def _linkable(sample: Sample) -> RunRequest:
    trace, request = sample.trace, request_of(sample.trace, sample.domain)
    plain = request.model.start(request.prompt, request.length, request.model.load(compute(request.device)))
    if not trace.run.get("coupled") or request.index or tuple(plain.tolist()) != trace.start:
        raise ValueError("No link makes this run again; export it as a page instead.")
    return request


@dataclass(frozen=True)
class Link:
    """What a link asks for: the run, its lanes, and what is done by hand.

    Attributes:
        request: of the lane that the panel is set to.
        lanes: (sampler, changes) of each.
        edits: what is asked of the stage, one after the other, as `read_act` takes it.

    Where to look, the stage reads from the address itself (assets/js/link.js).
    """

    request: RunRequest
    lanes: tuple[tuple[str, str], ...]
    edits: tuple[Mapping[str, Any], ...]


def sayable(domain: Domain) -> tuple[str, ...]:
    """What a link of a domain can say besides the prompt, the sampler, T and the seed."""
    names = ("model", *NUMBERS, *options(), *knobs(domain.ask))
    return tuple(dict.fromkeys(name for name in names if name not in ("steps", "seed")))


def read_link(domain: Domain, pairs: Mapping[str, str]) -> Link:
    """A link, checked.

    Raises:
        ValueError: for an invalid name or value.
    """
    given, numbers, asked = (
        parse({name: pairs[name] for name in fields if name in pairs}, fields)
        for fields in (options(), NUMBERS, knobs(domain.ask))
    )
    chosen = settings(pairs.get("sampler", "remdm-loop"), **{"steps": 64} | given)
    model, wanted = domain.model(pairs.get("model")), domain.ask(**asked)
    request = RunRequest(
        domain, model, short(pairs.get("prompt", "")), numbers.get("length", model.length), chosen,
        numbers.get("seed", 7), asked=wanted,
    )  # fmt: skip
    named = pairs.get("lanes", "*").split("|")
    if len(named) not in (1, 2, 4):
        raise ValueError(f"lanes must name 1, 2 or 4 runs, got {len(named)}")
    return Link(request, tuple(map(read_lane, named)), tuple(_edits(pairs.get("edits", "[]"))))


def _edits(text: str) -> list[dict[str, Any]]:
    names = ("kind", "lane", "step", "position", "token", "sampler", "once")
    try:
        found = json.loads(text[: MOST_EDITS * MOST_EDIT_TEXT])
        edits = [dict(zip(names, each, strict=True)) for each in found]
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError("edits must be a list of what was done by hand") from error
    if len(edits) > MOST_EDITS:
        raise ValueError(f"edits must be at most {MOST_EDITS}, got {len(edits)}")
    return [{**each, "once": each["once"] == 1} for each in edits]


def page_file(shown: Comparison) -> Path:
    """What the stage shows as one HTML file."""
    first = shown.samples[0].trace
    name = title(first.run) if len(shown.samples) == 1 else f"{shown.title}, {title(first.run)}"
    with offered(f"{file_name(first)}.html") as path:
        path.write_text(standalone.page(name, shown.message(), scripts(), styles()), encoding="utf-8")
    return path


def moving_picture(domain: Domain, trace: Trace) -> bytes:
    """A run as a GIF, drawn as its model has it, or else as tokens."""
    sample = Sample(trace, None, domain)
    own = sample.model.film if sample.model else None
    return own(trace) if own else film.gif(trace, layout=sample.layout)


def undrawn(domain: Domain, trace: Trace) -> str:
    """The letters of a run that its GIF cannot show."""
    sample = Sample(trace, None, domain)
    own = sample.layout == "grid" or (sample.model and sample.model.film)
    return "" if own else film.lacking(trace)


class Share:
    """The buttons of a workbench; its callbacks are the methods below."""

    def __init__(self, where: str) -> None:
        self.where = where
        with gr.Row(elem_classes="files"):
            self.copy = gr.Button("Copy a link to this", size="sm", elem_id=f"{where}-link")
            self.export = gr.Button(EXPORT, size="sm", elem_id=f"{where}-export-page")
        self.link = gr.Textbox(
            label="Link", visible=False, interactive=False, buttons=["copy"], elem_id=f"{where}-link-text",
            info="It makes the same again, and shows the same step and token. Another kind of processor may round "
            "otherwise, and then write something else.",
        )  # fmt: skip
        self.files = gr.File(label="Exported", file_count="multiple", visible=False, elem_id=f"{where}-exported")

    def listen(self, made: gr.State, shown: gr.State) -> None:
        """Connects it to what the stage shows, and to the run whose numbers stand below."""
        self.made, self.shown = made, shown
        asked, self.at = ask_page(self.copy.click, ON_STAGE % self.where)
        linked = on(asked.then, self.linked, {made, self.at}, self.link, **SIDE_QUEUE)
        on(linked.success, None, self.link, self.link, js=_COPY)
        on(self.export.click, self.exported, {made, shown}, {self.files, self.export}, **SIDE_QUEUE)

    @property
    def outdated(self) -> Changes:
        """What was made of a run that the stage does not show any more is not offered any longer."""
        return {self.link: gr.update(visible=False), self.files: gr.update(value=None, visible=False)}

    def linked(self, values: Values) -> Changes:
        """The link's query for what the stage shows."""
        if values[self.made] is None:
            raise ValueError("There is nothing to share yet; write something first.")
        text = query(values[self.made], read_table(values[self.at]))
        return {self.link: gr.Textbox(value=text, visible=True)}

    def exported(self, values: Values) -> Iterator[Changes]:
        """What the stage shows as one HTML file, and the run in its last lane as a GIF, which comes later."""
        made, sample = values[self.made], values[self.shown]
        if made is None or sample is None:
            raise ValueError("There is nothing to export yet; write something first.")
        files, whose = [page_file(made)], visit()
        offer = lambda: {self.files: gr.File(value=[str(path) for path in files], visible=True)}
        ready = {self.export: gr.Button(EXPORT, interactive=True)}
        yield {**offer(), self.export: gr.Button("Drawing the GIF …", interactive=False)}
        WHOSE.set(whose)
        try:
            if sample.trace.steps:
                files.append(self._gif(sample))
        except TooLong as error:
            gr.Warning(f"The GIF was left out: {error}.")
        except Exception:
            yield ready
            raise
        yield {**offer(), **ready}

    def _gif(self, sample: Sample) -> Path:
        drawn = APART.call(FILM_SECONDS, moving_picture, sample.domain, sample.trace)
        with offered(f"{file_name(sample.trace)}.gif") as moving:
            moving.write_bytes(drawn)
        if lacking := APART.call(FILM_SECONDS, undrawn, sample.domain, sample.trace):
            gr.Warning(f"The GIF has boxes for letters that its font lacks: {lacking}. The page has them all.")
        return moving
