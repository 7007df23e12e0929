"""The endpoint for programs: a prompt and settings in, text and trace out, within the limits of the page."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from remdm import limits
from remdm.app.components.run_controls import wait_in_line
from remdm.app.events import MODEL_QUEUE, guarded
from remdm.app.streams import affordable, steps_of
from remdm.app.workbench.share import read_link, sayable
from remdm.runs.domain import Domain
from remdm.runs.record import prepare
from remdm.runs.trace_file import to_json
from remdm.serving.streamed_runs import CLOSING, RUNS

NAME = "sample"
"""The endpoint's name: `/sample`."""


def endpoint(domains: Mapping[str, Domain]) -> None:
    """Add the endpoint inside `gr.Blocks`; it waits in the same queue as the page's runs."""

    def sample(
        request: gr.Request, prompt: str = "", domain: str = "text", sampler: str = "remdm-loop", steps: int = 64,
        seed: int = 7, options: dict[str, str] | None = None,
    ) -> tuple[str, dict[str, Any]]:  # fmt: skip
        """One run: its text and its trace, as a trace file has it.

        It ends when its visitor leaves.

        Args:
            request: whose visit it is.
            prompt: as on the page.
            domain: text, image, molecule or countdown.
            sampler: a preset's name.
            steps: T.
            seed: the same seed gives the same run.
            options: what else a link can say, by name: model, length, eta, nucleus_p, category ...
        """
        if str(domain) not in domains:
            raise ValueError(f"domain must be one of {', '.join(domains)}, got {str(domain)[:40]}")
        wait_in_line()  # its own turn has come; so many programs cannot keep the visitors of the page away for long
        named = _named(domains[domain], options)
        pairs = named | {"prompt": str(prompt), "sampler": str(sampler), "steps": str(steps), "seed": str(seed)}
        prepared = prepare(read_link(domains[domain], pairs).request)
        affordable([prepared])
        group = RUNS.group(RUNS.begin(request.session_hash))
        frames, held = [], 0
        for step in steps_of(prepared):
            if group.stopped.is_set():
                raise ValueError(CLOSING)
            frames.append(step.frame)
            held += step.frame.held
            limits.hold(held)
        trace = prepared.trace(frames)
        return trace.text, to_json(trace)

    gr.api(guarded(sample), api_name=NAME, concurrency_id=MODEL_QUEUE)


def _named(domain: Domain, given: Any) -> dict[str, str]:
    """Options as a link has them.

    Raises:
        ValueError: for what a link cannot say.
    """
    if not isinstance(given, Mapping | None):
        raise ValueError(f"options must be a table of names and values, got {str(given)[:40]}")
    known = sayable(domain)
    for name in given or ():
        if name not in known:
            raise ValueError(f"{name[:40]} is not one of the options {', '.join(known)}")
    return {name: str(value) for name, value in (given or {}).items()}
