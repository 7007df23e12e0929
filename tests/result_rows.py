"""Rows of a results file, for tests of what is made of them."""

import csv
import json
from pathlib import Path

from remdm.sampling.methods import settings
from remdm.sampling.presets import METHODS


def row(sampler: str, steps: int, value: float, **more: object) -> dict[str, str]:
    made = {
        "domain": "text", "model": "stories", "model_hash": "new", "sampler": sampler, "overrides": "", "seed": 0,
        "steps": steps, "samples": 64, "forwards": steps - 1, "correct": value, "correct_low": value - 0.02,
        "correct_high": value + 0.02, "token_entropy": 3.8, "distinct": 1.0, "state_entropy": 2.0,
        "settings": json.dumps(settings(sampler, steps).flat()) if sampler in METHODS else "", **more,
    }  # fmt: skip
    return {name: str(each) for name, each in made.items()}


def write(folder: Path, rows: list[dict[str, str]], name: str = "results.csv") -> Path:
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder
