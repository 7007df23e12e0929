"""How good a set of generated molecules is: valid, unique, novel, and the properties of the novel ones.

As in the paper's QM9 experiments (arXiv 2503.00307, section 5.2; code of arXiv 2412.10193): a string is valid if
RDKit parses it and it is not empty. The paper compares strings; here two spellings of one molecule count as one, and
a new spelling of a known molecule is not novel. `novel_strings` is the paper's count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from remdm.domains.molecule.chemistry import canonical, molecule, qed, rings, sa_score
from remdm.domains.molecule.novelty import Known

if TYPE_CHECKING:
    from rdkit.Chem import Mol


@dataclass(frozen=True)
class Properties:
    """Of one molecule: rings, QED (None where it has none), SA score (1 easy to make, 10 hard)."""

    smiles: str
    rings: int
    qed: float | None

    @cached_property
    def sa(self) -> float:
        """Only where it is asked for: the scorer reads its table first, a third of a second at the page's start."""
        return sa_score(_valid(self.smiles))


@lru_cache(65536)
def properties(smiles: str) -> Properties:
    mol = _valid(smiles)
    return Properties(smiles, rings(mol), qed(mol))


def _valid(smiles: str) -> "Mol":
    mol = molecule(smiles)
    assert mol is not None
    return mol


@dataclass(frozen=True)
class Measured:
    """A set of generated strings.

    Attributes:
        total: how many there are.
        valid: canonical SMILES of those that are molecules, in order.
        unique: the different ones among them.
        novel: those of them that QM9 does not have.
        novel_strings: how many different valid strings are not a canonical SMILES of QM9, as the paper counts.
    """

    total: int
    valid: tuple[str, ...]
    unique: tuple[str, ...]
    novel: tuple[str, ...]
    novel_strings: int

    def mean(self, name: str, among: str = "novel") -> float | None:
        """The mean of a property over the novel (or `unique`, `valid`) molecules; None where none has it."""
        found = self.values(name, among)
        return sum(found) / len(found) if found else None

    def values(self, name: str, among: str = "novel") -> list[float]:
        """A property of each of the novel (or `unique`, `valid`) molecules that has it."""
        found = (getattr(properties(each), name) for each in getattr(self, among))
        return [float(value) for value in found if value is not None]


def measure(strings: Sequence[str], known: Known) -> Measured:
    """Valid, unique and novel ones of generated strings."""
    forms = [canonical(each) for each in strings]
    valid = tuple(each for each in forms if each)
    unique = tuple(dict.fromkeys(valid))
    novel = tuple(each for each, old in zip(unique, known.holds(unique), strict=True) if not old)
    spelled = list(dict.fromkeys(each for each, form in zip(strings, forms, strict=True) if form))
    return Measured(len(strings), valid, unique, novel, int((~known.holds(spelled)).sum()))
