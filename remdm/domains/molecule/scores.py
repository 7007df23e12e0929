"""The figures of a set of molecules with their intervals, and the tables that are made of them."""

from collections.abc import Sequence
from typing import Any

from remdm.domains.molecule.properties import Measured
from remdm.evaluation.metrics.statistics import bootstrap, wilson
from remdm.evaluation.sweeps.results import Row
from remdm.evaluation.sweeps.samples import DATA
from remdm.evaluation.sweeps.table import markdown
from remdm.views.interval import Interval, figure

MEANS = ("rings", "qed", "sa")


def figures(found: Measured) -> dict[str, Any]:
    """Shares of all samples, each with Wilson's interval; means over the novel molecules with bootstrap ones."""
    made: dict[str, Any] = {
        "valid": wilson(len(found.valid), found.total),
        "unique": wilson(len(found.unique), found.total),
        "novel": wilson(len(found.novel), found.total),
        "novel_strings": found.novel_strings / found.total,
    }
    for name in MEANS:
        values = found.values(name)
        made[name] = bootstrap(values) if values else None
    return made


def unguided_table(rows: Sequence[Row]) -> str:
    """Validity, uniqueness, novelty and the ChemNet distance: a sampler and T a line, as Markdown."""
    head = ["sampler", "T", "n", "valid", "unique", "novel", "FCD", "NFE"]
    body = [
        [_name(row), "" if row["sampler"] == DATA else row["steps"], row["samples"],
         *(f"{Interval.of(row, name):.1%}" for name in ("valid", "unique", "novel")),
         figure(float(row["fcd"])) if row.get("fcd") else "", figure(float(row["forwards"]))]
        for row in sorted(rows, key=lambda row: int(row["steps"]))
    ]  # fmt: skip
    return markdown(head, body)


def guided_table(rows: Sequence[Row]) -> str:
    """Novelty against the property: a sampler, T and gamma a line, as Markdown."""
    head = ["property", "guidance", "γ", "sampler", "T", "n", "valid", "novel", "mean of novel"]
    ordered = sorted(
        rows, key=lambda row: (row["property"], row["guidance"], int(row["steps"]), float(row["guidance_scale"]))
    )
    body = [
        [row["property"], row["guidance"], row["guidance_scale"], _name(row), row["steps"], row["samples"],
         *(f"{Interval.of(row, name):.1%}" for name in ("valid", "novel")),
         f"{Interval.of(row, row['property'])}" if row[row["property"]] else "–"]
        for row in ordered
    ]  # fmt: skip
    return markdown(head, body)


def _name(row: Row) -> str:
    changed = [each for each in row["overrides"].split(",") if "=" in each and each != "nucleus_p=1.0"]
    own = [each for each in changed if not each.startswith(("property", "guidance", "γ"))]
    return f"{row['sampler']} ({', '.join(own)})" if own else row["sampler"]
