"""Molecules: tokens, chemistry, drawing, prompts, measures, and what the shipped model makes."""

import argparse
import re
import threading

import numpy as np
import pytest
import torch
import transformers
from token_views import named

from remdm.domains.molecule import novelty, qm9, vocabulary
from remdm.domains.molecule.chemistry import atoms, canonical, issues_in
from remdm.domains.molecule.domain import (
    BEST,
    DOMAIN,
    QM9,
    Asked,
    denoiser,
    issues,
    scene,
    start,
    text,
    tile,
)
from remdm.domains.molecule.drawing import draw, fragment
from remdm.domains.molecule.exports import smiles_file, structures, table
from remdm.domains.molecule.frontier import Spot, against, frontier, spot, verdict
from remdm.domains.molecule.measure import MEASUREMENT
from remdm.domains.molecule.pieces import pieces
from remdm.domains.molecule.properties import measure
from remdm.domains.molecule.vocabulary import split
from remdm.evaluation.metrics.statistics import wilson
from remdm.evaluation.sweeps.samples import Free, Samples
from remdm.models.checkpoints import ROOT, load_embedded
from remdm.models.network import compute
from remdm.runs.record import record
from remdm.runs.request import RunRequest
from remdm.runs.trace_file import dumps, loads
from remdm.sampling.methods import settings
from remdm.sampling.presets import METHODS
from remdm.views.interval import Interval

# spread over QM9: rings, branches, charges, aromatic N, triple bonds, fluorine
SPELLED = (
    "C", "CC(=O)OC", "c1ccccc1", "C1CC2CC1C2", "[NH3+]CC(=O)[O-]", "C#CC#N", "Cn1cc[nH]c1=O", "FC(F)(F)C1CN1",
    "C1C2C3C4C5C1C23C45", "[O-][n+]1ccno1", "c1c[nH]cn1", "C[NH2+]CC#C", "[C-]#[NH+]", "c1n[n-]c[nH+]1",
)  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint():
    return load_embedded("qm9", compute("cpu"))


# Tokens


def test_the_data_are_a_row_of_molecules_that_training_saw(checkpoint):
    smiles = np.array(["C", "CC", "CCO", "CCN"])
    tokens = vocabulary.encode(smiles.tolist(), checkpoint.tokenizer)
    data = qm9.QM9(smiles, tokens, np.zeros(4, np.int8), np.zeros(4, np.float32), heldout=1, limits={})
    rows = Samples.of_data(data.trained, "molecules", 1, 3).tokens.tolist()
    assert [text(row, checkpoint) for row in rows] == ["CCO", "CCN"]
    with pytest.raises(ValueError, match="^There are 3 molecules, so no more can be asked for$"):
        Samples.of_data(data.trained, "molecules", 0, 4)


def test_the_data_have_no_row_under_a_property():
    with pytest.raises(ValueError, match="^The data have no guidance; leave --property out"):
        MEASUREMENT.open(argparse.Namespace(property="rings", samplers=["mdlm", "data"]))


def test_tokens_of_a_molecule_come_back_as_its_smiles(checkpoint):
    inside = [each for each in SPELLED if all(token in vocabulary.SYMBOLS for token in split(each))]
    assert len(inside) >= 12
    for each, row in zip(inside, vocabulary.encode(inside, checkpoint.tokenizer), strict=True):
        assert text(row.tolist(), checkpoint) == each
        assert checkpoint.tokenizer.encode(each).tokens == split(each)


def test_the_tokenizer_file_is_one_that_transformers_reads():
    made = transformers.PreTrainedTokenizerFast(tokenizer_file=str(ROOT / "qm9" / "tokenizer.json"))
    assert made.convert_ids_to_tokens(made.encode("C[nH]c1", add_special_tokens=False)) == ["C", "[nH]", "c", "1"]


def test_unknown_tokens_are_not_encoded(checkpoint):
    with pytest.raises(ValueError, match="unknown Cl"):
        vocabulary.encode(["CCl"], checkpoint.tokenizer)
    with pytest.raises(ValueError, match="31 tokens"):
        vocabulary.encode(["C" * 31], checkpoint.tokenizer)


