"""Molecules guided towards rings: how many novel ones, and their mean ring count. The paper's model is not public."""

import argparse
from collections.abc import Mapping
from typing import Any

from remdm.domains.molecule.measure import MEASUREMENT
from remdm.evaluation.measurement import Bench
from remdm.studies.reproduce.experiment import Experiment, Figure, Work

SAMPLES = 1024


class Molecules(Experiment):
    """Table 8 and Figure 4, ring count by D-CFG, on the embedded model."""

    domain, model = "molecule", "qm9"
    figures = {"novel of 1,024": Figure("novel", SAMPLES), "mean rings of the novel": Figure("rings")}
    columns = MEASUREMENT.columns
    samples, seeds, at_once, batch = SAMPLES, (0,), 64, 64
    answer, shrunk = 32, (16, 32)
    work = Work(2 * 2 * 1_800_000 * 32, 40)
    note = (
        "Neither the paper's QM9 model nor its ReMDM code for molecules is public (its authors said so in their "
        "repository's issue 10), and Figure 4 has no table: its figures here are read off the picture. What is drawn "
        "is the embedded model, far smaller, by the same guidance and settings."
    )

    def base(self, sampler: str) -> Mapping[str, Any]:
        """The paper's settings for QM9."""
        return MEASUREMENT.base(sampler)

    def conditions(self, args: argparse.Namespace) -> Mapping[str, Bench]:
        """Each guidance scale."""
        scales = (1, 2, 3, 4, 5)
        flags = argparse.Namespace(
            **{**vars(args), "property": "rings", "guidance": "D-CFG", "guidance_scale": scales, "fcd": False}
        )
        return {str(scale): bench for scale, bench in zip(scales, MEASUREMENT.open(flags), strict=True)}
