"""Molecules as files that other programs read: SMILES, a table, and structures with coordinates."""

import csv
import io
from collections.abc import Sequence

from rdkit.Chem import SDWriter, rdDepictor

from remdm.domains.molecule.chemistry import canonical, has_double_bonds, issues_in, molecule
from remdm.domains.molecule.novelty import Known
from remdm.domains.molecule.properties import Properties, properties
from remdm.domains.molecule.vocabulary import split

COLUMNS = ("sample", "smiles", "valid", "novel", "canonical_smiles", "rings", "qed", "sa_score", "why_not")


def table(strings: Sequence[str], known: Known) -> str:
    """A line a sample, in order, as CSV: invalid ones too, with what is wrong."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for place, text in enumerate(strings):
        form = canonical(text)
        if form is None:
            why = " ".join(issue.message for issue in issues_in(tuple(split(text))))
            writer.writerow([place + 1, text, "no", "", "", "", "", "", why])
            continue
        found, novel = properties(form), not known.holds([form])[0]
        writer.writerow([
            place + 1, text, "yes", "yes" if novel else "no", form,
            found.rings, _drug_likeness(found), f"{found.sa:.3f}", "",
        ])  # fmt: skip
    return out.getvalue()


def _drug_likeness(found: Properties) -> str:
    return "" if found.qed is None else f"{found.qed:.4f}"


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
        found = properties(text)
        for name, value in (("_Name", f"sample-{place + 1}"), ("SMILES", text), ("rings", found.rings),
                            ("QED", _drug_likeness(found)), ("SA_score", f"{found.sa:.3f}")):  # fmt: skip
            mol.SetProp(name, str(value))
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
