"""The page: a bar with its tabs, one for each domain, then Learn, Measure and Gallery; a foot."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from remdm import limits
from remdm.app.api import endpoint
from remdm.app.components.scripted_html import head, sheet
from remdm.app.errors import refusal
from remdm.app.events import Changes, guarded, on
from remdm.app.gallery import Gallery
from remdm.app.gathered import Page, unseen_text
from remdm.app.learn.learn import Learn
from remdm.app.scaling import Scaling
from remdm.app.theme import theme
from remdm.app.theory import Theory
from remdm.app.workbench.share import read_link
from remdm.app.workbench.workbench import Workbench
from remdm.evaluation.measurement import Measurement
from remdm.models.checkpoints import CheckpointError
from remdm.paths import ASSETS
from remdm.runs.domain import Domain
from remdm.serving import engine
from remdm.serving.apart import APART
from remdm.serving.bounds import Bounded
from remdm.serving.headers import Guarded
from remdm.serving.loading import Ended
from remdm.serving.packing import Packed
from remdm.serving.streamed_runs import RUNS

RECORDED = ASSETS / "recorded"
SPARE_THREADS = 24
"""For everything besides runs, each of which holds a thread while it waits for its next step."""
BAR = """<a class="skip" href="#skip">Skip to the stage</a><h1>ReMDM Studio</h1>
<button type="button" class="present-button" aria-pressed="false" title="Large type (F)">Present</button>"""
"""What stands in one line with the tabs; assets/js/bar.js listens to it."""
FOOT = """A masked diffusion model starts from a row of masks and decodes many tokens at once; **remasking** sends
doubtful ones back, so that errors need not stay. Samplers: [ReMDM](https://arxiv.org/abs/2503.00307) (Wang, Schiff,
Sahoo, Kuleshov, NeurIPS 2025) and those it compares with. The embedded models are small ones of our own, trained on two
CPU cores or for minutes on one GPU; each says what it can do. Emoji art that the picture model learned from:
[Noto Emoji](https://github.com/googlefonts/noto-emoji), Google, Apache-2.0;
[Twemoji](https://github.com/jdecked/twemoji), Twitter and contributors,
[CC-BY 4.0](https://creativecommons.org/licenses/by/4.0/), changed;
[Fluent Emoji](https://github.com/microsoft/fluentui-emoji), Microsoft, MIT. Molecules: QM9, Ramakrishnan et al.
2014."""


def page(
    domains: Mapping[str, Domain], measurements: Mapping[str, Measurement], tabs: Mapping[str, Callable[..., Any]]
) -> gr.Blocks:
    """The whole app, not yet launched.

    Args:
        domains: a tab for each.
        measurements: what they measure, by domain.
        tabs: what builds the tab of a domain that has more on it than a workbench, by domain; where it has a method
            `measures`, that adds to Measure.
    """
    # `RunControls` bounds the runs in line, so that settings are heard however long that line is.
    line = {"max_size": 1024, "default_concurrency_limit": engine.configured().visitors, "api_open": False}
    look = {"title": "ReMDM Studio", "fill_width": True}
    with Page(line=line, analytics_enabled=False, delete_cache=(3600, 7200), **look) as app:
        gr.HTML(BAR, elem_classes="bar", padding=False)
        built = {}
        with gr.Tabs(elem_classes="domains", overflow_behavior="wrap") as chosen:
            for name, domain in domains.items():
                with gr.Tab(domain.title, id=name):
                    recorded, measurement = RECORDED / f"{name}.json.gz", measurements.get(name)
                    built[name] = tabs.get(name, Workbench)(domain, recorded, measurement)
            with gr.Tab("Learn", id="learn"):
                Learn(domains["text"])
            with gr.Tab("Measure", id="measure") as measure, gr.Tabs(elem_classes="measures"):
                with gr.Tab("Scaling", id="scaling"):
                    Scaling(measure, domains, measurements)
                with gr.Tab("Theory", id="theory"):
                    Theory()
                for name, tab in built.items():
                    if hasattr(tab, "measures"):
                        with gr.Tab(f"Samplers on {domains[name].title}", id=f"measure-{name}"):
                            tab.measures()
            with gr.Tab("Gallery", id="gallery"):
                gallery = Gallery(domains, ASSETS / "gallery")
        open_link(app, chosen, {name: getattr(tab, "bench", tab) for name, tab in built.items()}, gallery)
        endpoint(domains)
        app.unload(guarded(left))
        gr.Markdown(FOOT, elem_classes="foot")
    return app


def left(request: gr.Request) -> None:
    """A visitor went away: nobody waits for what was under way."""
    RUNS.leave(request.session_hash)
    APART.leave(request.session_hash)


def open_link(app: gr.Blocks, tabs: gr.Tabs, benches: Mapping[str, Workbench], gallery: Gallery) -> None:
    """A page opened by a link shows what the link says: a run that is made at once, or a piece of the gallery.

    A run by a model that does not come with the app is only set up: whoever opened the link decides about it.
    """
    runs = unseen_text()
    changing = [{*each.panel.controls, *each.lanes.outputs, each.link} for each in benches.values()]

    def opened(request: gr.Request) -> Changes:
        pairs = dict(request.query_params)
        try:
            if "gallery" in pairs:
                return {runs: "", tabs: gr.Tabs(selected="gallery"), **gallery.named(pairs["gallery"])}
            if "sampler" not in pairs:
                return {runs: ""}
            name = pairs.get("domain", next(iter(benches)))
            if name not in benches:
                raise ValueError(f"domain must be one of {', '.join(benches)}, got {name[:40]}")
            link = read_link(benches[name].domain, pairs)
            changes = {**benches[name].linked(link), tabs: gr.Tabs(selected=name)}
        except (ValueError, CheckpointError) as error:
            raise refusal(ValueError(f"This link cannot be followed: {error}")) from error
        known = link.request.model.name in [model.name for model in link.request.domain.models]
        if not known:
            gr.Info("This link names a model that does not come with the app. Press Run to load it.")
        return {**changes, runs: name if known else ""}

    loaded = on(app.load, opened, None, {tabs, runs, *set().union(*changing), *gallery.outputs})
    on(loaded.success, None, runs, None, js=RUN_IT)
    on(loaded.failure, None, None, None, js=RESUME)


RUN_IT = """(domain) => {
  const press = () => document.getElementById(`${domain}-run`);
  if (domain) setTimeout(() => press() && press().click(), 600);
}"""
"""A page that was opened by a link makes the run at once, in the domain that `opened` names."""
RESUME = """() => document.querySelectorAll(".rp").forEach((stage) => stage.__stage && stage.__stage.resume())"""
"""After a link that cannot be followed the stages show what they open with."""


def launch_arguments() -> dict:
    """Look and behaviour that `launch` takes: theme, styles, scripts; nothing from outside."""
    return {
        "theme": theme(),
        "css": sheet(),
        "head": head(),
        "footer_links": ["settings"],
        "ssl_verify": False,  # Gradio asks its own server, over plain HTTP, and would read all certificates for it
        "app_kwargs": {
            "middleware": [Middleware(each) for each in (Guarded, Bounded, Packed, Ended)],
            "openapi_url": None,
        },
        "max_file_size": limits.current().upload,
        "state_session_capacity": limits.current().sessions,
        "max_threads": engine.configured().visitors + SPARE_THREADS,
    }
