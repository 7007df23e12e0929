"""The results file of text as Markdown: a small table for each figure, a sampler a row, a number of steps a column."""

import json
from collections.abc import Sequence

from remdm.domains.text.checker import KINDS
from remdm.evaluation.measurement import Measure
from remdm.evaluation.metrics.judge import NAME as JUDGE
from remdm.evaluation.sweeps.results import Row, grouped
from remdm.evaluation.sweeps.samples import DATA
from remdm.evaluation.sweeps.table import by_steps, markdown
from remdm.views.interval import Interval, figure

FIGURES = (
    Measure("perfect", "Perfect stories", share=True),
    Measure("correct", "Correct sentences", share=True),
    Measure("grammatical", "Grammatical sentences", share=True),
    Measure("errors", "Errors a story"),
    Measure("judge_perplexity", f"Perplexity by {JUDGE}", count="judge_samples"),
    Measure("token_entropy", "Entropy of the tokens of a sample, nats"),
    Measure("distinct", "Distinct samples", share=True),
    Measure("state_entropy", "Entropy of plot, hero and key object (mean), nats"),
    Measure("distinct_3", "Different word triples over all", share=True),
    Measure("forwards", "NFE a sample"),
)
REFERENCES = {"state_entropy": "world_entropy"}
"""Figures whose like of the world's own stories is a column of its own."""


def label(row: Row) -> str:
    """A sampler with what was changed in it, or else its eta, where it has one."""
    eta = json.loads(row["settings"] or "{}").get("eta") if not row["overrides"] else None
    return f"{row['sampler']} {row['overrides'] or ('' if eta is None else f'(eta {eta:g})')}".strip()


def cell(row: Row, shown: Measure, usual: str) -> str:
    """A figure with its interval, and its number of samples where it is not the usual one."""
    value = f"{Interval.of(row, shown.column):{shown.spec}}"
    return value if row[shown.count] == usual else f"{value}, n = {row[shown.count]}"


def _lines(rows: Sequence[Row]) -> dict[str, dict[int, Row]]:
    """Sampler, and its seed where there are several -> steps -> row."""
    rows = [row for row in rows if row["sampler"] != DATA]
    many = len({row["seed"] for row in rows}) > 1
    lines = grouped(rows, lambda row: f"{label(row)}, seed {row['seed']}" if many else label(row))
    return {name: {int(row["steps"]): row for row in own} for name, own in lines.items()}


def figure_table(rows: Sequence[Row], shown: Measure) -> str:
    """One figure's table with a caption; empty if no row has it."""
    has = [row for row in rows if row[shown.column]]
    lines = _lines(has)
    if not lines:
        return ""
    counts = [row[shown.count] for row in has]
    usual = max(set(counts), key=counts.count)
    caption = [f"n = {usual} samples a cell" + (", 95% intervals" if has[0].get(f"{shown.column}_low") else "")]
    own, reference = [row for row in has if row["sampler"] == DATA], REFERENCES.get(shown.column)
    if own and not reference and shown.column != "forwards":
        whose = "the world's own stories" if own[-1]["perfect"] else "held-out texts"
        caption.append(f"{whose}: {cell(own[-1], shown, usual)}")
    if reference:
        values = [float(row[reference]) for row in has]
        low, high = (figure(value, shown.spec) for value in (min(values), max(values)))
        caption.append(f"of as many stories of the world itself: {low if low == high else f'{low} to {high}'}")
    made = {name: {t: cell(row, shown, usual) for t, row in line.items()} for name, line in lines.items()}
    return f"**{shown.title}** ({'; '.join(caption)})\n\n{by_steps('sampler', made)}"


def kinds_table(rows: Sequence[Row]) -> str:
    """Errors a story by kind, at the largest number of steps; the results file has them for all."""
    has = [row for row in rows if row["errors"] and row["sampler"] != DATA]
    if not has:
        return ""
    most = max(int(row["steps"]) for row in has)
    at = [row for row in has if int(row["steps"]) == most]
    total = {kind: sum(float(row[f"errors_{kind}"]) for row in at) for kind in KINDS}
    kinds = sorted(filter(total.get, KINDS), key=lambda kind: -total[kind])
    body = [
        [name, *(f"{float(line[most][f'errors_{kind}']):.2f}" for kind in kinds)] for name, line in _lines(at).items()
    ]
    return f"**Errors a story by kind, T = {most}**\n\n{markdown(['sampler', *kinds], body)}"


def render(rows: Sequence[Row]) -> str:
    parts = []
    for (model, digest), mine in grouped(rows, lambda row: (row["model"], row["model_hash"])).items():
        parts.append(f"### {model} ({digest}): {int(mine[0]['parameters']):,} parameters, L = {mine[0]['length']}")
        tables = [figure_table(mine, shown) for shown in FIGURES]
        tables.insert(4, kinds_table(mine))
        parts += filter(None, tables)
    return "\n\n".join(parts)
