"""The model of a deployment: queues whose answers are known, and the page that is made of figures."""

import json
from pathlib import Path

import pytest

from remdm.cli import main
from remdm.studies.scale.command import RESULTS
from remdm.studies.scale.report import markdown
from remdm.studies.scale.simulation import WITHIN, Crowd, Replica, Simulation, needed

FLAT = Replica("a core", {1: 0.02, 2: 0.02, 4: 0.02}, 4, 0.05, travel=0.0)
"""Nothing is gained by sharing: c(n) is 0.02 for any n."""


def test_between_measured_numbers_lies_a_straight_line():
    replica = Replica("x", {1: 0.03, 2: 0.02, 4: 0.01}, 8, 0.0)
    assert [replica.period(n) for n in (1, 2, 3, 4, 8)] == pytest.approx([0.03, 0.04, 0.045, 0.04, 0.08])


def test_alone_the_first_step_takes_a_step():
    made = Simulation(FLAT, 1, Crowd(1, steps=10, think=5.0, seconds=60.0)).run()
    assert len(made.first_steps) > 5 and made.first_steps == pytest.approx([0.02] * len(made.first_steps))


def test_runs_of_a_replica_advance_together():
    """Four at once: each first step takes four times as long, and so does each run: 10 steps of 0.08 s."""
    crowd = Crowd(4, steps=10, think=1e9, arrive=1e-9, seconds=1e3)
    made = Simulation(FLAT, 1, crowd).run()
    assert made.first_steps == pytest.approx([0.08] * 4, abs=1e-6)


def test_who_finds_no_room_waits_for_the_first_run_to_end():
    """Four run, one waits for them to end after 10 steps of 0.08 s, and is then alone."""
    made = Simulation(FLAT, 1, Crowd(5, steps=10, think=1e9, arrive=1e-9, seconds=1e3)).run()
    assert max(made.first_steps) == pytest.approx(0.8 + 0.02, abs=1e-6)


def test_runs_go_where_the_fewest_are():
    crowd = Crowd(4, steps=10, think=1e9, arrive=1e-9, seconds=1e3)
    assert Simulation(FLAT, 4, crowd).run().first_steps == pytest.approx([0.02] * 4, abs=1e-6)
    assert sorted(Simulation(FLAT, 2, crowd).run().first_steps) == pytest.approx([0.04] * 4, abs=1e-6)


def test_whoever_has_waited_in_vain_is_counted():
    made = Simulation(FLAT, 1, Crowd(50, steps=1000, think=1.0, seconds=10.0, arrive=1.0)).run()
    assert len(made.first_steps) == 50 and made.quantile() > 8


def test_no_fewer_replicas_would_do():
    crowd = Crowd(60, steps=32, think=10.0)
    replicas, first = needed(FLAT, crowd)
    assert first <= WITHIN < Simulation(FLAT, replicas - 1, crowd).run().quantile()
    assert needed(FLAT, crowd) == (replicas, first), "the same seed gives the same answer"
    with pytest.raises(ValueError, match="no number of replicas would do"):
        needed(Replica("slow", {1: 2.0}, 4, 0.0), crowd)


def figures():
    about = {
        "machine": "2 cores",
        "load_before": 0.1,
        "steps": 64,
        "errors": 0,
        "first_median_ms": 30,
        "first_p95_ms": 50,
        "cpu_ms": 12.0,
    }
    yield from (
        {
            "part": "overhead",
            "engine": engine,
            "threads": 2,
            "idle": 0.1,
            "round": 0,
            "visitors": 8,
            "step_ms": ms,
            **about,
        }
        for engine, ms in (("local", 10.0), ("ray", 10.5))
    )
    yield {"part": "replicas", "replicas": 2, "visitors": 64, "step_ms": 9.0, **about}
    yield from ({"part": "shared", "visitors": n, "step_ms": 20.0, **about} for n in (1, 8))


def test_the_page_says_what_the_figures_say():
    page = markdown(list(figures()), [16], 16, 30.0, 0.05, 3.0)
    assert (
        "| 2 | time passed | 10.00 | 10.50 | +5.0% | +5.0% to +5.0% |" in page
        and "| 2 | 64 | 9.0 | 12.0 | 30 | 50 | 0 |" in page
    )
    assert "| 16 | a CPU core | by and by | 1 |" in page and "an H100" in page


def test_without_figures_there_is_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["scale", "--json", str(tmp_path / "none.json")])
    assert "There are no figures" in capsys.readouterr().err


def test_the_page_of_the_documentation_is_what_the_command_prints():
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8").splitlines()
    printed = markdown(rows, [16, 64], 64, 30.0, 0.05, 3.0).splitlines()
    assert len(printed) > 40 and [line for line in printed if line not in page] == []
