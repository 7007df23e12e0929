"""Share: a link that makes the same run again, a run or a comparison as one HTML file, and a run as a GIF."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from remdm.app.components.board import Comparison
from remdm.app.components.controls import defaults
from remdm.app.components.controls import shown as applying
from remdm.app.components.player import scripts, styles
from remdm.app.errors import refusal
from remdm.app.events import UI_EVENT
from remdm.app.samples import Sample, file_of
from remdm.app.workbench.settings import Panel
from remdm.paths import ASSETS
from remdm.runs.record import RunRequest
from remdm.sampling.knobs import knob, knobs, parse
from remdm.sampling.methods import METHODS, options, settings
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


def query(order: RunRequest) -> str:
    """The part of a link from the `?` on: what makes this run, as far as it is not a default."""
    chosen = order.settings
    plain = settings(chosen.sampler, chosen.steps).flat()
    told: dict[str, Any] = {
        "domain": order.domain.name, "model": order.model.name, "sampler": chosen.sampler, "steps": chosen.steps,
        "seed": order.seed,
    }  # fmt: skip
    told |= {"prompt": order.prompt} if order.prompt.strip() else {}
    told |= {"length": order.length} if order.length != order.model.length else {}
    told |= {name: value for name, value in chosen.flat().items() if plain.get(name) != value}
    usual = asdict(order.domain.ask())
    told |= {name: value for name, value in asdict(order.asked).items() if usual[name] != value}
    return "?" + urlencode(told)


def read(panel: Panel, told: Mapping[str, str]) -> dict[gr.Component, Any]:
    """What a link says, as the new state of the controls of its domain.

    Raises:
        ValueError: for a name or value that will not do.
    """
    given, numbers, asked = (
        parse({name: told[name] for name in fields if name in told}, fields)
        for fields in (options(), NUMBERS, knobs(panel.domain.ask))
    )
    sampler = told.get("sampler", "remdm-loop")
    chosen = settings(sampler, **{"steps": 64} | given)
    steps, model, asked = chosen.steps, panel.domain.model(told.get("model")), panel.domain.ask(**asked)
    values = {**defaults(sampler, steps), **chosen.flat()}
    visible = applying(chosen.parts)
    changes: dict[gr.Component, Any] = {
        panel.model: gr.update(value=model.name), panel.about: model.about,
        panel.prompt: gr.update(value=told.get("prompt", "")[:2000]), panel.seed: numbers.get("seed", 7),
        panel.sampler: sampler, panel.steps: steps, panel.cite: METHODS[sampler].cite, panel.samples: 1,
        panel.length: gr.update(value=numbers.get("length", model.length)), panel.precision: chosen.precision,
        panel.schedule: gr.update(value=chosen.schedule, visible=visible["schedule"]),
    }  # fmt: skip
    for name, component in {**panel.knobs, **panel.parts}.items():
        changes[component] = gr.update(value=values[name], visible=visible[name])
    changes |= {component: values[name] for name, component in panel.drawing.items()}
    changes |= {component: getattr(asked, name) for name, component in panel.asked.items()}
    return changes


def comparison_page(made: Comparison) -> str:
    """The path of a comparison as one HTML file."""
    first = made.samples[0].trace
    path = Path(file_of(first)).with_name(f"comparison-{first.run['domain']}-seed-{first.run['seed']}.html")
    code = [*scripts(), (ASSETS / "js" / "compare.js").read_text(encoding="utf-8")]
    path.write_text(standalone.page(made.title, made.message(), code, styles(), "ReMDMCompare"), encoding="utf-8")
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
        self.copy.click(self.linked, self.panel.inputs, self.link, **UI_EVENT).success(
            None, self.link, self.link, js=_COPY, **UI_EVENT
        )
        self.export.click(self.exported, shown, self.files, **UI_EVENT)

    def linked(self, *values: Any) -> Any:
        """The link's query for the settings as they stand."""
        try:
            return gr.Textbox(value=query(self.panel.orders(values)[0]), visible=True)
        except ValueError as error:
            raise refusal(error) from error

    def exported(self, sample: Sample | None) -> Any:
        """The run in the player as one HTML file and as a GIF."""
        if sample is None:
            raise refusal(ValueError("There is no run to export yet: press Run first"))
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
