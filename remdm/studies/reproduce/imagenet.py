"""Class-conditional pictures: FID and inception score, by torchmetrics' Inception network.

Labels are drawn evenly from the 1,000 classes, one sequence's label standing behind its codes as a given token, so that
a batch may mix classes. Reference moments are those of the guided-diffusion evaluator, as in the paper.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remdm.evaluation.measurement import Bench, Job, Write
from remdm.evaluation.metrics.frechet import classifier_score, frechet, moments
from remdm.evaluation.metrics.statistics import over_seeds, with_spread
from remdm.evaluation.sweeps.compiled import number_type
from remdm.evaluation.sweeps.results import with_ends
from remdm.evaluation.sweeps.samples import Cell, Samples, Tick, draw, silent, timed
from remdm.hub.catalog import ENTRIES
from remdm.hub.image import ImageCheckpoint
from remdm.hub.loading import load as load_model
from remdm.models.labels import LabelNetwork
from remdm.models.network import compute
from remdm.sampling.denoiser import Denoiser
from remdm.studies.reproduce.experiment import Experiment, Figure, Need, Package, Work, columns, digest, samples_of

SEED, SPLITS, AGAIN, SEEN_AT_ONCE = 42, 10, 5, 50
"""Of the labels, as in the paper's code; parts over which the inception score is averaged; resamples for the FID's
interval; pictures that Inception sees at a time."""
TORCHMETRICS = Package(("torchmetrics", "torch_fidelity"), "pip install torchmetrics torch-fidelity", "Inception")
REFERENCE = Need(
    "moments of ImageNet's pictures", 2_000_000_000, url="https://openaipublic.blob.core.windows.net/diffusion/jul-2021/"
    "ref_batches/imagenet/256/VIRTUAL_imagenet256_labeled.npz",
    package=TORCHMETRICS,
)  # fmt: skip
INCEPTION = Need(
    "Inception", 95_600_000, url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth",
    package=TORCHMETRICS,
)  # fmt: skip
Seen = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Pictures, uint8 `[B, 3, H, W]`, to features `[B, D]` and logits `[B, K]`."""


@dataclass(frozen=True)
class Labelled(Denoiser):
    """x_theta of a network given classes; the last token of each sequence names its class."""

    network: LabelNetwork
    mask_id: int

    def labels(self, tokens: Tensor) -> Tensor:
        """The classes, `[B]`."""
        return tokens[:, -1] - self.mask_id - 1

    def starts(self, labels: Tensor, length: int) -> Tensor:
        """Masks and the class, `[B, length + 1]`."""
        return torch.cat((torch.full((len(labels), length), self.mask_id), labels[:, None] + self.mask_id + 1), dim=1)

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta at the wanted rows, float32 `[n, V]`."""
        return self.network.log_x(tokens[:, :-1], self.labels(tokens), rows[:, :-1])


@dataclass(frozen=True)
class Pictures:
    """Draws the codes of pictures; picture k has the k-th label."""

    denoiser: Labelled
    cell: Cell
    length: int
    classes: int
    dtype: str

    def __call__(self, first: int, stop: int, tick: Tick = silent) -> Samples:
        """Pictures `first` to `stop - 1`, in one batch."""
        begun = time.perf_counter()
        # drawn from the start each time, so that a label depends on its place alone
        labels = torch.from_numpy(np.random.default_rng(SEED).integers(self.classes, size=stop)[first:])
        starts, seeds = self.denoiser.starts(labels, self.length), self.cell.seeds(first, stop)
        tokens, forwards = draw(self.denoiser, self.cell.settings, starts, seeds, tick)
        return timed(tokens[:, :-1], forwards, begun, self.dtype)


def inception(device: str) -> Seen:
    """Inception with the weights of FID, in torchmetrics' form, resizing as the evaluator of the paper does."""
    from torchmetrics.image.fid import NoTrainInceptionV3

    network = NoTrainInceptionV3(
        "inception-v3-compat", ["2048", "logits_unbiased"], str(INCEPTION.file()), antialias=False
    )
    return network.to(compute(device).device)._torch_fidelity_forward  # its `forward` keeps the first output alone


