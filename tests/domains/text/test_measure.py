"""The evaluation command: cells that resume, figures with their intervals, rows and tables."""

import argparse
import csv
import itertools
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers import models as token_models

from remdm.domains.text import measure, scores, storyworld
from remdm.domains.text import tables as table
from remdm.domains.text.domain import SPECIALS
from remdm.domains.text.storyworld import lines
from remdm.domains.text.storyworld.lexicon import GENDER
from remdm.domains.text.train import story_tokenizer
from remdm.evaluation.metrics.statistics import wilson
from remdm.evaluation.sweeps import results, samples, sweep
from remdm.evaluation.sweeps.samples import Cell, Free, fill, load, variants
from remdm.models.checkpoints import save_embedded
from remdm.models.ideal import IdealDenoiser, letters
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.runs.request import run_seed
from remdm.sampling import transition
from remdm.sampling.denoiser import Denoiser

LENGTH = lines.LENGTH


def story_rows(count: int) -> list[list[str]]:
    return [lines.lay_out(storyworld.generate(seed).sentences) for seed in range(count)]


def story_row(words) -> list[str]:
    return lines.lay_out([words])


# Cells


def test_an_interrupted_cell_goes_on_where_it_stopped(tmp_path):
    cell, language = Cell("remdm-cap", 12), letters()
    whole = fill(Free(language, cell, 5), 10, tmp_path / "whole.npz", batch=4)
    ticks = 0

    def stop(size: int) -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 12 + 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill(Free(language, cell, 5), 10, tmp_path / "cut.npz", batch=4, tick=stop)
    assert len(load(tmp_path / "cut.npz")) == 4
    drawn = []
    resumed = fill(Free(language, cell, 5), 10, tmp_path / "cut.npz", batch=4, tick=drawn.append)
    assert sum(drawn) == 6 * 12
    assert (resumed.tokens == whole.tokens).all() and (resumed.forwards == whole.forwards).all()
    assert (load(tmp_path / "cut.npz").tokens == whole.tokens).all()


def test_more_samples_begin_with_those_there_were(tmp_path):
    cell, language = Cell("remdm-loop", 20, seed=3), letters()
    few = fill(Free(language, cell, 5), 5, tmp_path / "few.npz", batch=4)
    many = fill(Free(language, cell, 5), 9, tmp_path / "few.npz", batch=3)
    assert len(many) == 9 and (many.tokens[:5] == few.tokens).all()
    assert (fill(Free(language, cell, 5), 9, tmp_path / "new.npz", batch=9).tokens == many.tokens).all()
    assert len(fill(Free(language, cell, 5), 2, tmp_path / "few.npz")) == 9
    assert len({tuple(row) for row in many.tokens}) > 1


def test_sample_k_is_run_k_of_the_sample_command():
    assert Cell("mdlm", 8, seed=7).seeds(2, 4) == (run_seed(7, 2), run_seed(7, 3))


def test_cells_of_other_settings_have_other_files(monkeypatch):
    asked = [
        Cell("remdm-cap", 8), Cell("remdm-cap", 16), Cell("remdm-cap", 8, 1), Cell("mdlm", 8),
        Cell("remdm-cap", 8, 0, (("eta", 0.02),)), Cell("remdm-cap", 8, 0, (("eta", 0.02), ("nucleus_p", 1))),
    ]  # fmt: skip
    files = [cell.file for cell in asked]
    assert len(set(files)) == len(files)
    monkeypatch.setattr(samples, "settings", lambda sampler, steps, **given: SimpleNamespace(flat=lambda: {"eta": 0.5}))
    assert asked[0].file != files[0]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ([], [()]),
        (["remdm-loop:eta=0.1"], [()]),
        (["remdm-cap:eta=0.02", "remdm-cap:eta=0.1"], [(("eta", 0.02),), (("eta", 0.1),)]),
        (["all:nucleus_p=1", "remdm-cap:eta=0.1"], [(("eta", 0.1), ("nucleus_p", 1))]),
        (["all:nucleus=keep,nucleus_p=1", "remdm-cap:nucleus_p=0.5"], [(("nucleus", "keep"), ("nucleus_p", 0.5))]),
        (["remdm-cap:", "remdm-cap:eta=0.1"], [(), (("eta", 0.1),)]),
    ],
)
def test_variants_of_a_sampler(changes, wanted):
    assert variants(changes, "remdm-cap") == wanted


def test_a_number_has_one_spelling():
    made = [
        Cell("remdm-cap", 8, 0, variants([change], "remdm-cap")[0])
        for change in ("all:nucleus_p=1", "all:nucleus_p=1.0")
    ]
    assert made[0].file == made[1].file and "nucleus_p=1.0" in made[0].file
    assert made[0].file == Cell("remdm-cap", 8, 0, (("nucleus_p", 1.0),)).file


