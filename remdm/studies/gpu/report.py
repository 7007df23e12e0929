"""The report: rows in gpu.json and a page of them in gpu.md, both on the disk before the next row is begun."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remdm.evaluation.sweeps.table import markdown
from remdm.studies.bench.rows import Row, put, read, rounded, written

COLUMNS = {
    "step": ("geometry", "dtype", "ours_ms", "eager_ms", "other_ms", "ratio", "network_ms", "watched_ms", "floor_ms",
             "over_floor", "decoded"),
    "visitors": ("geometry", "visitors", "ours_ms", "other_ms", "ratio", "steps_per_second", "first_ms", "forwards"),
    "rates": ("geometry", "tflops", "gigabytes_per_second"),
    "samples": ("geometry", "samples", "samples_per_second", "seconds"),
    "tests": ("geometry", "outcome", "summary", "seconds"),
    "failed": ("geometry", "why"),
    "machine": ("geometry",),
}  # fmt: skip
"""Of each kind of row, in the order of the page."""
ABOUT = {
    "step": "One step at t = 0.5 with nucleus 0.9, milliseconds: `ours` with CUDA graphs, `eager` without; `other` the "
    "literal step on the same weights in the same type; `network` the network alone at the rows that decode; `watched` "
    "the step with the confidence of every masked position; `floor` what its products take at the measured rate, or "
    "its weights at the measured bandwidth, whichever is more.",
    "visitors": "Runs that arrive together, milliseconds a step of each: `ours` share forwards, in `other` each waits.",
    "rates": "Products of bfloat16 matrices, and a copy's bytes read and written.",
}


@dataclass(frozen=True)
class Report:
    """The rows of a folder."""

    folder: Path

    @property
    def rows(self) -> list[Row]:
        """What the file has: another part may have written since it was last looked at."""
        return read(self.folder / "gpu.json")

    def add(self, name: str, geometry: str, **values: Any) -> Row:
        """A row, in the place of an earlier one of the same; written to the disk."""
        made = rounded({"name": name, "geometry": geometry, **values})
        put(self.folder / "gpu.json", made)
        written(self.folder / "gpu.md", self.table() + "\n")
        return made

    def failed(self, what: str, why: str) -> None:
        """Something that did not work: one line, and the rest goes on."""
        print(f"{what}: {why}", flush=True)
        self.add("failed", what, why=why)

    def table(self) -> str:
        """All rows as Markdown, a table for each kind."""
        parts: list[str] = []
        rows = self.rows
        for name, columns in COLUMNS.items():
            body = [[_cell(each.get(key, "")) for key in columns] for each in rows if each["name"] == name]
            if body:
                table = markdown(columns, body, others="---")
                parts += filter(None, (f"## {name}", ABOUT.get(name, ""), table))
        return "\n\n".join(parts)


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) and abs(value) < 1000 else str(value).replace("|", "/")