def seen(pictures: Tensor, network: Seen) -> tuple[Tensor, Tensor]:
    """Features `[n, D]` and class probabilities `[n, K]` of pictures, uint8 `[n, H, W, 3]`."""
    features, logits = network(pictures.permute(0, 3, 1, 2))
    return features.cpu(), logits.float().softmax(dim=1).cpu()


def figures(features: Tensor, probabilities: Tensor, reference: tuple[Tensor, Tensor]) -> dict[str, Any]:
    """FID with the spread of resampled pictures, and the inception score over parts of them."""
    rng = np.random.default_rng(0)
    again = [
        frechet(moments(features[torch.from_numpy(rng.integers(len(features), size=len(features)))]), reference)
        for _ in range(AGAIN)
    ]
    parts = probabilities.tensor_split(min(SPLITS, len(probabilities)))
    return {
        "fid": with_spread(frechet(moments(features), reference), again),
        "is": over_seeds([classifier_score(part) for part in parts]),
    }


class ImageNet(Experiment):
    """Tables 2 and 7, without guidance as there."""

    domain, model = "image", "maskgit-256"
    needs: Sequence[Need] = (REFERENCE, INCEPTION)
    figures = {"FID": Figure("fid", package=TORCHMETRICS), "IS": Figure("is", package=TORCHMETRICS)}
    columns = columns(*with_ends("fid", "is"))
    samples, seeds, at_once, batch = 50_000, (SEED,), 128, 500
    costly = with_ends("fid", "is")
    answer, shrunk = 256, (8, 6)
    # the decoder takes about 0.13 TFLOP a picture, Inception 0.011
    work = Work(2 * 174_161_000 * 257, 1025, 0.14e12)
    note = (
        "The paper's weights are Google's MaskGIT in JAX; these are the public ones of its PyTorch reproduction "
        "(llvictorll/Maskgit-pytorch), the same shape trained anew, with labels dropped now and then. So the order of "
        "the samplers is to be compared, not the figures. The paper's code never draws code 1023 with MDLM and ReMDM."
    )

    def base(self, sampler: str) -> Mapping[str, Any]:
        """No nucleus, and the linear schedule for all samplers, MaskGIT included (appendix D.2)."""
        return {"nucleus_p": 1.0, "schedule": "linear", "temperature": 0.8}

    def conditions(self, args: argparse.Namespace) -> Mapping[str, Bench]:
        """The class alone."""
        checkpoint = load_model(self.model, compute(args.device))
        assert isinstance(checkpoint, ImageCheckpoint)
        network = checkpoint.denoiser.network
        denoiser = Labelled(network, checkpoint.mask_id)

        def draws(cell: Cell) -> list[Pictures]:
            return [Pictures(denoiser, cell, checkpoint.length, network.config.classes, number_type(checkpoint))]

        def score(cell: Cell | None, groups: Sequence[Samples]) -> dict[str, Any]:
            return {}

        return {"": Bench(self.model, digest(ENTRIES[self.model].sources[0]), checkpoint, draws, score)}

    def look(self, device: str) -> Seen:
        """What looks at the pictures."""
        return inception(device)

    def reference(self) -> tuple[Tensor, Tensor]:
        """Mean and covariance of the features of ImageNet's own pictures."""
        with np.load(REFERENCE.file()) as file:
            return torch.from_numpy(file["mu"]).double(), torch.from_numpy(file["sigma"]).double()

    def finish(self, args: argparse.Namespace, jobs: Sequence[Job], write: Write) -> None:
        """Decode the pictures and look at them."""
        network, reference = self.look(args.device), self.reference()
        for job in jobs:
            checkpoint = job.bench.checkpoint
            assert isinstance(checkpoint, ImageCheckpoint)
            samples = samples_of(job)
            made = [
                seen(checkpoint.pictures(codes.long()).to(compute(args.device).device), network)
                for codes in torch.from_numpy(samples.tokens).split(SEEN_AT_ONCE)
            ]
            features, probabilities = map(torch.cat, zip(*made, strict=True))
            write(job, [samples], figures(features, probabilities, reference))