@pytest.mark.parametrize("change", ["all:steps=3", "remdm-cap:force=1", "remdm-cap:eta=lots"])
def test_a_change_of_what_is_not_a_setting_is_refused(change):
    with pytest.raises(ValueError, match="--set"):
        variants([change], "remdm-cap")


@pytest.mark.parametrize("change", ["eta=0.1", "cap:eta=0.1", "remdm-cap:eta", "remdm-cap:=1"])
def test_a_change_of_another_form_is_refused(change):
    with pytest.raises(ValueError, match="--set takes"):
        variants([change], "remdm-cap")


# Figures


def test_the_world_is_perfect_and_a_planted_word_is_counted_by_kind():
    rows = story_rows(8)
    place = next(i for i, word in enumerate(rows[0]) if word == ".")
    rows[0][place - 1] = ","
    made = scores.correctness(rows)
    assert (made["perfect"].value, made["perfect"].high) == (7 / 8, pytest.approx(0.9776, abs=1e-3))
    assert made["perfect"].low == pytest.approx(0.5291, abs=1e-3)
    assert made["correct"].value < 1 and made["correct"].low <= made["correct"].value <= made["correct"].high
    kinds = sum(made[f"errors_{kind}"] for kind in scores.KINDS)
    assert kinds == pytest.approx(made["errors"].value) and kinds > 0
    assert scores.correctness(story_rows(8))["errors"].value == 0


def test_a_sentence_that_reads_well_may_still_be_wrong():
    story = storyworld.generate(0)
    hero, other = story.state["hero"], next(name for name in GENDER if name not in story.words and name.istitle())
    last = max(place for place, word in enumerate(story.words) if word == hero)
    made = scores.correctness([story_row([*story.words[:last], other, *story.words[last + 1 :]])])
    assert made["grammatical"].value == 1 and 0 < made["correct"].value < 1


@pytest.mark.parametrize("place", [0, LENGTH - 1])
def test_words_outside_the_story_spoil_it(place):
    rows = story_rows(1)
    rows[0][place] = "pond"
    made = scores.correctness(rows)
    assert made["perfect"].value == 0 and made["errors"].value == 1


def test_nothing_but_padding_is_no_perfect_story():
    made = scores.correctness([["<bos>", "<eos>"] + ["<pad>"] * (LENGTH - 2)])
    assert made["perfect"].value == 0 and made["correct"].value == 0


def test_the_interval_of_the_state_entropy():
    reports = [SimpleNamespace(plot=plot, key=None, state={}) for plot in ("a", "a", "a", "b")]
    mean = 0.562335 / 3  # of -(3/4 log 3/4 + 1/4 log 1/4) and twice nothing
    interval = scores._state_entropy(reports, mean)
    reach = 1.959964 * (0.75 * 0.25 * np.log(3) ** 2 / 4) ** 0.5 / 3
    assert (interval.low, interval.high) == (pytest.approx(mean - reach), pytest.approx(mean + reach))


class Forgetful(Denoiser):
    """Sees nothing of what was written: carry-over turned off."""

    timed = False

    def __init__(self, language: IdealDenoiser) -> None:
        self.language, self.mask_id = language, language.mask_id

    def __call__(self, tokens, rows, t):
        return self.language(torch.full_like(tokens, self.mask_id), rows, t)


def sentences(denoiser, cell: Cell) -> scores.Interval:
    tokenizer = story_tokenizer()
    tokens = Free(denoiser, cell, LENGTH)(0, 10).tokens
    return scores.correctness([[tokenizer.id_to_token(token) for token in row] for row in tokens.tolist()])["perfect"]


def test_a_sampler_without_carry_over_tells_worse_stories():
    known = story_tokenizer().get_vocab()
    language = IdealDenoiser(torch.tensor([[known[word] for word in row] for row in story_rows(3)]), len(known), 0)
    assert sentences(language, Cell("mdlm", 256)).low > sentences(Forgetful(language), Cell("mdlm", 256)).high


def orders(denoiser, cell: Cell, count: int = 50) -> scores.Interval:
    """The share of sequences that have each of five letters once, in a language of all their orders."""
    tokens = Free(denoiser, cell, 5)(0, count).tokens
    return wilson(sum(len(set(row)) == 5 for row in tokens.tolist()), count)