# Chemistry


@pytest.mark.parametrize(
    ("smiles", "places", "kind"),
    [
        ("CC(C)(C)(C)C", (1,), "valence"),
        ("C[nH]C", (1,), "aromaticity"),
        ("c1cccc1", (0, 2, 3, 4, 5), "aromaticity"),
        ("C1CC", (1,), "ring"),
        ("C12CC1", (2,), "ring"),
        ("C1C1", (1, 3), "ring"),
        ("CC)C", (2,), "branch"),
        ("C(C(C)", (1,), "branch"),
        ("C=#C", (2,), "syntax"),
        ("[NH3+]C(", (2,), "syntax"),
        ("", (), "empty"),
    ],
)
def test_the_tokens_that_rdkit_blames(smiles, places, kind):
    (found,) = issues_in(tuple(split(smiles)))
    assert (found.positions, found.kind) == (places, kind)


@pytest.mark.parametrize("smiles", [each for each in SPELLED if canonical(each) is not None])
def test_molecules_have_no_issues_and_every_atom_its_place_in_the_drawing(smiles):
    assert issues_in(tuple(split(smiles))) == ()
    made = draw(smiles)
    assert len(made.atoms) == len(atoms(split(smiles)))
    assert "<script" not in made.svg
    assert "#000000" not in made.svg


def test_a_fragment_is_the_longest_stretch_that_is_whole():
    tokens = tuple(split(")C(=O)N1CC1("))
    assert fragment(tokens) == (1, 11)
    assert fragment(tuple(split("C1=("))) is None


# Measures


@pytest.fixture(scope="module")
def few():
    """A QM9 of two molecules."""
    return novelty.Known(
        np.sort(novelty.hashes(["CCO", "C1CC1"])), np.array([1, 1]), np.zeros(32), {"rings": 3, "qed": 0.5}
    )


def test_measures_of_a_set_made_by_hand(few):
    found = measure(["CCO", "OCC", "C1CC1C", "CC1CC1", "CN", "C1CC", "", "C1CC1"], few)
    assert found.total == 8
    assert found.valid == ("CCO", "CCO", "CC1CC1", "CC1CC1", "CN", "C1CC1")
    assert found.unique == ("CCO", "CC1CC1", "CN", "C1CC1")
    assert found.novel == ("CC1CC1", "CN")
    assert found.novel_strings == 4, "the paper counts OCC and both spellings of CC1CC1"
    assert found.mean("rings") == 0.5
    assert measure([], few).mean("rings") is None


def test_hashes_survive_the_file(tmp_path):
    data = qm9.QM9(
        np.array(SPELLED), np.zeros((14, 32)), np.arange(14), np.linspace(0, 0.7, 14), 0, {"rings": 3.0, "qed": 0.5}
    )
    novelty.save(tmp_path, data)
    made = novelty.load(tmp_path)
    assert made.holds(SPELLED).all()
    assert not made.holds(["CCCCCC", "N"]).any()
    assert made.rings.sum() == made.qed.sum() == 14


def test_files_have_every_sample_with_its_reason(few):
    strings = ["CC1CC1", "C1CC", "CCO"]
    lines = table(strings, few).splitlines()
    assert lines[1].startswith("1,CC1CC1,yes,yes,CC1CC1,1,")
    assert lines[2].startswith("2,C1CC,no,") and "never closed" in lines[2]
    assert lines[3].startswith("3,CCO,yes,no,")
    assert smiles_file(strings) == "CC1CC1 sample-1\nCCO sample-3\n"
    assert structures(strings).count("$$$$") == 2


# The domain


def view(smiles, length=32, end=True):
    words = ["<bos>", *(None if token == "_" else token for token in split(smiles)), *(["<eos>"] if end else [])]
    return named(words + ["<pad>" if end else None] * (length - len(words)), vocabulary.VOCABULARY)


def test_a_whole_molecule_is_drawn_and_its_tokens_know_their_atoms():
    made = scene(view("CC(=O)N1CC1"))
    assert made["state"] == "whole"
    assert [at[0] for at in made["atoms"]] == [1, 2, 5, 7, 9, 10]
    assert made["near"][8] == 3, "the ring number belongs to N"
    assert (made["rings"], 0 < made["qed"] < 1) == (1, True)
    assert issues(view("CC(=O)N1CC1")) == ()


