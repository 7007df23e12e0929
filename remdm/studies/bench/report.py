"""The rows as a page of Markdown, `docs/bench.md`: nothing on it is written by hand."""

from collections.abc import Sequence
from typing import Any

from remdm.evaluation.sweeps import table
from remdm.studies.bench.rows import FIRST, Row
from remdm.studies.bench.targets import verdicts

INTRO = """# What a step, a crowd of visitors and the page cost

Made from `assets/results/bench.json` by `python -m remdm bench --json assets/results/bench.json --table`; the rows by
the same command without `--table` (`--only NAME` makes some of them anew and leaves the others). Machines of one kind
differ and other work disturbs: what is compared was timed in turns within one run, so the ratios say more than the
milliseconds.
"""
ABOUT = {
    "step": "One sampling step at t = 0.5 with nucleus 0.9. `ours` is the app's, `other` the literal one of "
    "`remdm/studies/bench/literal.py` in float32 on the same weights; `network` is the network alone at the rows "
    "that decode; `watched` the step with the confidence of every masked position. `gflop` counts the operations of "
    "the matrix products in that network, attention's too; `floor` is what they take at the rate of one product of "
    "1,024 x 768 by 768 x 3,072, measured on this machine in the same number type, with as many threads; `of_floor` "
    "is `ours` divided by it, which small products do not come near. `reference`, where rows were made with "
    "`--reference`, is the authors' own network class and update function out of a clone of their code (PyTorch's "
    "attention in place of flash-attn, float32 on a CPU as they have it) on the same weights, in turns with ours; "
    "`reference_ratio` is how many times as long it takes. `openvino`, where that is installed and a forward is small "
    "enough for one thread, is our step with the network compiled by OpenVINO, and `openvino_ratio` how many times as "
    "long the literal step takes.",
    "visitors": "Runs that arrive together, a step of each on average: `ours` share forwards, in `other` each waits "
    "for those before it. `first` is when the last visitor sees a first step, `batch` the best that one run of many "
    "sequences reaches.",
    "page": "The app over HTTP as a browser talks to it: `ours` is a step as it arrives, `other` the sampler alone.",
    "click": "A browser: from the click on Run until the first step is drawn, the median of five; `other` is the "
    "target.",
    "arrival": "A browser that opens the page, and a visitor who does nothing: `ours` is the first paint, `other` the "
    "target; `drawn` when the opening pair stands on the stage, `repair_s` when a repair is told under the slider.",
    "start": "A command in a process of its own, imports and model included: `--help`, and a run of one step. `other` "
    "is the time allowed.",
    "neighbour": "A command that writes two stories of 128 steps: `ours` next to a busy process, `other` alone.",
    "batch": "A run out of a batch, as `remdm sample --count` makes it; `other` is one by one.",
    "scrub": "A browser without a GPU: what showing the next step takes, drawing and layout; `other` is the time "
    "between two pictures. `frames_per_second` while each frame shows the next step, `random` at steps anywhere in "
    "the run.",
}


def markdown(rows: Sequence[Row]) -> str:
    """The page: targets first, then a table for each kind of row."""
    targets = [f"| {each.target} | {each.measured or '–'} | {each.state} |" for each in verdicts(rows)]
    parts = [INTRO, "\n".join(("## Targets", "", "| target | measured | |", "| --- | --- | --- |", *targets, ""))]
    for name in dict.fromkeys(each["name"] for each in rows):
        chosen = [each for each in rows if each["name"] == name]
        parts.append(f"## {name}\n\n{ABOUT.get(name, '')}\n\n{_table(chosen)}\n")
    return "\n".join(parts)


def _table(rows: Sequence[Row]) -> str:
    columns = list(dict.fromkeys(key for each in rows for key in (*FIRST, *each) if key in each and key != "name"))
    head = [column.removesuffix("_ms") + (" · ms" if column.endswith("_ms") else "") for column in columns]
    body = [[_cell(each.get(column, "")) for column in columns] for each in rows]
    return table.markdown(head, body, others="---")


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 10 else f"{value:,.0f}"
