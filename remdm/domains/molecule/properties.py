"""How good a set of generated molecules is: valid, unique, novel, and the properties of the novel ones.

As in the paper's QM9 experiments (arXiv 2503.00307, section 5.2; code of arXiv 2412.10193): a string is valid if
RDKit parses it and it is not empty. The paper compares strings; here two spellings of one molecule count as one, and
a new spelling of a known molecule is not novel. `novel_strings` is the paper's count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from remdm.domains.molecule.chemistry import canonical, value
from remdm.domains.molecule.novelty import Known


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
        found = (value(name, each) for each in getattr(self, among))
        return [float(each) for each in found if each is not None]


def measure(strings: Sequence[str], known: Known) -> Measured:
    """Valid, unique and novel ones of generated strings."""
    forms = [canonical(each) for each in strings]
    valid = tuple(each for each in forms if each)
    unique = tuple(dict.fromkeys(valid))
    novel = tuple(each for each, old in zip(unique, known.holds(unique), strict=True) if not old)
    spelled = list(dict.fromkeys(each for each, form in zip(strings, forms, strict=True) if form))
    return Measured(len(strings), valid, unique, novel, int((~known.holds(spelled)).sum()))
