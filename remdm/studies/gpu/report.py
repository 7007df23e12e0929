"""The report: rows in gpu.json and a page of them in gpu.md, both on the disk before the next row is begun."""

import json
import os
from pathlib import Path
from typing import Any

Row = dict[str, Any]
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


class Report:
    """The rows of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        file = folder / "gpu.json"
        self.rows: list[Row] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []

    def add(self, name: str, geometry: str, **values: Any) -> Row:
        """A row, in the place of an earlier one of the same; written to the disk."""
        made = {"name": name, "geometry": geometry, **values}
        made = {key: round(value, 4) if isinstance(value, float) else value for key, value in made.items()}
        same = lambda each: all(each.get(key) == made.get(key) for key in ("name", "geometry", "visitors"))  # noqa: E731
        kept = Report(self.folder).rows  # another part may have written since
        self.rows = [each for each in kept if not same(each)] + [made]
        _written(self.folder / "gpu.json", json.dumps(self.rows, indent=1) + "\n")
        _written(self.folder / "gpu.md", self.table() + "\n")
        return made

    def about(self, machine: str) -> None:
        """Where it was made."""
        self.add("machine", machine)

    def failed(self, what: str, why: str) -> None:
        """Something that did not work: one line, and the rest goes on."""
        print(f"{what}: {why}", flush=True)
        self.add("failed", what, why=why)

    def table(self) -> str:
        """All rows as Markdown, a table for each kind."""
        parts = []
        for name, columns in COLUMNS.items():
            rows = [each for each in self.rows if each["name"] == name]
            if not rows:
                continue
            lines = [columns, ["---"] * len(columns), *([_cell(each.get(key, "")) for key in columns] for each in rows)]
            table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
            parts.append("\n\n".join(filter(None, (f"## {name}", ABOUT.get(name, ""), table))))
        return "\n\n".join(parts)


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) and abs(value) < 1000 else str(value).replace("|", "/")


def _written(path: Path, text: str) -> None:
    """Write a file, all or nothing, and wait until the disk has it."""
    part = path.with_suffix(path.suffix + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
