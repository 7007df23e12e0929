"""Share: a link that makes the same run again, a run or a comparison as one HTML file, and a run as a GIF."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from remdm.app.components.board import Comparison
from remdm.app.components.scripted_html import scripts, styles
from remdm.app.events import Changes, Values, on
from remdm.app.samples import Sample, file_of
from remdm.app.workbench.settings import Panel
from remdm.runs.request import RunRequest
from remdm.sampling.knobs import knob, knobs, parse
from remdm.sampling.methods import options, settings
from remdm.views import film, standalone
from remdm.views.messages import title

_COPY = """(query) => {
  const link = location.origin + location.pathname + query;
  if (navigator.clipboard) navigator.clipboard.writeText(link).catch(() => {});
  return link;
}"""
RUN_IT = """() => {
  const asked = new URLSearchParams(location.search);
  if (!asked.has("sampler")) return;
  const press = () => document.getElementById(`${asked.get("domain") || "text"}-run`);
  setTimeout(() => press() && press().click(), 600);
}"""
"""A page that was opened by a link makes the run at once."""


NUMBERS = {name: knob(0, step=1, help="") for name in ("seed", "length")}
"""What a link says besides the settings and what the domain asks for."""


def query(request: RunRequest) -> str:
    """The part of a link from the `?` on: what makes this run, as far as it is not a default."""
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
    pairs |= {name: value for name, value in asdict(request.asked).items() if usual[name] != value}
    return "?" + urlencode(pairs)


def read(panel: Panel, pairs: Mapping[str, str]) -> Changes:
    """What a link says, as the new state of the controls of its domain.

    Raises:
        ValueError: for an invalid name or value.
    """
    given, numbers, asked = (
        parse({name: pairs[name] for name in fields if name in pairs}, fields)
        for fields in (options(), NUMBERS, knobs(panel.domain.ask))
    )
    chosen = settings(pairs.get("sampler", "remdm-loop"), **{"steps": 64} | given)
    model, wanted = panel.domain.model(pairs.get("model")), panel.domain.ask(**asked)
    return {
        **panel.turned_to(chosen), panel.model: model.name, panel.about: model.about,
        panel.prompt: pairs.get("prompt", "")[:2000], panel.seed: numbers.get("seed", 7), panel.samples: 1,
        panel.steps: chosen.steps, panel.length: numbers.get("length", model.length),
        **{component: getattr(wanted, name) for name, component in panel.asked.items()},
    }  # fmt: skip


def comparison_page(made: Comparison) -> str:
    """The path of a comparison as one HTML file."""
    first = made.samples[0].trace
    path = Path(file_of(first)).with_name(f"comparison-{first.run['domain']}-seed-{first.run['seed']}.html")
    path.write_text(standalone.page(made.title, made.message(), scripts(), styles(), "ReMDMCompare"), encoding="utf-8")
    return str(path)


class Share:
    """The buttons of a workbench; its callbacks are the methods below."""

    def __init__(self, where: str) -> None:
        with gr.Row(elem_classes="files"):
            self.copy = gr.Button("Copy a link to these settings", size="sm", elem_id=f"{where}-link")
            self.export = gr.Button("Export as page and GIF", size="sm", elem_id=f"{where}-export-page")
        self.link = gr.Textbox(
            label="Link", visible=False, interactive=False, buttons=["copy"], elem_id=f"{where}-link-text",
            info="It makes the same run again, as soon as it is opened.",
        )  # fmt: skip
        self.files = gr.File(label="Exported", file_count="multiple", visible=False, elem_id=f"{where}-exported")

    def listen(self, panel: Panel, shown: gr.State) -> None:
        """Connects it to the settings and to the run that is shown."""
        self.panel = panel
        linked = on(self.copy.click, self.linked, panel.inputs, self.link)
        on(linked.success, None, self.link, self.link, js=_COPY)
        on(self.export.click, self.exported, shown, self.files)

    def linked(self, values: Values) -> Any:
        """The link's query for the settings as they stand."""
        return gr.Textbox(value=query(self.panel.requests(values)[0]), visible=True)

    def exported(self, sample: Sample | None) -> Any:
        """The run in the player as one HTML file and as a GIF."""
        if sample is None:
            raise ValueError("There is no run to export yet: press Run first")
        trace = Path(file_of(sample.trace))
        stem = trace.name.removesuffix(".json.gz")
        made = [trace.with_name(f"{stem}.html")]
        text = standalone.page(title(sample.trace.run), sample.message(), scripts(), styles())
        made[0].write_text(text, encoding="utf-8")
        if sample.trace.steps:
            own = sample.model.film if sample.model else None
            made.append(trace.with_name(f"{stem}.gif"))
            made[1].write_bytes(own(sample.trace) if own else film.gif(sample.trace, layout=sample.layout))
        return gr.File(value=[str(path) for path in made], visible=True)
