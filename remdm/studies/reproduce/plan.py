"""What a table takes, before anything is done: files and their size, NFE and GPU hours.

NFE are those of a run of each cell with a network that knows nothing, whose tokens are all as likely. For most samplers
what is decoded when depends on noise alone; where confidence decides, as in ReMDM-LLaDA, the NFE may reach the steps.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from remdm.evaluation.sweeps.samples import Cell
from remdm.evaluation.sweeps.table import markdown
from remdm.hub.catalog import ENTRIES
from remdm.hub.store import found, size
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.methods import run
from remdm.studies.reproduce.experiment import Experiment

RANDOM_RATE = 1e8
"""Random numbers of 64 bits that a CPU core draws in a second: a decoded token takes one for each entry of the
vocabulary."""


@dataclass(frozen=True)
class Flat(Denoiser):
    """A few equally likely tokens, and the mask."""

    mask_id: int = 63

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta, `[n, 64]`."""
        log_x = torch.full((self.mask_id + 1,), -math.log(self.mask_id))
        log_x[self.mask_id] = -torch.inf
        return log_x.expand(int(rows.sum()), -1)


def expected(cell: Cell, length: int) -> tuple[int, int]:
    """NFE of one sequence, and how many tokens are drawn for it."""
    running = run(Flat(), cell.settings, torch.full((1, length), Flat.mask_id), cell.seeds(0, 1), watch=False)
    drawn = sum(int(record.asked.sum()) for record in running)
    return int(running.forwards[0]), drawn


def hours(count: float) -> str:
    """Hours as printed."""
    return f"{count:,.0f}" if count >= 10 else f"{count:.1f}" if count >= 0.1 else "below 0.1"


def files(experiment: Experiment) -> Iterator[str]:
    """What is fetched, a line each."""

    def where(there: bool, size_in_bytes: int) -> str:
        return "on this machine" if there else f"{size(size_in_bytes)} to fetch" if size_in_bytes else "to fetch"

    if experiment.model in ENTRIES:
        entry = ENTRIES[experiment.model]
        there = all(found(source) is not None for source in entry.sources)
        yield f"- {entry.title} ({', '.join(source.repo for source in entry.sources)}): {where(there, entry.download)}"
    else:
        yield f"- the embedded model {experiment.model}: on this machine"
    for need in experiment.needs:
        yield f"- {need.what} ({need.address}): {where(need.path() is not None, need.size)}"


def plan(
    experiment: Experiment, cells: Sequence[tuple[str, str, Cell]], seeds: int, samples: int, tflops: float
) -> str:
    """The whole plan as Markdown.

    Args:
        experiment: what is repeated.
        cells: (row, column, cell of the first seed) of everything that is drawn.
        seeds: how many.
        samples: of each cell and seed.
        tflops: floating-point operations a second that the GPU reaches, in 10^12.
    """
    body, evaluations, numbers = [], 0, 0
    count, an_hour = samples * seeds, tflops * 3.6e15
    for name, column, cell in cells:
        nfe, drawn = expected(cell, experiment.answer)
        evaluations, numbers = evaluations + nfe, numbers + drawn * experiment.work.vocabulary
        network = hours(nfe * count * experiment.work.evaluation / an_hour)
        body.append([name, column, cell.sampler, f"{nfe:,}", f"{nfe * count:,}", network])
    network = hours(evaluations * count * experiment.work.evaluation / an_hour)
    scoring = hours(len(cells) * count * experiment.work.scoring / an_hour)
    noise = hours(numbers * count / RANDOM_RATE / 3600)
    return "\n\n".join([
        "\n".join(("Files:", *files(experiment))),
        "\n".join(("Packages:", *(f"- {each}" for each in experiment.lacking()))) if experiment.lacking() else
        "Packages: all there.",
        markdown(["row", "column", "sampler", "NFE a sample", "NFE", "GPU hours"], body),
        f"In all {len(cells) * count:,} samples and {evaluations * count:,} NFE. GPU hours at {tflops:g} TFLOP/s: "
        f"{network} for the network, {scoring} for scoring. Hours of one CPU core for the noise of the draws: {noise}.",
    ])  # fmt: skip
