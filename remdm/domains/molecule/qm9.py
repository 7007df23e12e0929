"""QM9: every molecule of up to nine heavy atoms of C, N, O and F that its authors found stable (about 131,000).

The SMILES come from the PyPI package qm9pack (Ramakrishnan et al., Scientific Data 1, 140022, 2014). They are made
canonical by RDKit, and doubles are dropped. A sequence is `<bos> tokens <eos> <pad>...`, 32 long, as in the paper
(arXiv 2503.00307, D.3); two label tokens stand before it, one for ring count and one for QED.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from remdm.domains.molecule.vocabulary import PROPERTIES
from remdm.training.packages import kept

HIGH = 0.9
"""The quantile above which a property counts as high."""
HELDOUT = 0.05
RECIPE = 1  # raised with every change of what is below, so that an old cache is not mistaken for a new one


@dataclass(frozen=True)
class QM9:
    """Prepared molecules, in a fixed shuffled order of which the first 5% are held out.

    Attributes:
        smiles: canonical SMILES, `[N]`. tokens: ids, uint8 `[N, 32]`.
        rings: int8 `[N]`. qed: float32 `[N]`.
        heldout: how many of the first are held out.
        limits: property -> its 90th percentile over all molecules.
    """

    smiles: np.ndarray
    tokens: np.ndarray
    rings: np.ndarray
    qed: np.ndarray
    heldout: int
    limits: dict[str, float]

    def values(self, name: str) -> np.ndarray:
        """A property of every molecule, `[N]`."""
        return {"rings": self.rings, "qed": self.qed}[name]

    def high(self, name: str) -> np.ndarray:
        """Which molecules lie above the property's 90th percentile, bool `[N]`."""
        return self.values(name) > self.limits[name]


def prepare(folder: Path) -> QM9:
    """The molecules, read from the package on the first call and kept in the folder."""

    def make() -> dict:
        from remdm.domains.molecule import qm9_package  # RDKit, which a machine that only trains may not have

        return qm9_package.build(qm9_package.package_smiles(folder))

    data = kept(folder / "qm9.npz", RECIPE, make)
    limits = {name: float(np.quantile(data[name], HIGH)) for name in PROPERTIES}
    heldout = int(HELDOUT * len(data["smiles"]))
    return QM9(data["smiles"], data["tokens"], data["rings"], data["qed"], heldout, limits)
