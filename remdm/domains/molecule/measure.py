"""`python -m remdm evaluate molecule`: valid, unique and novel molecules of each sampler, and their mean property.

Samples are kept in OUT/samples, figures appended to OUT/molecule.csv; the same command goes on where it stopped, and
more `--samples` begin with those that are there. With `--property` the samples are guided, once for each
`--guidance-scale`: the points of a frontier.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import remdm
from remdm.domains.molecule import chemnet
from remdm.domains.molecule.domain import GUIDANCE, PRESETS, PROPERTIES, QM9, Asked, denoiser
from remdm.domains.molecule.scores import MEANS, figures, guided_table, measured, unguided_table
from remdm.evaluation.measurement import Measure, Measurement, Objective
from remdm.evaluation.sweeps import results, sweep
from remdm.evaluation.sweeps.compiled import add_argument as add_compile
from remdm.evaluation.sweeps.compiled import compiled, number_type
from remdm.evaluation.sweeps.results import Row
from remdm.evaluation.sweeps.samples import Cell, Free, Samples, variants
from remdm.evaluation.sweeps.sweep import Bench, Job, Part
from remdm.models.checkpoints import ROOT, Checkpoint, total_parameters, weights_hash
from remdm.models.network import compute
from remdm.sampling.methods import build

SAMPLERS = tuple(PRESETS)
_TRIPLE = ("", "_low", "_high")
FCD = ("fcd", "fcd_samples")
COLUMNS = (
    *results.KEY, "property", "guidance", "guidance_scale", "dtype", "version", "parameters", "samples",
    *(f"{name}{end}" for name in ("valid", "unique", "novel") for end in _TRIPLE), "novel_strings",
    *(f"{name}{end}" for name in MEANS for end in _TRIPLE), "forwards", "seconds", "settings",
    "machine", *FCD,
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    sweep.add_arguments(parser, SAMPLERS, (32, 64, 128), 64)
    parser.add_argument("--samples", type=int, default=1024, help="in each cell (default 1024)")
    parser.add_argument("--seed", type=int, default=0)
    add_compile(parser)
    parser.add_argument("--property", default="none", choices=PROPERTIES)
    parser.add_argument("--guidance", default="D-CFG", choices=GUIDANCE)
    help_scale = "one cell for each (default: 1 2 3 4 5 with a property)"
    parser.add_argument("--guidance-scale", nargs="+", type=float, default=[1, 2, 3, 4, 5], help=help_scale)
    help_fcd = "the ChemNet distance too (needs the package fcd, and what training left in checkpoints/qm9/training)"
    parser.add_argument("--fcd", action="store_true", help=help_fcd)


def cell_of(sampler: str, steps: int, seed: int, changes: Mapping[str, Any]) -> Cell:
    """A sampler with the settings for QM9, changed where asked."""
    base = {"nucleus_p": 1.0, **PRESETS.get(sampler, {})}
    return Cell(sampler, steps, seed, tuple(sorted((base | dict(changes)).items())))


def draw(checkpoint: Checkpoint, asked: Asked, cell: Cell) -> Free:
    """How a cell's samples are drawn."""
    dtype = number_type(checkpoint)
    return Free(denoiser(checkpoint, asked), cell, QM9.length, dtype)


def bench(device: str = "auto") -> Bench:
    """The molecule model without guidance, ready for single cells."""
    checkpoint = QM9.load(compute(device))
    return Bench(
        cell_of, lambda cell: [draw(checkpoint, Asked(), cell)],
        lambda samples: figures(measured(samples[0].tokens, checkpoint)),
    )  # fmt: skip


