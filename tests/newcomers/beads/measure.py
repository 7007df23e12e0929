"""What is measured of beads: the share of rows without two neighbours that are alike."""

from remdm.domains.beads.domain import BEADS, alike

from remdm.evaluation.measurement import Bench, Measure, Measurement, Objective
from remdm.evaluation.metrics.statistics import wilson
from remdm.evaluation.sweeps.compiled import number_type
from remdm.evaluation.sweeps.results import KEY, with_ends
from remdm.evaluation.sweeps.samples import Free
from remdm.evaluation.sweeps.table import markdown
from remdm.models.network import compute


def score(cell, groups):
    rows = groups[0].tokens.tolist()
    return {"fair": wilson(sum(not alike(row) for row in rows), len(rows))}


class Beads(Measurement):
    domain, file, own = "beads", "beads.csv", "beads"
    columns = (*KEY, "samples", "settings", "forwards", *with_ends("fair"))
    measures = (Measure("fair", "No two neighbours alike", share=True),)
    missing, objective = "", Objective("fair")
    samplers, steps, samples, at_once, batch = ("mdlm", "remdm-cap"), (8,), 8, 8, 8

    def open(self, args):
        checkpoint = BEADS.load(compute(args.device))
        draws = lambda cell: [Free(checkpoint.denoiser, cell, checkpoint.length, number_type(checkpoint))]
        return [Bench("beads", "0", checkpoint, draws, score)]

    def render(self, rows):
        return markdown(["sampler", "fair"], [[row["sampler"], row["fair"]] for row in rows])


MEASUREMENT = Beads()
