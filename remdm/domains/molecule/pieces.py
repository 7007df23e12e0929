"""What can be drawn of a SMILES string that is not whole yet: its atoms and the bonds among them."""

from collections.abc import Sequence

from remdm.domains.molecule.chemistry import atoms, read
from remdm.domains.molecule.drawing import fragment
from remdm.domains.molecule.vocabulary import SYMBOLS, VOCABULARY, is_atom

FIRST_SYMBOL = VOCABULARY.index(SYMBOLS[0])


def body(ids: Sequence[int]) -> tuple[list[int], list[str]]:
    """The positions of the SMILES tokens and these tokens; masks and special tokens are left out."""
    positions = [place for place, token in enumerate(ids) if FIRST_SYMBOL <= token < len(VOCABULARY)]
    return positions, [VOCABULARY[ids[place]] for place in positions]


def pieces(ids: Sequence[int]) -> list[tuple[list[int], list[str]]]:
    """The positions and the tokens of each piece of unfinished ids that can be drawn: atoms and their bonds.

    Neighbouring tokens make a piece; what is open in it, such as a ring without its other end, is left out.
    """
    positions, tokens = body(ids)
    found: list[tuple[list[int], list[str]]] = []
    begin = 0
    for end in range(1, len(positions) + 1):
        if end == len(positions) or positions[end] != positions[end - 1] + 1:
            found += _drawable(positions[begin:end], tokens[begin:end])
            begin = end
    return found


def _drawable(positions: list[int], tokens: list[str]) -> list[tuple[list[int], list[str]]]:
    """A stretch without what is open in it; where that is not a molecule, its longest whole piece, else its atoms."""
    kept = closed(tokens)
    left = [tokens[place] for place in kept]
    if left and read("".join(left))[0] is not None:
        return [([positions[place] for place in kept], left)]
    cut = fragment(tuple(tokens))
    if cut is None:
        return [([positions[at]], [tokens[at].upper()]) for at in atoms(tokens) if tokens[at].isalpha()]
    parts = (slice(0, cut[0]), slice(*cut), slice(cut[1], None))
    before, whole, after = ((positions[part], tokens[part]) for part in parts)
    return [*_drawable(*before), whole, *_drawable(*after)]


def closed(tokens: Sequence[str]) -> list[int]:
    """The places of tokens that stay when what is open is left out: rings and branches without their other end, and
    bonds that lead nowhere.
    """
    opened: list[int] = []
    lost = {place for place, token in enumerate(tokens) if token.isdigit() and tokens.count(token) % 2}
    for place, token in enumerate(tokens):
        if token == "(":
            opened.append(place)
        elif token == ")":
            if opened:
                opened.pop()
            else:
                lost.add(place)
    kept = [place for place in range(len(tokens)) if place not in lost | set(opened)]
    while kept and not is_atom(tokens[kept[0]]):
        kept.pop(0)
    return [
        place
        for at, place in enumerate(kept)
        if tokens[place] not in ("-", "=", "#") or (at + 1 < len(kept) and is_atom(tokens[kept[at + 1]]))
    ]
