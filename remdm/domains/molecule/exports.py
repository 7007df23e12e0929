"""Molecules as files that other programs read: SMILES, a table, and structures with coordinates."""

import io
from collections.abc import Sequence

import pandas as pd
from rdkit.Chem import SDWriter, rdDepictor

from remdm.domains.molecule.chemistry import canonical, has_double_bonds, issues_in, molecule, value
from remdm.domains.molecule.novelty import Known
from remdm.domains.molecule.vocabulary import split

COLUMNS = ("smiles", "valid", "novel", "canonical_smiles", "rings", "qed", "sa_score", "why_not")


def table(strings: Sequence[str], known: Known) -> str:
    """A line a sample, in order, as CSV: invalid ones too, with what is wrong."""
    rows = []
    for text in strings:
        form = canonical(text)
        if form is None:
            why = " ".join(issue.message for issue in issues_in(tuple(split(text))))
            rows.append([text, "no", "", "", "", "", "", why])
        else:
            rows.append([text, "yes", "no" if known.holds([form])[0] else "yes", form, *_properties(form), ""])
    index = pd.RangeIndex(1, len(rows) + 1, name="sample")
    return pd.DataFrame(rows, index, COLUMNS).to_csv(lineterminator="\n")


def _properties(smiles: str) -> list[str]:
    """Rings, QED and SA score as they are printed; nothing for what a molecule does not have."""
    values = ((value(name, smiles), spec) for name, spec in (("rings", ""), ("qed", ".4f"), ("sa", ".3f")))
    return ["" if each is None else f"{each:{spec}}" for each, spec in values]


def smiles_file(strings: Sequence[str]) -> str:
    """The valid strings as a SMILES file, each with its sample's name."""
    return "".join(f"{text} sample-{place + 1}\n" for place, text in enumerate(strings) if canonical(text))


def structures(strings: Sequence[str]) -> str:
    """The valid molecules as an SDF with flat coordinates and their properties."""
    out = io.StringIO()
    writer = SDWriter(out)
    for place, text in enumerate(strings):
        mol = molecule(text)
        if mol is None:
            continue
        rdDepictor.Compute2DCoords(mol)
        named = (f"sample-{place + 1}", text, *_properties(text))
        for name, words in zip(("_Name", "SMILES", "rings", "QED", "SA_score"), named, strict=True):
            mol.SetProp(name, words)
        writer.SetKekulize(has_double_bonds(mol))  # else its aromatic bonds are written as such
        writer.write(mol)
    writer.close()
    return out.getvalue()


FILES = {
    "csv": ("Table · CSV", table),
    "smi": ("SMILES", lambda strings, known: smiles_file(strings)),
    "sdf": ("Structures · SDF", lambda strings, known: structures(strings)),
}
"""Kinds of file by ending: the button's words, and (strings, known) -> content."""
