"""The results file of text as Markdown: a small table for each figure, a sampler a row, a number of steps a column."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from remdm.domains.text.checker import KINDS
from remdm.evaluation.metrics.judge import NAME as JUDGE
from remdm.evaluation.sweeps.samples import DATA
from remdm.evaluation.sweeps.table import markdown

Row = Mapping[str, str]


@dataclass(frozen=True)
class Figure:
    """A table: its title, the column it shows and how, the column of its n, and the column to compare with."""

    title: str
    column: str
    show: Callable[[float], str]
    count: str = "samples"
    reference: str = ""


def _percent(value: float) -> str:
    return f"{100 * value:.0f}%" if value in (0, 1) or value >= 0.1 else f"{100 * value:.1f}%"


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


FIGURES = (
    Figure("Perfect stories", "perfect", _percent),
    Figure("Correct sentences", "correct", _percent),
    Figure("Grammatical sentences", "grammatical", _percent),
    Figure("Errors a story", "errors", _digits),
    Figure(f"Perplexity by {JUDGE}", "judge_perplexity", _digits, "judge_samples"),
    Figure("Entropy of the tokens of a sample, nats", "token_entropy", _digits),
    Figure("Distinct samples", "distinct", _percent),
    Figure("Entropy of plot, hero and key object (mean), nats", "state_entropy", _digits, reference="world_entropy"),
    Figure("Different word triples over all", "distinct_3", _percent),
    Figure("Network calls a sample", "forwards", _digits),
)


def label(row: Row) -> str:
    """A sampler with what was changed in it, or else its eta, where it has one."""
    eta = json.loads(row["settings"] or "{}").get("eta") if not row["overrides"] else None
    return f"{row['sampler']} {row['overrides'] or ('' if eta is None else f'(eta {eta:g})')}".strip()


def cell(row: Row | None, figure: Figure, usual: str) -> str:
    """A figure with its interval, and its number of samples where it is not the usual one."""
    if row is None or not row[figure.column]:
        return ""
    shown = figure.show(float(row[figure.column]))
    if row.get(f"{figure.column}_low"):
        low, high = (figure.show(float(row[f"{figure.column}_{end}"])) for end in ("low", "high"))
        shown += f" ({low} to {high})"
    return shown if row[figure.count] == usual else f"{shown}, n = {row[figure.count]}"


def _usual(rows: Sequence[Row], column: str) -> str:
    counts = [row[column] for row in rows if row[column]]
    return max(set(counts), key=counts.count)


def _grid(rows: Sequence[Row]) -> tuple[dict[tuple[str, str], dict[int, Row]], list[int]]:
    """(label, seed) -> steps -> row, and the steps that occur."""
    grid: dict[tuple[str, str], dict[int, Row]] = {}
    for row in rows:
        if row["sampler"] != DATA:
            grid.setdefault((label(row), row["seed"]), {})[int(row["steps"])] = row
    return grid, sorted({steps for line in grid.values() for steps in line})


def _names(grid: Mapping[tuple[str, str], object]) -> list[str]:
    many = len({seed for _, seed in grid}) > 1
    return [f"{name}, seed {seed}" if many else name for name, seed in grid]


def figure_table(rows: Sequence[Row], figure: Figure) -> str:
    """One figure's table with a caption; empty if no row has it."""
    has = [row for row in rows if row[figure.column]]
    if not has or all(row["sampler"] == DATA for row in has):
        return ""
    grid, steps = _grid(has)
    usual = _usual(has, figure.count)
    lines = zip(_names(grid), grid.values(), strict=True)
    body = [[name, *(cell(line.get(t), figure, usual) for t in steps)] for name, line in lines]
    caption = [f"n = {usual} samples a cell" + (", 95% intervals" if has[0].get(f"{figure.column}_low") else "")]
    own = [row for row in has if row["sampler"] == DATA]
    if own and not figure.reference and figure.column != "forwards":
        caption.append(f"the world's own stories: {cell(own[-1], figure, usual)}")
    if figure.reference:
        values = sorted(float(row[figure.reference]) for row in has)
        low, high = figure.show(values[0]), figure.show(values[-1])
        caption.append(f"of as many stories of the world itself: {low if low == high else f'{low} to {high}'}")
    return f"**{figure.title}** ({'; '.join(caption)})\n\n{markdown(['sampler', *(f'T = {t}' for t in steps)], body)}"


def kinds_table(rows: Sequence[Row]) -> str:
    """Errors a story by kind, at the largest number of steps; the results file has them for all."""
    has = [row for row in rows if row["errors"] and row["sampler"] != DATA]
    if not has:
        return ""
    most = max(int(row["steps"]) for row in has)
    at = [row for row in has if int(row["steps"]) == most]
    grid, _ = _grid(at)
    kinds = [kind for kind in KINDS if any(float(row[f"errors_{kind}"]) for row in at)]
    kinds.sort(key=lambda kind: -sum(float(row[f"errors_{kind}"]) for row in at))
    body = [
        [name, *(f"{float(line[most][f'errors_{kind}']):.2f}" for kind in kinds)]
        for name, line in zip(_names(grid), grid.values(), strict=True)
    ]
    return f"**Errors a story by kind, T = {most}**\n\n{markdown(['sampler', *kinds], body)}"


def render(rows: Sequence[Row]) -> str:
    """All tables of a results file, model by model."""
    parts = []
    for model in dict.fromkeys((row["model"], row["model_hash"]) for row in rows):
        mine = [row for row in rows if (row["model"], row["model_hash"]) == model]
        first = mine[0]
        parts.append(f"### {model[0]} ({model[1]}): {int(first['parameters']):,} parameters, L = {first['length']}")
        tables = [figure_table(mine, figure) for figure in FIGURES]
        tables.insert(4, kinds_table(mine))
        parts += [table for table in tables if table]
    return "\n\n".join(parts)