@pytest.mark.parametrize("broken", ["sigma above the bound", "no carry-over"])
def test_a_deliberately_broken_sampler_is_measured_as_worse(broken, monkeypatch):
    language = IdealDenoiser(torch.tensor(list(itertools.permutations(range(5)))), 6, 5)
    cell = Cell("remdm-cap", 32, 0, (("eta", 0.2), ("nucleus_p", 1.0)))
    right = orders(language, cell)
    if broken == "no carry-over":
        wrong = orders(Forgetful(language), cell)
    else:  # half of what is decoded goes at every step, also where nothing may go any more
        monkeypatch.setattr(transition, "bounded", lambda sigma, step: 0.5)
        wrong = orders(language, cell)
    assert right.low > wrong.high, (right, wrong)


# Results file


def test_the_last_row_of_a_cell_counts_and_no_row_is_written_twice(tmp_path):
    path, columns = tmp_path / "out" / "results.csv", (*results.KEY, "samples")
    row = dict.fromkeys(columns, "x")
    assert results.append(path, row, columns) and not results.append(path, row, columns)
    assert results.append(path, row | {"steps": "y"}, columns) and results.append(path, row | {"samples": "z"}, columns)
    assert [(each["steps"], each["samples"]) for each in results.read(path)] == [("x", "z"), ("y", "x")]
    assert len(path.read_text(encoding="utf-8").splitlines()) == 4
    with pytest.raises(ValueError, match="other columns"):
        results.append(path, row, columns[:-1])


def test_an_interval_takes_three_columns():
    made = results.flat({"n": 3, "x": scores.Interval(0.5, 0.25, 0.75), "y": 1 / 3, "z": None})
    assert made == {"n": "3", "x": "0.5", "x_low": "0.25", "x_high": "0.75", "y": "0.333333", "z": ""}


# Command


@pytest.fixture
def stories(tmp_path):
    tokenizer = story_tokenizer()
    network = PlainTransformer(TransformerConfig(tokenizer.get_vocab_size(), LENGTH, width=8, depth=1, heads=2))
    save_embedded(tmp_path / "tiny", network, tokenizer, 0, {})
    return tmp_path / "tiny"


