"""`python -m remdm evaluate molecule`: valid, unique and novel molecules of each sampler, and their mean property.

With `--property` the samples are guided, once for each `--guidance-scale`: the points of a frontier.
"""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from remdm.domains.molecule import chemnet, qm9
from remdm.domains.molecule.domain import GUIDANCE, PRESETS, PROPERTIES, QM9, Asked, denoiser, measured
from remdm.domains.molecule.scores import MEANS, figures, guided_table, unguided_table
from remdm.evaluation.measurement import Bench, Measure, Measurement, Objective
from remdm.evaluation.sweeps.compiled import compiled, number_type
from remdm.evaluation.sweeps.results import KEY, Row, with_ends
from remdm.evaluation.sweeps.samples import DATA, Cell, Free, Samples, Tick, silent
from remdm.models.checkpoints import ROOT, Checkpoint, weights_hash
from remdm.models.network import compute

FCD = ("fcd", "fcd_samples")
COLUMNS = (
    *KEY, "property", "guidance", "guidance_scale", "dtype", "version", "parameters", "samples",
    *with_ends("valid", "unique", "novel"), "novel_strings", *with_ends(*MEANS), "forwards", "seconds", "settings",
    "machine", *FCD,
)  # fmt: skip


def bench(checkpoint: Checkpoint, asked: Asked, fcd: bool) -> Bench:
    """The model under what is asked, with the ChemNet distance or without."""

    def draws(cell: Cell) -> list[Free]:
        return [Free(denoiser(checkpoint, asked), cell, QM9.length, number_type(checkpoint))]

    def score(cell: Cell | None, groups: Sequence[Samples]) -> dict[str, Any]:
        found = measured(groups[0].tokens.tolist())
        far = {"fcd": chemnet.distance(found.valid), "fcd_samples": len(groups[0])} if fcd else {}
        return {**figures(found), **far}

    def data(first: int, stop: int, tick: Tick = silent) -> Samples:
        return Samples.of_data(qm9.prepare(chemnet.DATA).trained, "molecules of QM9 for training", first, stop)

    place, named, about = "/free/", "", {"property": "none"}
    if asked.property != "none":
        scale = f"{asked.guidance_scale:g}"
        place = f"/{asked.property}-{asked.guidance}-{scale}/"
        named = f"property={asked.property},guidance={asked.guidance},γ={scale}"
        about = {name: getattr(asked, name) for name in ("property", "guidance", "guidance_scale")}
    return Bench(QM9.name, weights_hash(ROOT / QM9.name), checkpoint, draws, score, (place,), named, about, data)


ABOUT = (
    "Shares are of all n samples, with 95% intervals. Novel: different molecules (canonical SMILES) that QM9 does not "
    "have. Means over the novel ones. FCD: ChemNet distance to held-out molecules, which falls with n; `data` are "
    "molecules of the training set. No nucleus unless named. NFE: network evaluations a sample; guidance of γ other "
    "than 0 and 1 takes two forward passes for each."
)


class Molecules(Measurement):
    """Novel molecules are different ones already."""

    domain, file, columns, own = "molecule", "molecule.csv", COLUMNS, "no property"
    measures = (
        Measure("valid", "Valid molecules", share=True), Measure("novel", "Novel molecules", share=True),
        Measure("unique", "Unique molecules", share=True), Measure("rings", "Rings of the novel ones, mean"),
        Measure("qed", "QED of the novel ones, mean"),
        Measure("fcd", "ChemNet distance (FCD), lower is better", lower=True, count="fcd_samples"),
    )  # fmt: skip
    missing = (
        "The ChemNet distance to held-out molecules needs a package of its own (evaluate molecule --fcd), so a cell of "
        "yours has none; it grows with fewer molecules, and has no interval."
    )
    objective = Objective("novel", floors={"unique": 0.95})
    samplers = tuple(PRESETS)
    steps, samples, at_once, batch = (32, 64, 128), 1024, 64, 32
    data, costly = True, FCD

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--property", default="none", choices=PROPERTIES)
        parser.add_argument("--guidance", default="D-CFG", choices=GUIDANCE)
        help_scale = "one cell for each (default: 1 2 3 4 5 with a property)"
        parser.add_argument("--guidance-scale", nargs="+", type=float, default=[1, 2, 3, 4, 5], help=help_scale)
        help_fcd = "the ChemNet distance too (needs the package fcd, and what training left in checkpoints/qm9)"
        parser.add_argument("--fcd", action="store_true", help=help_fcd)

    def open(self, args: argparse.Namespace) -> Sequence[Bench]:
        """The model at each guidance scale; one without a property."""
        if args.property != "none" and DATA in (args.samplers or ()):
            raise ValueError("The data have no guidance; leave --property out for the row of --samplers data")
        if args.fcd:
            chemnet.ready()
        scales = args.guidance_scale if args.property != "none" else [1.0]
        asked = [Asked(args.property, args.guidance, float(scale)) for scale in scales]
        checkpoint = compiled(args, QM9.load(compute(args.device)))
        return [bench(checkpoint, each, args.fcd) for each in asked]

    def base(self, sampler: str) -> Mapping[str, Any]:
        return {"nucleus_p": 1.0, **PRESETS.get(sampler, {})}

    def opening(self, model: str) -> tuple[Sequence[str], Objective]:
        """What the page marks as an error is a string that is not a molecule; novel ones must not get rarer by it."""
        return (), Objective("valid", floors={"unique": 0.95, "novel": 0.9})

    def condition(self, row: Row) -> str:
        if row["property"] == "none":
            return self.own
        return f"{row['property']}, {row['guidance']}, γ = {float(row['guidance_scale']):g}"

    def render(self, rows: Sequence[Row]) -> str:
        free, guided = ([row for row in rows if (row["property"] == "none") is wanted] for wanted in (True, False))
        tables = [unguided_table(free) if free else "", guided_table(guided) if guided else ""]
        return "\n\n".join(filter(None, (*tables, ABOUT)))


MEASUREMENT = Molecules()
