"""Which score finds a wrong word."""

import re
from types import SimpleNamespace

import pytest

from remdm import cli
from remdm.domains.countdown.domain import COUNTDOWN
from remdm.models.network import compute
from remdm.runs import trace
from remdm.studies import doubt


def test_each_score_gets_its_share(capsys):
    cli.main(["doubt", "countdown", "--samples", "6", "--steps", "2", "--device", "cpu"])
    told = capsys.readouterr().out
    scores = {name: float(value) for name, value in re.findall(r"^(\w+) +AUC (\S+)$", told, re.MULTILINE)}
    headed = COUNTDOWN.load(compute("cpu")).denoiser.scored
    assert list(scores) == ["psi", "visible", "hidden", *(["head"] if headed else [])]
    assert all(0 <= value <= 1 for value in scores.values())
    assert "countdown: 6 texts, MDLM, T = 2, seed 0: 66 words" in told


def test_psi_is_that_of_the_token_that_stands():
    frames = [((1, 5, 0.25),), ((1, 6, 0.75), (2, 7, 0.5))]
    made = trace.Trace({}, 3, 0, (9, 0, 0), {}, tuple(
        trace.Frame(0.5, 0.4, 0.5, 0.6, 0.5, "draft", decoded, (), b"", 1) for decoded in frames
    ), "")  # fmt: skip
    assert doubt.when_written(made).tolist() == [1.0, 0.75, 0.5]


def test_where_nothing_is_wrong_nothing_is_found(monkeypatch, capsys):
    monkeypatch.setattr(doubt, "judge", lambda prepared, ids: SimpleNamespace(
        words=(7,), wrong=frozenset(), visible=[1.0] * 17, hidden=[1.0] * 17))  # fmt: skip
    with pytest.raises(SystemExit):
        cli.main(["doubt", "countdown", "--samples", "1", "--steps", "2", "--device", "cpu"])
    assert "No word was wrong" in capsys.readouterr().err
