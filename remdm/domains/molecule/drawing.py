"""Molecules as SVG, drawn by RDKit: always in the same frame, so that nothing jumps from step to step."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from remdm.domains.molecule.chemistry import atoms, read
from remdm.later import Later

if TYPE_CHECKING:
    from rdkit import Chem
    from rdkit.Chem import rdDepictor
    from rdkit.Chem.Draw import rdMolDraw2D
else:
    rdDepictor, rdMolDraw2D = Later("rdkit.Chem.rdDepictor"), Later("rdkit.Chem.Draw.rdMolDraw2D")

WIDTH, HEIGHT = 420, 240
_PALETTE = {6: (0, 0, 0), 7: (0.2, 0.51, 0.85), 8: (0.82, 0.35, 0.14), 9: (0.2, 0.5, 0.22)}
"""Colours of C, N, O, F that can be read on white and on black; black is replaced by the page's own text colour."""


@dataclass(frozen=True)
class Drawing:
    """An SVG of WIDTH x HEIGHT, and where its atoms are, in the order of the SMILES."""

    svg: str
    atoms: tuple[tuple[float, float], ...]


@lru_cache(2048)
def draw(smiles: str, open_ended: bool = False) -> Drawing | None:
    """The drawing of a string that can be parsed, even if its chemistry is wrong; None for one that cannot.

    Args:
        smiles: the string.
        open_ended: a fragment: hydrogens are left out, since what stands at its ends is not known yet.
    """
    mol = read(smiles)[0]
    sound = mol is not None
    mol = mol if sound else read(smiles, sanitize=False)[0]
    if mol is None or not mol.GetNumAtoms():
        return None
    if not sound:
        mol.UpdatePropertyCache(strict=False)
    if open_ended or not sound:
        for atom in mol.GetAtoms():
            atom.SetNoImplicit(True)
            atom.SetNumExplicitHs(0 if open_ended else atom.GetNumExplicitHs())
    rdDepictor.Compute2DCoords(mol, canonOrient=True)
    return _rendered(rdMolDraw2D.PrepareMolForDrawing(mol, kekulize=sound, addChiralHs=False))


def _rendered(mol: "Chem.Mol") -> Drawing:
    canvas = rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT)
    look: Any = canvas.drawOptions()
    look.clearBackground, look.prepareMolsBeforeDrawing = False, False
    look.fixedBondLength, look.bondLineWidth, look.padding = 46, 1.7, 0.07
    look.fixedFontSize, look.includeRadicals, look.singleColourBonds = 18, False, True
    look.setAtomPalette(_PALETTE)
    canvas.DrawMolecule(mol)
    canvas.FinishDrawing()
    places = [canvas.GetDrawCoords(atom) for atom in range(mol.GetNumAtoms())]
    return Drawing(_tidy(canvas.GetDrawingText()), tuple((round(at.x, 1), round(at.y, 1)) for at in places))


def _tidy(text: str) -> str:
    """Without the XML head, the page's text colour for black, and no fixed size."""
    inner = text.split("<!-- END OF HEADER -->", 1)[1].replace("#000000", "currentColor")
    for noise in ("fill-rule:evenodd;", "stroke-linejoin:miter;", "stroke-opacity:1", "stroke-linecap:butt;"):
        inner = inner.replace(noise, "")
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" xmlns="http://www.w3.org/2000/svg">{inner}'


@lru_cache(4096)
def fragment(tokens: tuple[str, ...]) -> tuple[int, int] | None:
    """The longest stretch of these tokens that is a molecule by itself: its first place and the one after its last.

    None where not even two atoms hang together.
    """
    starts = atoms(tokens)
    for size in range(len(tokens), 1, -1):
        for first in starts:
            if first + size <= len(tokens) and _whole(tokens[first : first + size]):
                return first, first + size
    return None


@lru_cache(8192)
def _whole(tokens: tuple[str, ...]) -> bool:
    """Whether the tokens are a molecule of two atoms at least; the quick reasons against it come first."""
    if tokens.count("(") != tokens.count(")") or any(tokens.count(ring) % 2 for ring in "12345"):
        return False
    mol = read("".join(tokens))[0]
    return mol is not None and mol.GetNumAtoms() > 1
