"""The endpoint for programs: a prompt and settings in, text and trace out, within the limits of the page."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from remdm.app.events import MODEL_QUEUE, guarded
from remdm.app.streams import steps_of
from remdm.app.workbench.share import read_link
from remdm.runs.domain import Domain
from remdm.runs.trace_file import to_json
from remdm.serving import engine
from remdm.serving.budget import affordable
from remdm.serving.streamed_runs import CLOSING, RUNS

NAME = "sample"
"""The endpoint's name: `/sample`."""


def endpoint(domains: Mapping[str, Domain]) -> None:
    """Add the endpoint inside `gr.Blocks`; it waits in the same queue as the page's runs."""

    def sample(
        prompt: str = "", domain: str = "text", sampler: str = "remdm-loop", steps: int = 64, seed: int = 7,
        options: dict[str, str] | None = None,
    ) -> tuple[str, dict[str, Any]]:  # fmt: skip
        """One run: its text and its trace, as a trace file has it.

        Args:
            prompt: as on the page.
            domain: text, image, molecule or countdown.
            sampler: a preset's name.
            steps: T.
            seed: the same seed gives the same run.
            options: what else a link can say, by name: model, length, eta, nucleus_p, category ...
        """
        if domain not in domains:
            raise ValueError(f"domain must be one of {', '.join(domains)}, got {str(domain)[:40]}")
        named = {str(name): str(value) for name, value in (options or {}).items()}
        pairs = named | {"prompt": prompt, "sampler": sampler, "steps": str(steps), "seed": str(seed)}
        prepared = engine.configured().prepare(read_link(domains[domain], pairs).request)
        affordable([prepared])
        frames = []
        for step in steps_of(prepared):
            if RUNS.closing.is_set():
                raise ValueError(CLOSING)
            frames.append(step.frame)
        trace = prepared.trace(frames)
        return trace.text, to_json(trace)

    gr.api(guarded(sample), api_name=NAME, concurrency_id=MODEL_QUEUE)