@dataclass(frozen=True)
class Sweep:
    """A run of the command."""

    args: argparse.Namespace
    checkpoint: Checkpoint
    hash: str

    def cells(self) -> Iterator[tuple[Asked, Cell]]:
        """What is asked for and the cells, few steps first."""
        scales = self.args.guidance_scale if self.args.property != "none" else [1.0]
        for steps in dict.fromkeys(self.args.steps):
            for scale in scales:
                asked = Asked(self.args.property, self.args.guidance, float(scale))
                for sampler in dict.fromkeys(self.args.samplers):
                    for changed in variants(self.args.changes, sampler):
                        yield asked, cell_of(sampler, steps, self.args.seed, dict(changed))

    def job(self, asked: Asked, cell: Cell) -> Job:
        """What makes the row of a cell."""
        guided = f"{asked.property}-{asked.guidance}-{asked.guidance_scale:g}"
        folder = self.args.out / "samples" / f"{QM9.name}-{self.hash}"
        path = folder / (guided if asked.property != "none" else "free") / cell.file
        count = self.args.samples
        part = Part(path, count, draw(self.checkpoint, asked, cell), len(build(cell.settings)[1]))
        title = f"{cell.sampler} T={cell.steps} {asked.property} {asked.guidance_scale:g}"
        return Job(title, (part,), lambda samples: self.row(asked, cell, samples[0].first(count)))

    def row(self, asked: Asked, cell: Cell, samples: Samples) -> dict[str, str]:
        """The row of a cell; a distance that the file has already is not lost."""
        found, free = measured(samples.tokens, self.checkpoint), asked.property == "none"
        wish = "" if free else f"property={asked.property},guidance={asked.guidance},γ={asked.guidance_scale:g}"
        made = results.flat({
            "domain": "molecule", "model": QM9.name, "model_hash": self.hash, "sampler": cell.sampler,
            "overrides": ",".join(each for each in (cell.changes, wish) if each), "steps": cell.steps,
            "seed": cell.seed, "property": asked.property, "guidance": "" if free else asked.guidance,
            "guidance_scale": "" if free else asked.guidance_scale, "dtype": samples.dtype,
            "version": getattr(remdm, "__version__", ""), "samples": len(samples), "machine": samples.machine,
            "parameters": total_parameters(self.checkpoint.denoiser.network),
            "forwards": float(samples.forwards.mean()), "seconds": float(samples.seconds.mean()),
            "settings": json.dumps(cell.settings.flat(), sort_keys=True),
            **figures(found),
        })  # fmt: skip
        if not self.args.fcd:
            return made | results.carried(self.file, made, FCD)
        return made | results.flat({"fcd": chemnet.distance(found.valid), "fcd_samples": len(samples)})

    @property
    def file(self) -> Path:
        """The results file."""
        return self.args.out / "molecule.csv"


def render(rows: list[dict[str, str]], command: str) -> str:
    """Both tables as Markdown, and what they say."""
    free, guided = ([row for row in rows if (row["property"] == "none") == wanted] for wanted in (True, False))
    lines = []
    if free:
        lines += [*unguided_table(free), ""]
    if guided:
        lines += [*guided_table(guided), ""]
    about = (
        "Shares are of all n samples, with 95% intervals. Novel: different molecules (canonical SMILES) that QM9 does "
        "not have. Means over the novel ones. FCD: ChemNet distance to held-out molecules. No "
        "nucleus unless named. Calls: those of the network; guidance of γ other than 0 and 1 takes two forward passes "
        "for each."
    )
    return "\n".join([*lines, about, "", f"Printed by `{command}`."])


def run(args: argparse.Namespace) -> None:
    """Sample what is missing, score it and print the tables; or only print them (`--table`).

    Raises:
        ValueError: for what the flags got wrong, before anything is drawn.
        CheckpointError: if the model cannot be loaded.
    """
    file = args.out / "molecule.csv"
    if not args.table:
        sweep.counted(args, "samples")
        if args.fcd:
            chemnet.ready()
        running = Sweep(args, compiled(args, QM9.load(compute(args.device))), weights_hash(ROOT / QM9.name))
        sweep.perform(args, [running.job(asked, cell) for asked, cell in running.cells()], file, COLUMNS)
    rows = sweep.rows(args, file, "molecule")
    print(render(rows, f"python -m remdm evaluate molecule --table --out {args.out}"))


def _guided(row: Row) -> str:
    if row["property"] == "none":
        return "no property"
    return f"{row['property']}, {row['guidance']}, γ = {float(row['guidance_scale']):g}"


MEASUREMENT = Measurement(
    "molecule",
    "molecule.csv",
    (
        Measure("valid", "Valid molecules", share=True), Measure("novel", "Novel molecules", share=True),
        Measure("unique", "Unique molecules", share=True), Measure("rings", "Rings of the novel ones, mean"),
        Measure("qed", "QED of the novel ones, mean"),
        Measure("fcd", "ChemNet distance (FCD), lower is better", lower=True, count="fcd_samples"),
    ),
    "The ChemNet distance to held-out molecules needs a package of its own (evaluate molecule --fcd), so a cell of "
    "yours has none; it grows with fewer molecules, and has no interval.",
    lambda sampler: {"nucleus_p": 1.0, **PRESETS.get(sampler, {})}, _guided, "no property",
    SAMPLERS, cache(bench), 32, Objective("novel", floors={"unique": 0.95}),
)  # fmt: skip
"""Novel molecules are different ones already."""
