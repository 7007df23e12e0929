"""Tables repeated on tiny files: the whole way from flags to the printed table, twice from one folder."""

import json

import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel

from remdm.cli import main
from remdm.evaluation import needed
from remdm.evaluation.metrics.judge import Judge
from remdm.evaluation.sweeps.samples import Samples, load
from remdm.hub.text import read_tokenizer
from remdm.studies.reproduce import experiment, llada, openwebtext
from remdm.studies.reproduce.experiment import Fitting
from remdm.studies.reproduce.public_files import gpt2_folder
from remdm.studies.reproduce.tables import TABLES


def table(capsys, *flags):
    main(["reproduce", *map(str, flags)])
    return capsys.readouterr().out


def test_a_text_table_is_drawn_judged_and_printed_next_to_the_papers(capsys, tmp_path):
    flags = ("owt-table1", "--stand-in", "--columns", 128, "--samplers", "mdlm", "remdm-cap", "--out", tmp_path)
    first = table(capsys, *flags)
    for name in ("MDLM", "ReMDM (cap 0.04)"):
        assert first.count(f"| {name}, paper |") >= 3 and first.count(f"| {name}, here |") >= 3
    assert "| MDLM, paper | 61.5 | 55.8 | 53.0 |" in first
    (row,) = [line for line in first.splitlines() if line.startswith("| ReMDM (cap 0.04), here | ") and " to " in line][
        :1
    ]
    assert float(row.split("|")[2].split()[0]) > 1
    files = sorted((tmp_path / "samples").rglob("*.npz"))
    times = [file.stat().st_mtime_ns for file in files]
    assert len(files) == 2 and all(len(load(file).judged) == 6 for file in files)
    assert table(capsys, *flags) == first and [file.stat().st_mtime_ns for file in files] == times


@pytest.mark.parametrize(
    ("name", "figure", "more"),
    [
        ("imagenet-table2", "| FID |", ("--columns", 16)),
        ("countdown-table3", "| pass@1, % |", ("--samples", 2, "--seeds", 0)),
        ("truthfulqa", "| ROUGE-L |", ("--samples", 1, "--seeds", 0)),
        ("qm9-figure4", "Neither the paper's QM9 model", ("--samples", 4, "--columns", 5)),
        ("precision", "| MDLM, 32-bit noise, here |", ("--columns", 1024, "--samples", 2)),
    ],
)
def test_every_other_table_runs_the_whole_way(capsys, tmp_path, name, figure, more):
    made = table(capsys, name, "--stand-in", *more, "--out", tmp_path)
    assert figure in made and "NFE a sample" in made and ", here |" in made


def test_the_plan_names_files_sizes_nfe_and_hours(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("REMDM_CHECKPOINTS", str(tmp_path))
    made = table(capsys, "owt-table1", "--dry-run", "--columns", 128, "--samplers", "remdm-cap")
    assert "kuleshov-group/mdlm-owt" in made and "680 MB to fetch" in made and "3.2 GB to fetch" in made
    assert "| ReMDM (cap 0.04) | T = 128 | remdm-cap | 128 | 640,000 | 0.3 |" in made
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_one_sentence_before_anything_is_fetched(capsys, monkeypatch):
    monkeypatch.setattr(needed.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(experiment, "get", lambda *about: pytest.fail("fetched"))
    with pytest.raises(SystemExit):
        main(["reproduce", "imagenet-table2"])
    assert "needs torchmetrics, torch_fidelity, not installed here: run `pip install" in capsys.readouterr().err


def test_rows_are_the_papers_and_every_figure_has_a_column():
    for each in TABLES.values():
        for panel in each.panels:
            assert set(panel.published.figures) <= set(each.experiment.figures)
            assert {line.name for line in panel.lines if not line.sampler} <= set(panel.published.rows)
        assert {figure.column for figure in each.experiment.figures.values()} <= set(each.experiment.columns)


def test_the_papers_judge_scores_all_but_the_first_token_and_repeated_ends(tmp_path):
    gpt2_folder(tmp_path)
    judge = Judge.published(tmp_path, "tiny")
    text = "ab<|endoftext|>cd<|endoftext|>e"
    ids = judge.encode(text)
    assert ids.count(judge.end_id) == 2 and len(ids) == 7
    model = GPT2LMHeadModel.from_pretrained(tmp_path)
    row = [*ids, judge.end_id]  # the padding's first end mark, which repeats one here
    with torch.inference_mode():
        log_p = model(torch.tensor([row])).logits[0].log_softmax(-1)
    counted = [place for place in range(1, len(row)) if row[place] != judge.end_id or place == ids.index(judge.end_id)]
    expected = -sum(float(log_p[place - 1, row[place]]) for place in counted)
    (nats, count), (_, shorter) = judge.nll([text, "abc"])
    assert count == len(counted) == 5 and nats == pytest.approx(expected, rel=1e-4)
    assert shorter == 3  # b, c, and the end behind them


def test_blocks_are_framed_by_ends_and_drop_what_is_left_over(tmp_path, monkeypatch):
    gpt2_folder(tmp_path)
    tokenizer = read_tokenizer(tmp_path / "tokenizer.json")
    monkeypatch.setattr(openwebtext, "TOGETHER", 2)
    (one, two) = openwebtext.blocks(["abcd", "ef", "ghijklmn"], tokenizer, 6)
    end = tokenizer.token_to_id("<|endoftext|>")
    assert one.shape == (2, 6) and two.shape == (2, 6) and (one[:, [0, -1]] == end).all()
    assert tokenizer.decode(one[0, 1:5].tolist()) == "abcd" and one[1, 1] == end


def test_a_countdown_prompt_is_the_tasks_and_its_file_is_read(tmp_path):
    file = tmp_path / "cd3_test.json"
    file.write_text(json.dumps([{"input": "3,5,7,26", "output": ""}]), encoding="utf-8")
    (problem,) = llada.read_problems(file)
    made = llada.prompt(problem)
    assert made.startswith(
        "Question: Using the numbers [44, 2, 54], create an equation that equals 64.\nAnswer:  2*54=108"
    )
    assert made.endswith("[3, 5, 7], create an equation that equals 26.\nAnswer: ")
    file.write_text("[1]", encoding="utf-8")
    with pytest.raises(ValueError, match="must hold objects"):
        llada.read_problems(file)
    assert len(set(llada.made_problems())) > 250


def test_batches_are_halved_until_they_fit():
    asked = []

    def draw(first, stop, tick=None):
        asked.append(stop - first)
        if stop - first > 2:
            raise torch.cuda.OutOfMemoryError("too much")
        rows = np.arange(first, stop)
        return Samples(rows[:, None], rows, rows.astype(float), np.zeros((0, 2)), "float32")

    made = Fitting(draw, 16)(3, 10)
    assert made.tokens[:, 0].tolist() == list(range(3, 10)) and asked[:3] == [7, 3, 1]
    with pytest.raises(torch.cuda.OutOfMemoryError):
        Fitting(_never, 4)(0, 4)


def _never(first, stop, tick=None):
    raise torch.cuda.OutOfMemoryError("too much")