def test_an_unfinished_one_shows_only_what_is_whole():
    made = scene(view("CC(=O_", end=False))
    assert (made["state"], made["smiles"]) == ("open", "CC=O")
    assert [at[0] for at in made["atoms"]] == [1, 2, 5]
    assert issues(view("CC(=O_", end=False)) == ()
    assert pieces(view("c1__N", end=False).ids) == [([1], ["C"]), ([5], ["N"])]
    assert "svg" not in scene(named([None] * 32, vocabulary.VOCABULARY))


def test_a_wrong_one_is_marked_where_it_is_wrong():
    wrong = view("CC(C)(C)(C)C")
    made = scene(wrong)
    assert (made["state"], made["blamed"]) == ("wrong", [2])
    assert [issue.positions for issue in issues(wrong)] == [(2,)]
    assert "data-blamed" in tile(wrong)
    piece = scene(view("C1CC"))
    assert (piece["state"], piece["piece"], [at[0] for at in piece["atoms"]]) == ("wrong", True, [1, 3, 4])


def test_tiles_hatch_what_is_masked():
    assert tile(view("C_C_")).count("<i></i>") == 2
    assert "<svg" in tile(view("CCO"))


def test_prompts(checkpoint):
    vocab = checkpoint.tokenizer.get_vocab()
    made = start("C1C_C1", 32, checkpoint).tolist()
    assert made[:8] == [vocab[x] for x in ("<bos>", "C", "1", "C", "<mask>", "C", "1", "<eos>")]
    assert set(made[8:]) == {vocab["<pad>"]}
    assert start("[nH]1_...", 32, checkpoint).tolist()[4:] == [vocab["<mask>"]] * 28
    assert (start(" ", 32, checkpoint) == checkpoint.mask_id).all()


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        ("CCl", "“Cl” is not a SMILES token"),
        ("hello", "“h” is not a SMILES token"),
        ("<pad>", "“<” is not a SMILES token"),
        ("C" * 33, "33 tokens, but there is room for 31"),
        ("C" * 29 + "__", "31 tokens, but there is room for 30"),
        ("C)C", "branch closes before it opens"),
        ("=C...", "begins with an atom"),
    ],
)
def test_bad_prompts_are_refused_with_one_sentence(checkpoint, prompt, why):
    with pytest.raises(ValueError, match=re.escape(why)):
        start(prompt, 32, checkpoint)


def test_what_is_asked_is_checked():
    with pytest.raises(ValueError, match="property must be one of none, rings, qed"):
        Asked("weight")
    with pytest.raises(ValueError, match="guidance_scale must lie between 0 and 10"):
        Asked(guidance_scale=11)


@pytest.mark.parametrize("name", list(BEST))
def test_settings_for_qm9_can_be_built(name):
    sampler, changes = BEST[name]
    chosen = MEASUREMENT.cell(sampler, 32, changes=changes).settings
    assert chosen.truncation.nucleus_p == changes.get("nucleus_p", 1.0)


# The shipped model


def test_labels_stand_before_the_sequence_and_are_never_drawn(checkpoint):
    tokens = torch.full((2, 32), checkpoint.mask_id)
    rows = torch.ones_like(tokens, dtype=torch.bool)
    free, many = (denoiser(checkpoint, Asked(name))(tokens, rows, 1.0) for name in ("none", "rings"))
    vocab = checkpoint.tokenizer.get_vocab()
    for log_x in (free, many):
        assert log_x.shape == (64, checkpoint.tokenizer.get_vocab_size())
        assert (log_x[:, [vocab[label] for label in vocabulary.LABELS]] == -torch.inf).all()
    assert many.exp()[:, vocab["3"]].sum() > 2 * free.exp()[:, vocab["3"]].sum(), "more rings, more ring numbers"