@pytest.fixture
def prose(tmp_path):
    tokenizer = Tokenizer(token_models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=list(SPECIALS), show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip
    tokenizer.train_from_iterator(["the people of this nation"], trainer)
    network = PlainTransformer(TransformerConfig(tokenizer.get_vocab_size(), LENGTH, width=8, depth=1, heads=2))
    save_embedded(tmp_path / "speech", network, tokenizer, 0, {})
    return tmp_path / "speech"


class CountingJudge:
    def __init__(self) -> None:
        self.read = 0

    def nll(self, printed: list[str]) -> list[tuple[float, int]]:
        self.read += len(printed)
        return [(2.0 * len(each.split()), len(each.split())) for each in printed]

    def features(self, printed: list[str]) -> np.ndarray:
        self.read += len(printed)
        return np.array([[len(each), each.count(".")] for each in printed], np.float32)


@pytest.fixture
def judge(monkeypatch):
    made = CountingJudge()
    monkeypatch.setattr(measure, "_judge", lambda: made)
    return made


def command(folder, *more: str) -> None:
    parser = argparse.ArgumentParser()
    sweep.add_arguments(parser, measure.MEASUREMENT)
    where = ["--model", str(folder), "--device", "cpu", "--out", str(folder.parent / "out")]
    sweep.run(parser.parse_args([*where, *more]), measure.MEASUREMENT)


def written(folder) -> list[dict[str, str]]:
    with (folder.parent / "out" / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_command_appends_a_row_a_cell_and_draws_nothing_twice(stories, monkeypatch, capsys):
    asked = (
        "--samplers",
        "mdlm",
        "remdm-cap",
        "data",
        "--steps",
        "4",
        "6",
        "--samples",
        "3",
        "--set",
        "remdm-cap:eta=0.3",
    )
    command(stories, *asked)
    rows = written(stories)
    assert [(row["sampler"], row["steps"], row["overrides"]) for row in rows] == [
        ("data", "0", ""), ("mdlm", "4", ""), ("remdm-cap", "4", "eta=0.3"),
        ("mdlm", "6", ""), ("remdm-cap", "6", "eta=0.3"),
    ]  # fmt: skip
    assert rows[0]["perfect"] == "1" and 0 < float(rows[1]["forwards"]) <= 4
    assert all(len(row["model_hash"]) == 12 and row["samples"] == "3" for row in rows)
    monkeypatch.setattr(samples, "run", None)
    first = capsys.readouterr().out
    command(stories, *asked)
    command(stories, "--table")
    assert written(stories) == rows and capsys.readouterr().out == 2 * first
    assert "| remdm-cap eta=0.3 | 0.0% (0.0 to 56.1) | 0.0% (0.0 to 56.1) |" in first and "--table" in first


def test_more_samples_supersede_the_row(stories, capsys):
    command(stories, "--samplers", "mdlm", "--steps", "4", "--samples", "2")
    command(stories, "--samplers", "mdlm", "--steps", "4", "--samples", "3")
    assert [row["samples"] for row in written(stories)] == ["2", "3"]
    assert "n = 3 samples a cell" in capsys.readouterr().out.split("Printed by")[1]


def test_the_judge_reads_each_sample_once(stories, judge, capsys):
    asked = ("--samplers", "mdlm", "--steps", "4", "--samples", "3", "--judge", "--judge-samples")
    command(stories, *asked, "2")
    command(stories, *asked, "2")
    command(stories, *asked, "3")
    last = written(stories)[-1]
    assert judge.read == 3 and last["judge_samples"] == "3"
    assert float(last["judge_perplexity"]) == pytest.approx(np.exp(2), rel=1e-5)
    assert "SmolLM2" in capsys.readouterr().out


def test_mauve_compares_with_stories_that_are_in_no_row_and_is_not_lost(stories, judge, monkeypatch):
    seen = []

    def compute_mauve(p_features, q_features, **more):
        seen.append((len(p_features), len(q_features), more["mauve_scaling_factor"]))
        return SimpleNamespace(mauve=0.25)

    monkeypatch.setattr(measure.mauve, "NEEDED", ())
    monkeypatch.setitem(sys.modules, "mauve", SimpleNamespace(compute_mauve=compute_mauve))
    asked = ("--samplers", "mdlm", "data", "--steps", "4", "--samples", "3")
    command(stories, *asked, "--mauve", "--mauve-samples", "2")
    assert seen == [(2, 2, 5), (2, 2, 5)] and judge.read == 6
    command(stories, *asked[:-1], "4")
    last = {row["sampler"]: row for row in written(stories)}
    assert all((row["mauve"], row["mauve_samples"], row["samples"]) == ("0.25", "2", "4") for row in last.values())


def test_without_its_packages_mauve_is_one_sentence(stories, monkeypatch):
    monkeypatch.setattr(measure.mauve, "NEEDED", ("no_such_package",))
    with pytest.raises(ValueError, match="MAUVE needs no_such_package, .* run `pip install mauve-text faiss-cpu`"):
        command(stories, "--samplers", "mdlm", "--mauve")
    assert not (stories.parent / "out").exists()


def test_prose_has_no_checker(prose, judge, capsys):
    command(prose, "--samplers", "mdlm", "--steps", "4", "--samples", "2", "--judge")
    row = written(prose)[-1]
    assert row["perfect"] == row["errors_name"] == row["world_entropy"] == ""
    assert float(row["token_entropy"]) > 0 and row["judge_perplexity"]
    assert "Perfect" not in capsys.readouterr().out
    with pytest.raises(ValueError, match="MAUVE against its data is for the story model"):
        command(prose, "--samplers", "mdlm", "--mauve")


def test_held_out_prose_is_a_row_of_its_own(prose, monkeypatch, capsys):
    blocks = np.full((3, 16), 7)
    monkeypatch.setattr(measure.prose, "prepare", lambda folder: SimpleNamespace(heldout=blocks))
    command(prose, "--samplers", "mdlm", "data", "--steps", "4", "--samples", "2")
    assert [row["token_entropy"] for row in written(prose) if row["sampler"] == "data"] == ["0"]
    assert "held-out texts: 0.00" in capsys.readouterr().out
    with pytest.raises(ValueError, match="^There are 3 held-out blocks of prose, so no more"):
        command(prose, "--samplers", "data", "--samples", "4")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--samples", "0"), "samples must"), (("--steps", "0"), "steps must"), (("--seed", "-1"), "seed must"),
        (("--set", "mdlm:eta=0.1"), "eta does not apply"), (("--set", "remdm-cap:eta=7"), "eta must"),
    ],
)  # fmt: skip
def test_what_the_flags_got_wrong_is_said_before_anything_is_drawn(stories, flags, message):
    with pytest.raises(ValueError, match=message):
        command(stories, *flags)
    assert not (stories.parent / "out").exists()


def test_a_cell_with_fewer_samples_says_so():
    figure = table.FIGURES[0]
    row = {"perfect": "0.25", "perfect_low": "0.2", "perfect_high": "0.31", "samples": "64"}
    assert table.cell(row, figure, "64") == "25.0% (20.0 to 31.0)"
    assert table.cell(row, figure, "256") == "25.0% (20.0 to 31.0), n = 64"


def test_without_samples_there_is_no_score(stories):
    model, checkpoint, _ = measure.loaded(str(stories), "cpu")
    nothing = measure.world_stories(checkpoint, 0, 3).first(0)
    with pytest.raises(ValueError, match="no samples"):
        scores.score(nothing, model, checkpoint)
