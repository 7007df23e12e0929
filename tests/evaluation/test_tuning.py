"""The search for settings: floors, plateaus, and a study that goes on where it stopped."""

import csv
import json
import sys

import pytest

from remdm.cli import main
from remdm.domains import registry
from remdm.evaluation.measurement import Bench, Objective
from remdm.evaluation.sweeps import sweep
from remdm.evaluation.sweeps.samples import Cell
from remdm.evaluation.tuning import search, tuning_analysis
from remdm.evaluation.tuning.search import CONFIRMED, PAPER, Study, file_of
from remdm.views.interval import Interval

GOAL = Objective("right", floors={"distinct": 0.9})


def trial(eta: float, value: float, kept: str = "yes", reach: float = 0.05) -> dict[str, str]:
    made = {
        "goal": value, "goal_low": value - reach, "goal_high": value + reach, "kept": kept, "steps": 16, "samples": 8,
        "forwards": 15, "overrides": f"eta={eta}", "settings": json.dumps({"eta": eta}),
    }  # fmt: skip
    return {name: str(each) for name, each in made.items()}


def test_the_plateau_is_what_reaches_the_best_and_the_refused_are_not_on_it():
    rows = [trial(0.1, 0.5), trial(0.2, 0.58), trial(0.3, 0.6), trial(0.4, 0.57), trial(0.9, 0.99, kept="no")]
    assert tuning_analysis.best_of(GOAL, rows)["overrides"] == "eta=0.3"
    assert tuning_analysis.plateau(GOAL, rows, ["eta"]) == {"eta": (0.2, 0.4)}
    assert tuning_analysis.plateau(GOAL, rows, ["eta"], 0.5) == {"eta": (0.1, 0.4)}
    lower = Objective("distance", lower=True)
    assert tuning_analysis.best_of(lower, rows)["overrides"] == "eta=0.1"
    assert tuning_analysis.plateau(lower, rows, ["eta"]) == {"eta": (0.1, 0.1)}
    assert tuning_analysis.best_of(GOAL, rows[-1:]) is None and tuning_analysis.plateau(GOAL, rows[-1:], ["eta"]) == {}


@pytest.mark.parametrize("domain", registry.NAMES)
@pytest.mark.parametrize("sampler", tuning_analysis.SPACES)
def test_what_is_searched_applies_to_what_a_domain_makes_of_a_sampler(domain, sampler):
    cell_of = registry.measurements()[domain].cell
    knobs = tuning_analysis.searched(sampler, cell_of(sampler, 64).settings.flat())
    for end in (0, 1):
        changed = {name: ends[end] for name, ends in knobs.items()}
        assert changed.items() <= cell_of(sampler, 64, 0, changed).settings.flat().items()


class Toy(type(registry.measurements()["text"])):
    """A measurement whose figure is best at eta 0.1, and whose variety is lost above 0.2."""

    objective = GOAL

    def __init__(self) -> None:
        self.drawn: list[float] = []

    def open(self, args) -> list[Bench]:
        return [Bench("stories", "0", None, lambda cell: [_Draw(self, cell)], lambda cell, groups: groups[0].figures)]


class _Samples:
    def __init__(self, eta: float, count: int) -> None:
        value = 1.0 - abs(eta - 0.1) if eta <= 0.2 else 5.0
        self.figures = {"right": Interval(value, value - 0.01, value + 0.01), "distinct": 1.0 if eta <= 0.2 else 0.1}
        self.count, self.forwards = count, _Mean()

    def __len__(self) -> int:
        return self.count

    def after(self, other: "_Samples | None") -> "_Samples":
        self.count += len(other) if other else 0
        return self


class _Mean:
    def mean(self) -> float:
        return 7.0


class _Draw:
    def __init__(self, toy: Toy, cell: Cell) -> None:
        self.toy, self.eta = toy, cell.settings.values.get("eta", 0.0)

    def __call__(self, first: int, stop: int) -> _Samples:
        self.toy.drawn.append(self.eta)
        return _Samples(self.eta, stop - first)


@pytest.fixture
def study(tmp_path):
    toy = Toy()
    return toy, Study(toy, sweep.bench(toy), 16, 0, 8, tmp_path / file_of(toy.domain), toy.objective)


def test_a_trial_is_drawn_once_and_refused_if_it_lost_its_variety(study):
    toy, made = study
    plain = made.plain()
    assert plain == {"distinct": 1.0}
    cells = [made.cell("remdm-cap", {"eta": eta}) for eta in (0.1, 0.3)]
    kept, refused = (made.measure(cell, "trial", plain) for cell in cells)
    assert (kept["kept"], refused["kept"]) == ("yes", "no")
    assert made.measure(cells[0], "trial", plain) == kept
    assert toy.drawn == [0.0, 0.1, 0.3]
    assert tuning_analysis.merit(GOAL, kept) > tuning_analysis.merit(GOAL, refused)


def test_the_search_finds_the_best_and_goes_on_where_it_stopped(study):
    toy, made = study
    first = search.search(made, "remdm-cap", 12)
    drawn = len(toy.drawn)
    rows = search.search(made, "remdm-cap", 30)
    assert rows[:12] == first and len(toy.drawn) == drawn + 18
    best = tuning_analysis.best_of(GOAL, rows)
    assert abs(json.loads(best["settings"])["eta"] - 0.1) < 0.03
    assert "refused for lost variety" in tuning_analysis.summary(GOAL, rows, "remdm-cap", None, best)


def test_the_command_confirms_the_best_beside_the_papers_values(study, tmp_path, monkeypatch, capsys):
    toy, _ = study
    monkeypatch.setitem(registry.measurements(), "text", toy)
    main(["tune", "text", "--samplers", "remdm-loop", "--steps", "16", "--trials", "6", "--out", str(tmp_path)])
    with (tmp_path / "tuning-text.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["phase"] for row in rows].count("trial") == 6
    fresh = {row["phase"]: row for row in rows if row["seed"] == "1"}
    assert fresh[CONFIRMED]["overrides"] and not fresh[PAPER]["overrides"]
    said = capsys.readouterr().out
    assert "the paper's values" in said and "importance" in said and "alpha_on: as good from" in said


def test_without_optuna_there_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SystemExit):
        main(["tune", "text", "--out", str(tmp_path / "out")])
    assert capsys.readouterr().err.strip().endswith("run `pip install 'optuna>=4'`")
    assert not (tmp_path / "out").exists()
