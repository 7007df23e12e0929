"""Frechet ChemNet distance (arXiv 1803.09518): how far valid molecules lie from held-out ones, by `fcd`'s network.

It has 512 features, so that a cell of a few hundred molecules is far off for that alone: compare cells of one size.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from remdm.domains.molecule import qm9
from remdm.evaluation.metrics.frechet import frechet, moments
from remdm.evaluation.needed import need
from remdm.models.checkpoints import ROOT

NEEDED = ("fcd", "scipy")
INSTALL = "pip install fcd==1.2.2"
DATA = ROOT / "qm9" / "training" / "data"


def ready() -> None:
    """Raise ValueError, in one sentence, if the package or the held-out molecules are missing."""
    need("the ChemNet distance", INSTALL, *NEEDED)
    if not (DATA / "qm9.npz").is_file():
        raise ValueError(f"{DATA} holds no molecules of QM9; run: python -m remdm train molecule")


def features(smiles: Sequence[str]) -> Tensor:
    """ChemNet's activations, float32 `[n, 512]`."""
    import fcd

    return torch.from_numpy(fcd.get_predictions(fcd.load_ref_model(), list(smiles), n_jobs=0, device="cpu"))


@cache
def reference(folder: Path = DATA) -> tuple[Tensor, Tensor]:
    """Moments of the held-out molecules."""
    data = qm9.prepare(folder)
    return moments(features(data.smiles[: data.heldout].tolist()))


def distance(valid: Sequence[str]) -> float | None:
    """The distance of canonical SMILES; None for fewer than two."""
    return frechet(reference(), moments(features(valid))) if len(valid) > 1 else None
