"""Molecules as SMILES: their tokens, whether they are molecules at all, and their properties. RDKit does the chemistry.

Property labels are those of the paper's QM9 experiments (ReMDM, arXiv 2503.00307, section 5.2): ring count is the
number of rings of the smallest set (SSSR), QED the drug-likeness of Bickerton et al. 2012.
"""

import logging
import re
import threading
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from remdm.domains.molecule.vocabulary import is_atom
from remdm.later import Later
from remdm.runs.tokens import Issue

if TYPE_CHECKING:
    from rdkit import Chem, rdBase
    from rdkit.Chem import QED
    from rdkit.Contrib.SA_Score import sascorer
else:  # a third of a second, and a model draws without it
    Chem, rdBase, QED = Later("rdkit.Chem"), Later("rdkit.rdBase"), Later("rdkit.Chem.QED")
    sascorer = Later("rdkit.Contrib.SA_Score.sascorer")


class _Complaints(logging.Handler):
    """Collects what RDKit logs, a list for each thread: it says nowhere else where a string goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.messages = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(self.messages, "lines"):
            self.messages.lines.append(re.sub(r"^\[[\d:]+\] ", "", record.getMessage()))


@cache
def _complaints() -> _Complaints:
    """Turns RDKit's log, which would go to stderr, into Python's, once for a process."""
    rdBase.LogToPythonLogger()
    logger, handler = logging.getLogger("rdkit"), _Complaints()
    logger.handlers, logger.propagate = [handler], False
    return handler


def read(smiles: str, sanitize: bool = True) -> "tuple[Chem.Mol | None, tuple[str, ...]]":
    """The molecule of a string, None where there is none, and what RDKit complained of."""
    messages = _complaints().messages
    messages.lines = []
    mol = Chem.MolFromSmiles(smiles, sanitize=sanitize) if smiles else None
    return mol, tuple(messages.lines)


def molecule(smiles: str) -> "Chem.Mol | None":
    """The molecule, None where RDKit refuses the string or it is empty."""
    return read(smiles)[0]


@lru_cache(65536)
def canonical(smiles: str) -> str | None:
    """RDKit's canonical SMILES of a molecule, None if it is not one: two spellings of a molecule become the same.

    A few canonical forms are not molecules to the parser that wrote them (rdkit 2139); there the string stays as it is.
    """
    mol = molecule(smiles)
    if mol is None:
        return None
    form = Chem.MolToSmiles(mol)
    return form if form == smiles or molecule(form) is not None else smiles


def has_double_bonds(mol: "Chem.Mol") -> bool:
    """Whether double bonds can be placed in its aromatic rings: a few molecules pass the checks and have none."""
    try:
        Chem.Kekulize(Chem.Mol(mol))
    except Chem.MolSanitizeException:
        return False
    return True


def rings(mol: "Chem.Mol") -> int:
    """The number of rings in the symmetrised smallest set."""
    return len(Chem.GetSymmSSSR(mol))


def qed(mol: "Chem.Mol") -> float | None:
    """Quantitative estimate of drug-likeness, in [0, 1]; None where RDKit finds no double bonds to work it out with."""
    return float(QED.qed(mol)) if has_double_bonds(mol) else None


def sa_score(mol: "Chem.Mol") -> float:
    """Synthetic accessibility of Ertl and Schuffenhauer 2009: 1 is easy, 10 is hard."""
    return float(sascorer.calculateScore(mol))


MEASURED: dict[str, Callable[["Chem.Mol"], float | None]] = {"rings": rings, "qed": qed, "sa": sa_score}
"""The properties of a molecule by their names in flags and files."""


@lru_cache(1 << 17)
def value(name: str, smiles: str) -> float | None:
    """A property of a string that is a molecule, None where it has none."""
    mol = molecule(smiles)
    assert mol is not None
    return MEASURED[name](mol)


def atoms(tokens: Sequence[str]) -> list[int]:
    """The places of the atoms among the tokens of a SMILES string, in the order in which RDKit numbers them."""
    return [place for place, token in enumerate(tokens) if is_atom(token)]


@lru_cache(4096)
def issues_in(tokens: tuple[str, ...]) -> tuple[Issue, ...]:
    """What is wrong with a whole string, by RDKit's parser and its checks; nothing for a molecule.

    Positions are places among the tokens.
    """
    if not tokens:
        return (Issue((), "empty", "There is no atom."),)
    mol, complaints = read("".join(tokens))
    if mol is not None:
        return ()
    bare, _ = read("".join(tokens), sanitize=False)
    if bare is None:
        return (_syntax(tokens, " ".join(complaints)),)
    where = atoms(tokens)
    found = tuple(_failed_check(problem, bare, where) for problem in _problems(bare))
    return found or (Issue((), "chemistry", "RDKit refuses the molecule and does not say which atom is wrong."),)


def _problems(mol: "Chem.Mol") -> Iterator[Any]:
    """What RDKit's checks refuse; at least what its sanitising breaks off at, which its checks sometimes pass over."""
    problems = Chem.DetectChemistryProblems(mol)
    yield from problems
    if not problems:
        try:
            Chem.SanitizeMol(Chem.Mol(mol))
        except Chem.MolSanitizeException as error:
            yield getattr(error, "cause")  # noqa: B009, of which its type stubs know nothing


def _failed_check(problem: Any, mol: "Chem.Mol", where: Sequence[int]) -> Issue:
    """What one of RDKit's checks refuses; `where` has the place of each atom."""
    if problem.GetType() == "KekulizeException":
        message = "The ring is written as aromatic, but its double bonds cannot be placed."
        return Issue(tuple(where[atom] for atom in problem.GetAtomIndices()), "aromaticity", message)
    atom = problem.GetAtomIdx()
    symbol = mol.GetAtomWithIdx(atom).GetSymbol()
    if problem.GetType() == "AtomValenceException":
        return Issue((where[atom],), "valence", f"{symbol} has more bonds than it can have.")
    return Issue((where[atom],), "aromaticity", f"{symbol} is written as aromatic outside of a ring.")


def _syntax(tokens: Sequence[str], complaint: str) -> Issue:
    """Where the parser gave up, or the ring number that it misses."""
    if "unclosed ring" in complaint:
        open_rings = [token for token in tokens if token.isdigit() and tokens.count(token) % 2]
        places = tuple(place for place, token in enumerate(tokens) if token in open_rings[:1])
        return Issue(places[-1:], "ring", f"Ring {open_rings[0] if open_rings else ''} is opened and never closed.")
    if "ring closure" in complaint:
        places = tuple(place for place, token in enumerate(tokens) if token.isdigit())
        return Issue(places, "ring", "A ring bond joins an atom to itself or to one that it is bound to already.")
    at = re.search(r"around position (\d+)", complaint)
    ends = list(accumulate(map(len, tokens)))
    place = min(bisect(ends, int(at.group(1)) - 1), len(tokens) - 1) if at else len(tokens) - 1
    if "extra open" in complaint:
        return Issue((place,), "branch", "A branch is opened and never closed.")
    if "extra close" in complaint:
        return Issue((place,), "branch", "A branch is closed that was never opened.")
    where = "at the end" if place == len(tokens) - 1 else f"at {tokens[place]}"
    return Issue((place,), "syntax", f"RDKit's parser stops {where}: nothing of this kind may stand here.")
