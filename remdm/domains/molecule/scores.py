"""The figures of a set of molecules with their intervals, and the tables that are made of them."""

from collections.abc import Sequence

import numpy as np

from remdm.domains.molecule import novelty
from remdm.domains.molecule.domain import FOLDER, text
from remdm.domains.molecule.properties import Measured, measure, properties
from remdm.evaluation.metrics.statistics import Interval, bootstrap, wilson
from remdm.models.checkpoints import Checkpoint

MEANS = ("rings", "qed", "sa")


def measured(tokens: np.ndarray, checkpoint: Checkpoint) -> Measured:
    """What samples `[n, 32]` amount to."""
    return measure([text(row, checkpoint) for row in tokens.tolist()], novelty.load(FOLDER))


def figures(found: Measured) -> dict[str, Interval | int | float | None]:
    """Shares of all samples, each with Wilson's interval; means over the novel molecules with bootstrap ones."""
    made: dict[str, Interval | int | float | None] = {
        "valid": wilson(len(found.valid), found.total),
        "unique": wilson(len(found.unique), found.total),
        "novel": wilson(len(found.novel), found.total),
        "novel_strings": found.novel_strings / found.total,
    }
    for name in MEANS:
        values = [float(getattr(properties(each), name)) for each in found.novel]
        made[name] = bootstrap(values) if values else None
    return made


def percent(row: dict[str, str], name: str) -> str:
    """A share with its interval, in percent."""
    value, low, high = (100 * float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return f"{value:.1f} ({low:.1f}-{high:.1f})"


def mean(row: dict[str, str], name: str, digits: int = 2) -> str:
    """A mean with its interval, or a dash where nothing was novel."""
    if not row[name]:
        return "–"
    value, low, high = (float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return f"{value:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def unguided_table(rows: Sequence[dict[str, str]]) -> list[str]:
    """Validity, uniqueness, novelty and the ChemNet distance: a sampler and T a line, as Markdown."""
    head = ["sampler", "T", "n", "valid %", "unique %", "novel %", "FCD", "calls"]
    body = [
        [_name(row), row["steps"], row["samples"], *(percent(row, name) for name in ("valid", "unique", "novel")),
         f"{float(row['fcd']):.2f}" if row.get("fcd") else "", f"{float(row['forwards']):.0f}"]
        for row in sorted(rows, key=lambda row: int(row["steps"]))
    ]  # fmt: skip
    return _markdown(head, body)


def guided_table(rows: Sequence[dict[str, str]]) -> list[str]:
    """Novelty against the property: a sampler, T and gamma a line, as Markdown."""
    head = ["property", "guidance", "γ", "sampler", "T", "n", "valid %", "novel %", "mean of novel"]
    ordered = sorted(
        rows, key=lambda row: (row["property"], row["guidance"], int(row["steps"]), float(row["guidance_scale"]))
    )
    body = [
        [row["property"], row["guidance"], row["guidance_scale"], _name(row), row["steps"], row["samples"],
         percent(row, "valid"), percent(row, "novel"), mean(row, row["property"], 3 if row["property"] == "qed" else 2)]
        for row in ordered
    ]  # fmt: skip
    return _markdown(head, body)


def _name(row: dict[str, str]) -> str:
    changed = [each for each in row["overrides"].split(",") if each and "=" in each and each != "nucleus_p=1.0"]
    own = [each for each in changed if not each.startswith(("property", "guidance", "γ"))]
    return f"{row['sampler']} ({', '.join(own)})" if own else row["sampler"]


def _markdown(head: list[str], body: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *body)]
