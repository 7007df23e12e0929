"""What was measured and what is simulated, as Markdown."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from remdm.evaluation.sweeps import table
from remdm.serving.engine import ENGINES
from remdm.studies.bench.rows import Row
from remdm.studies.scale.simulation import SHARE, WITHIN, Crowd, Replica, needed

VISITORS = 16
"""Runs of a replica at once."""
H100 = {1: 0.0034, 8: 0.0056}
"""Seconds of a story step per run on an H100: alone, and with 8 that share forwards (README.md, On a GPU)."""
CLICKS = 10.0
"""Seconds over which a lecture presses Run."""


COSTS: dict[str, Callable[[Row], float]] = {
    "time passed": lambda row: row["step_ms"],
    "CPU, of all processes": lambda row: row["cpu_ms"],
    "the same, less what the cluster takes idle": lambda row: row["cpu_ms"] - row["idle"] * row["step_ms"],
}
"""What a step costs, in milliseconds, from a row."""


def markdown(rows: Sequence[Row], visitors: Sequence[int], steps: int, think: float, core: float, gpu: float) -> str:
    """All tables; `core` and `gpu` are what an hour of one costs."""
    overhead, replicas, shared = (
        [each for each in rows if each["part"] == part] for part in ("overhead", "replicas", "shared")
    )
    parts: list[str] = []
    if overhead:
        parts += _overhead(overhead)
    if replicas:
        parts += _replicas(replicas)
    if shared:
        parts += [*_shared(shared), *_simulated(shared, visitors, steps, think, core, gpu)]
    return "\n\n".join(parts)


def _conditions(rows: Sequence[Row]) -> str:
    loads = sorted({each["load_before"] for each in rows})
    return f"On {rows[0]['machine']}; load of the machine before: {', '.join(map(str, loads))}."


def _table(head: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    body = [[f"{each:,}" if isinstance(each, int) else str(each) for each in line] for line in lines]
    return table.markdown(head, body, first="---:")


def _overhead(found: Sequence[Row]) -> Sequence[str]:
    about = (
        f"{found[0]['visitors']} visitors who press Run at once, in this process and at one replica with as many "
        f"threads, in turns, {max(each['round'] for each in found) + 1} rounds; over the steps of all."
    )
    lines = []
    for threads in dict.fromkeys(each["threads"] for each in found):
        pair = [[each for each in found if (each["engine"], each["threads"]) == (name, threads)] for name in ENGINES]
        for what, figure in COSTS.items():
            here, there = ([figure(each) for each in rows] for rows in pair)
            more = [far / near - 1 for near, far in zip(here, there, strict=True)]
            middle = [f"{median(each):.2f}" for each in (here, there)]
            lines.append([threads, what, *middle, f"{median(more):+.1%}", f"{min(more):+.1%} to {max(more):+.1%}"])
    head = ("threads", "a step", "local · ms", "ray · ms", "more, the median of the rounds", "in the rounds")
    return "## What the engine costs", f"{about}\n{_conditions(found)}", _table(head, lines)


def _replicas(found: Sequence[Row]) -> Sequence[str]:
    lines = [
        [each["replicas"], each["visitors"], f"{each['step_ms']:.1f}", f"{each['cpu_ms']:.1f}", each["first_median_ms"],
         each["first_p95_ms"], each["errors"]]
        for each in found
    ]  # fmt: skip
    head = (
        "replicas", "visitors", "a step of all · ms", "CPU · ms", "first step, median · ms", "first step, p95 · ms",
        "errors",
    )  # fmt: skip
    return "## Replicas on the same cores", _conditions(found), _table(head, lines)


def _shared(found: Sequence[Row]) -> Sequence[str]:
    about = f"A step of one of the visitors of a replica with one core, c(n). {_conditions(found)}"
    lines = [[each["visitors"], f"{each['step_ms']:.1f}"] for each in found]
    return "## One core shared", about, _table(("visitors", "c(n) · ms"), lines)


def _simulated(
    found: Sequence[Row], visitors: Sequence[int], steps: int, think: float, core: float, gpu: float
) -> Sequence[str]:
    about = (
        f"Replicas with which {SHARE:.0%} of the clicks have their first step within {WITHIN:g} s. A run has {steps} "
        f"steps; a visitor presses Run again {think:g} s after it, on average. In a lecture all press Run within "
        f"{CLICKS:g} s. An hour of a core is taken as {core:g} dollars, of an H100 as {gpu:g}: see `--price`."
    )
    measured = {each["visitors"]: each["step_ms"] / 1000 for each in found}
    lines = []
    for number in visitors:
        for kind in (Replica("a CPU core", measured, VISITORS, core), Replica("an H100", H100, VISITORS, gpu)):
            for clicks, arrive in (("by and by", 0.0), ("a lecture", CLICKS)):
                replicas, first = needed(kind, Crowd(number, steps, think, arrive))
                lines.append([number, kind.name, clicks, replicas, f"{first:.2f}", f"{replicas * kind.price:,.2f}"])
    head = ("visitors", "replica", "clicks", "replicas", "first step, p95 · s", "dollars an hour")
    return "## Simulated", about, _table(head, lines)
