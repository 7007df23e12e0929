"""Molecules that RDKit accepts and cannot write, and those that it refuses without saying which atom is wrong."""

import random

import pytest
from rdkit import Chem

from remdm.domains.molecule import novelty
from remdm.domains.molecule.chemistry import canonical, issues_in, molecule, value
from remdm.domains.molecule.domain import FOLDER, charts, issues, numbers, scene, tile
from remdm.domains.molecule.exports import smiles_file, structures, table
from remdm.domains.molecule.properties import measure
from remdm.domains.molecule.vocabulary import LENGTH, SYMBOLS, VOCABULARY, split
from remdm.runs.tokens import TokenView

UNWRITABLE = ("C1=n(C)-c=[cH-]1", "C1=n(OC)-c=[cH-]1", "[NH2+]C1=n(C)-c=[cH-]1")
"""Molecules to RDKit whose canonical form is none, and that have no place for double bonds."""
SILENT = {"C1=n(C)-c=Cn1": [3], "Cc1#no1": [1]}
"""Refused, though no single check finds anything: with the atoms that are wrong, by their tokens."""
MASK = VOCABULARY.index("<mask>")


def view(tokens):
    ids = [VOCABULARY.index(word) for word in ("<bos>", *tokens, "<eos>")]
    return TokenView(tuple(ids + [VOCABULARY.index("<pad>")] * (LENGTH - len(ids))), MASK)


def everything(tokens):
    """All that the page and the files make of a finished string."""
    shown, text, known = view(tokens), "".join(tokens), novelty.load(FOLDER)
    found = issues(shown)
    scene(shown), tile(shown), numbers([shown])
    assert all(figure.to_json() for figure in charts([shown]).values())
    table([text], known), smiles_file([text]), structures([text])
    return found


@pytest.mark.parametrize("text", UNWRITABLE)
def test_a_molecule_that_cannot_be_written_again_is_counted(text):
    assert Chem.MolFromSmiles(Chem.MolToSmiles(molecule(text))) is None
    assert canonical(text) == text and everything(split(text)) == ()
    found = measure([text, "C", "C1CC1"], novelty.load(FOLDER))
    assert len(found.valid) == 3 and value("qed", text) is None and len(found.values("qed", "valid")) == 2
    rows = table([text], novelty.load(FOLDER)).splitlines()
    assert rows[1].startswith(f"1,{text},yes,yes,{text},1,,")
    assert "V2000" in structures([text]) and "M  END" in structures([text])


@pytest.mark.parametrize("text", SILENT)
def test_what_is_refused_always_has_an_atom_and_our_own_words(text):
    (issue,) = issues_in(tuple(split(text)))
    assert issue.positions == tuple(SILENT[text])
    assert issue.message.endswith("has more bonds than it can have.") and "#" not in issue.message


@pytest.mark.parametrize("seed", range(4))
def test_strings_near_those_are_counted_or_blamed_at_a_token(seed):
    source = random.Random(seed)
    for _ in range(150):
        tokens = split(source.choice((*UNWRITABLE, *SILENT, "c1ccncc1", "N#CC1=CC=CO1")))
        for _ in range(source.randrange(4)):
            place = source.randrange(len(tokens) + 1)
            tokens[place : place + source.randrange(2)] = [source.choice(SYMBOLS)]
        found = everything(tokens)
        assert bool(found) == (molecule("".join(tokens)) is None)
        assert all(issue.positions and "RDKit refuses" not in issue.message for issue in found), "".join(tokens)