def test_guidance_scales_of_the_model(checkpoint):
    tokens = torch.full((1, 32), checkpoint.mask_id)
    rows = torch.ones_like(tokens, dtype=torch.bool)
    at = {scale: denoiser(checkpoint, Asked("qed", "D-CFG", scale))(tokens, rows, 1.0) for scale in (0.0, 1.0, 2.0)}
    assert torch.equal(at[0.0], denoiser(checkpoint, Asked())(tokens, rows, 1.0))
    mixed = (2 * at[1.0] - at[0.0]).masked_fill(at[1.0] == -torch.inf, -torch.inf).log_softmax(-1)
    torch.testing.assert_close(at[2.0], mixed)


@pytest.mark.slow
def test_the_model_writes_molecules(checkpoint):
    """Nearly nine of ten are valid with the settings that the tab opens with."""
    sampler, changes = next(iter(BEST.values()))
    opens = QM9.defaults
    assert {**changes, "sampler": sampler} == {name: opens[name] for name in (*changes, "sampler")}
    cell = MEASUREMENT.cell(sampler, opens["steps"], 3, changes)
    tokens = Free(denoiser(checkpoint, Asked()), cell, 32)(0, 48).tokens
    found = spot("", Asked("rings"), tokens)
    assert found.samples == 48
    valid = [text(row, checkpoint) for row in tokens.tolist()]
    assert sum(canonical(each) is not None for each in valid) >= 0.85 * 48


@pytest.mark.slow
def test_guidance_moves_the_property(checkpoint):
    def rings(count, *asked):
        cell = MEASUREMENT.cell("mdlm", 8, 5)
        tokens = Free(denoiser(checkpoint, Asked(*asked)), cell, 32)(0, count).tokens
        return np.mean([sum(token.isdigit() for token in split(text(row, checkpoint))) / 2 for row in tokens.tolist()])

    free = rings(16)
    assert rings(16, "rings", "D-CFG", 3.0) > free + 0.5
    assert rings(2, "rings", "D-CBG", 3.0) > free + 0.5


def test_the_frontier_says_who_is_ahead():
    def at(name, novel, mean, scale=1.0):
        return Spot(name, scale, 1000, wilson(round(1000 * novel), 1000), Interval(mean, mean - 0.1, mean + 0.1))

    plain = at("mdlm", 0.3, 4.0)
    assert against(at("x", 0.4, 4.0), plain) == against(at("x", 0.31, 4.5), plain) == 1
    assert against(at("x", 0.31, 3.9), plain) == 0 and against(at("x", 0.2, 4.0), plain) == -1
    assert against(at("x", 0.4, 3.5), plain) is None
    said = verdict([plain, at("remdm-loop", 0.4, 4.0), at("remdm-loop", 0.9, 4.0, 3.0)])
    assert said.startswith("With our model ReMDM-loop is ahead of MDLM at γ = 1. Ahead:")
    late = [at(name, 0.3, 4.0, scale) for scale in (5.0, 2.0) for name in ("mdlm", "remdm-loop")]
    assert "level with MDLM at γ = 2, 5." in verdict(late)


def test_a_guided_run_is_recorded_with_what_was_asked(checkpoint):
    chosen = settings("remdm-loop", 8, nucleus_p=1.0)
    order = RunRequest(DOMAIN, QM9, "c1cc_...", 32, chosen, 1, asked=Asked("rings", "D-CFG", 2.0))
    trace = record(order)
    assert trace.run["asked"] == {"property": "rings", "guidance": "D-CFG", "guidance_scale": 2.0}
    assert trace.text.startswith("c1cc")
    assert loads(dumps(trace)).text == trace.text
    assert dumps(record(order)) == dumps(trace)


def test_the_frontier_counts_and_stops(checkpoint):
    halt, cells = threading.Event(), {"MDLM": MEASUREMENT.cell("mdlm", 4)}
    steps = list(frontier(checkpoint, Asked("rings"), cells, [0.0, 1.0], 40, halt))
    assert [sum(s.samples for s in found) for found in steps] == [32, 64, 72, 80]
    halt.set()
    assert list(frontier(checkpoint, Asked("rings"), cells, [1.0], 40, halt)) == []
    with pytest.raises(ValueError, match="at least one sampler"):
        next(frontier(checkpoint, Asked("rings"), {}, [1.0], 40, halt))
    assert METHODS
