"""The page: a head line, one tab for each domain, a foot."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from remdm.app.components.scripted_html import head
from remdm.app.errors import refusal
from remdm.app.events import Changes, on
from remdm.app.gallery import Gallery
from remdm.app.lesson.lesson import Lesson
from remdm.app.scaling import Scaling
from remdm.app.theme import theme
from remdm.app.theory import Theory
from remdm.app.workbench.settings import Panel
from remdm.app.workbench.share import RUN_IT, read
from remdm.app.workbench.workbench import Workbench
from remdm.evaluation.measurement import Measurement
from remdm.paths import ASSETS
from remdm.runs.domain import Domain
from remdm.runs.trace import MAX_BYTES
from remdm.serving.batcher import VISITORS
from remdm.serving.headers import Guarded
from remdm.serving.packing import Packed

RECORDED = ASSETS / "recorded"
MOST_VISITORS = 200
"""Whose states are kept: the one who came first gives way."""
INTRO = "# ReMDM Studio"
FOOT = """A masked diffusion model starts from a row of masks and decodes many tokens at once; **remasking** sends
doubtful ones back, so that errors need not stay. Samplers: [ReMDM](https://arxiv.org/abs/2503.00307) (Wang, Schiff,
Sahoo, Kuleshov, NeurIPS 2025) and those it compares with. The embedded models are small ones of our own, trained on two
CPU cores; each says what it can do. Emoji art that the picture model learned from:
[Noto Emoji](https://github.com/googlefonts/noto-emoji), Google, Apache-2.0;
[Twemoji](https://github.com/jdecked/twemoji), Twitter and contributors,
[CC-BY 4.0](https://creativecommons.org/licenses/by/4.0/), changed. Molecules: QM9, Ramakrishnan et al. 2014."""


def page(
    domains: Mapping[str, Domain], measurements: Mapping[str, Measurement], tabs: Mapping[str, Callable[..., Any]]
) -> gr.Blocks:
    """The whole app, not yet launched.

    Args:
        domains: a tab for each.
        measurements: what they measure, by domain.
        tabs: what builds the tab of a domain that has more on it than a workbench, by domain.
    """
    with gr.Blocks(title="ReMDM Studio", analytics_enabled=False, delete_cache=(3600, 7200), fill_width=True) as app:
        app.queue(max_size=32, default_concurrency_limit=VISITORS)  # here, for it looks through all that is on the page
        gr.Markdown(INTRO, elem_classes="intro")
        panels = {}
        with gr.Tabs(elem_classes="domains") as chosen:
            for name, domain in domains.items():
                with gr.Tab(domain.title, id=name):
                    made = tabs.get(name, Workbench)(domain, RECORDED / f"{name}.json.gz", measurements.get(name))
                    panels[name] = getattr(made, "bench", made).panel
            with gr.Tab("Lesson", id="lesson"):
                Lesson(domains["text"])
            with gr.Tab("Theory", id="theory"):
                Theory()
            with gr.Tab("Scaling", id="scaling") as scaling:
                Scaling(scaling, domains, measurements)
            with gr.Tab("Gallery", id="gallery"):
                Gallery(domains, ASSETS / "gallery")
        open_link(app, chosen, panels)
        gr.Markdown(FOOT, elem_classes="foot")
    return app


def open_link(app: gr.Blocks, tabs: gr.Tabs, panels: Mapping[str, Panel]) -> None:
    """A page opened by a link takes its settings from it and makes the run."""
    controls = {each for panel in panels.values() for each in (*panel.inputs, panel.about, panel.cite)}

    def opened(request: gr.Request) -> Changes:
        pairs = dict(request.query_params)
        if "sampler" not in pairs:
            return {tabs: gr.skip()}
        try:
            domain = pairs.get("domain", next(iter(panels)))
            if domain not in panels:
                raise ValueError(f"domain must be one of {', '.join(panels)}, got {domain[:40]}")
            return {**read(panels[domain], pairs), tabs: gr.Tabs(selected=domain)}
        except ValueError as error:
            raise refusal(ValueError(f"This link cannot be followed: {error}")) from error

    loaded = on(app.load, opened, None, {tabs, *controls})
    on(loaded.success, None, None, None, js=RUN_IT)


def launch_arguments() -> dict:
    """Look and behaviour that `launch` takes: theme, styles, scripts; nothing from outside."""
    return {
        "theme": theme(),
        "css_paths": [ASSETS / "css" / "player.css", ASSETS / "css" / "page.css", *sorted(ASSETS.glob("scenes/*.css"))],
        "head": head(),
        "footer_links": ["settings"],
        "app_kwargs": {"middleware": [Middleware(Guarded), Middleware(Packed)], "openapi_url": None},
        "max_file_size": MAX_BYTES,  # of a trace
        "state_session_capacity": MOST_VISITORS,
    }
