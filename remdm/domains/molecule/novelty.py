"""What is known of QM9 without QM9: a hash of every molecule, for novelty, and histograms of the properties.

A hash has 40 bits, so one new molecule in eight million is taken for a known one. The file is under half a megabyte.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from remdm.domains.molecule.qm9 import QM9

FILE = "known.npz"
QED_EDGES = np.linspace(0.0, 0.8, 33)
"""Bins of the drug-likeness histogram: no molecule of QM9 reaches 0.8."""


def hashes(smiles: Iterable[str]) -> np.ndarray:
    """A 40-bit hash of each string, uint64 `[n]`."""
    digests = [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=5).digest(), "big") for text in smiles]
    return np.array(digests, np.uint64)


@dataclass(frozen=True)
class Known:
    """Molecules that are not novel.

    Attributes:
        hashes: of canonical SMILES, sorted uint64 `[N]`.
        rings: how many molecules of QM9 have 0, 1, 2 ... rings. qed: how many fall in each bin of QED_EDGES.
        limits: property -> the value above which a label is high.
    """

    hashes: np.ndarray
    rings: np.ndarray
    qed: np.ndarray
    limits: dict[str, float]

    def holds(self, smiles: Iterable[str]) -> np.ndarray:
        """Whether QM9 has each of these canonical SMILES, bool `[n]`."""
        wanted = hashes(smiles)
        places = np.searchsorted(self.hashes, wanted)
        return self.hashes[np.minimum(places, len(self.hashes) - 1)] == wanted


def save(folder: Path, data: QM9) -> None:
    """Write the file: gaps between sorted hashes, which take four bytes for all of QM9 and pack well."""
    gaps = np.diff(np.unique(hashes(data.smiles.tolist())), prepend=np.uint64(0))
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / FILE,
        gaps=gaps.astype(np.min_scalar_type(gaps.max())),
        rings=np.bincount(data.rings),
        qed=np.histogram(data.qed, QED_EDGES)[0],
        limits=np.array([data.limits["rings"], data.limits["qed"]]),
    )


@cache
def load(folder: Path) -> Known:
    """The file of a checkpoint's folder, read once."""
    with np.load(folder / FILE, allow_pickle=False) as data:
        ordered = np.cumsum(data["gaps"].astype(np.uint64))
        rings, qed = (float(limit) for limit in data["limits"])
        return Known(ordered, data["rings"], data["qed"], {"rings": rings, "qed": qed})
