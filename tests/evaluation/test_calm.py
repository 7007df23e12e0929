"""The settings that a page opens with: the best of those that are calm and keep their variety."""

import json

import numpy as np
import pytest

from remdm.domains.registry import DOMAINS, measurements
from remdm.evaluation.measurement import Bench, Objective
from remdm.evaluation.sweeps.results import read
from remdm.evaluation.sweeps.samples import Cell, Samples
from remdm.evaluation.tuning.calm import CALM, FILE, SEED, Candidate, best_calm, share_sent_back
from remdm.evaluation.tuning.search import Study
from remdm.models.checkpoints import recommended, weights_hash
from remdm.paths import ASSETS, CHECKPOINTS
from remdm.sampling.methods import settings


def candidate(goal, share, kept="yes"):
    row = {"goal": str(goal), "goal_low": str(goal), "goal_high": str(goal), "kept": kept}
    return Candidate(Cell("remdm-cap", 8), row, share)


def test_the_best_calm_one_with_its_variety_wins_and_of_equals_the_calmer():
    wild, narrow = candidate(0.9, 2 * CALM), candidate(0.9, 0.01, kept="no")
    calm, calmer, worse = candidate(0.8, 0.04), candidate(0.8, 0.02), candidate(0.7, 0.01)
    assert best_calm(Objective("valid"), [wild, narrow, calm, calmer, worse]) is calmer
    assert best_calm(Objective("errors", lower=True), [wild, calm, worse]) is worse
    assert best_calm(Objective("valid"), [wild, narrow]) is None


def test_mdlm_sends_nothing_back_and_a_stronger_setting_more():
    domain = DOMAINS["countdown"]
    shares = [
        share_sent_back(domain, domain.models[0], settings(*chosen[:2], **chosen[2]), 3)
        for chosen in (("mdlm", 8, {}), ("remdm-cap", 8, {"eta": 0.1}), ("remdm-cap", 8, {"eta": 0.5}))
    ]
    assert 0 == shares[0] < shares[1] < shares[2] < 1


def test_a_grid_is_measured_by_what_recommends(tmp_path):
    """Molecules are searched for novel ones, and recommended for valid ones."""
    kind = measurements()["molecule"]
    _, goal = kind.opening("qm9")
    assert goal.column != kind.objective.column

    def draw(first, stop):
        return Samples(
            np.zeros((stop - first, 4), np.int32), np.ones(stop - first, np.int32), np.zeros(stop - first),
            np.zeros((0, 2)), "float32",
        )  # fmt: skip

    figures = {"valid": 0.75, "novel": 0.25, "unique": 1.0}
    bench = Bench("toy", "0", None, lambda cell: [draw], lambda cell, drawn: figures)
    row = Study(kind, bench, 8, SEED, 64, tmp_path / FILE, goal).measure(kind.cell("mdlm", 8, SEED, {}), "plain", {})
    assert (row["goal"], json.loads(row["variety"])) == ("0.75", {"novel": 0.25, "unique": 1.0})


@pytest.mark.parametrize(("domain", "name"), [("molecule", "qm9"), ("countdown", "countdown")])
def test_what_is_recommended_is_the_confirmed_row_of_the_file_and_no_worse_than_mdlm(domain, name):
    rows = [row for row in read(ASSETS / "results" / FILE) if row["model"] == name and row["seed"] == str(SEED + 1)]
    rows = [row for row in rows if row["model_hash"] == weights_hash(CHECKPOINTS / name)]
    plain, confirmed = sorted(rows, key=lambda row: row["sampler"] != "mdlm")
    chosen = recommended(name)
    cell = measurements()[domain].cell(chosen.pop("sampler"), chosen.pop("steps"), SEED + 1, chosen)
    assert (confirmed["sampler"], confirmed["overrides"]) == (cell.sampler, cell.changes)
    assert float(confirmed["goal"]) > float(plain["goal"])
    assert dict(DOMAINS[domain].models[0].recommended) == recommended(name)
