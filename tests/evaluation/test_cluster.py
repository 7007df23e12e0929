"""Sweeps through Ray: the same samples as in one process, whoever draws them and in whatever order they come."""

import pickle
import sys
from types import SimpleNamespace

import pytest

from remdm.cli import main
from remdm.evaluation.sweeps import cluster, results
from remdm.evaluation.sweeps.samples import Cell, Free, Part, batches, fill, load
from remdm.models.ideal import letters


def parts(folder, count=10):
    return [
        Part(folder / cell.file, count, Free(letters(), cell, 5), 6)
        for cell in (Cell("mdlm", 6), Cell("remdm-cap", 6))
    ]  # fmt: skip


class Backwards:
    """Ray's interface in one process: of what was asked for and nobody has waited for, the last is drawn first."""

    def __init__(self, fail_after: int = 10**9) -> None:
        self.drawn, self.sent, self.fail_after, self.asked = [], [], fail_after, {}

    def is_initialized(self) -> bool:
        return True

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2}

    def put(self, value):
        self.sent.append(value)
        return value

    def remote(self, work):
        def later(made, first, stop):
            place = len(self.asked)
            self.asked[place] = lambda: self.drawn.append((first, stop)) or work(made, first, stop)
            return place

        return SimpleNamespace(remote=later)

    def get(self, place):
        if self.fail_after == 0:
            raise KeyboardInterrupt
        self.fail_after -= 1
        for each in sorted(self.asked, reverse=True):
            if callable(self.asked[each]):
                self.asked[each] = self.asked[each]()
        return self.asked[place]


def test_batches_that_come_in_any_order_make_the_same_files(tmp_path):
    ray, steps = Backwards(), []
    made = list(cluster.fill(parts(tmp_path / "ray"), 4, None, steps.append, ray))
    own = [fill(part.draw, part.count, part.path, batch=4) for part in parts(tmp_path / "own")]
    for one, other, part in zip(made, own, parts(tmp_path / "ray"), strict=True):
        assert (one.tokens == other.tokens).all() and (load(part.path).tokens == other.tokens).all()
        assert (one.forwards == other.forwards).all()
    assert ray.drawn != sorted(ray.drawn) and len(ray.sent) == 2 and sum(steps) == 2 * 10 * 6


def test_a_file_that_is_asked_for_twice_is_drawn_once(tmp_path):
    ray, (one, other) = Backwards(), parts(tmp_path, 40)
    first, again, last = cluster.fill([one, one, other], 4, None, lambda steps: None, ray)
    assert (first.tokens == again.tokens).all() and len(first) == len(last) == 40 and len(ray.drawn) == 20
    assert (last.tokens == other.draw(0, 40).tokens).all()


def test_a_stopped_sweep_goes_on_where_it_stopped(tmp_path):
    first = Backwards(fail_after=5)
    with pytest.raises(KeyboardInterrupt):
        list(cluster.fill(parts(tmp_path, 16), 4, None, lambda steps: None, first))
    there = sum(part.there for part in parts(tmp_path, 16))
    assert there == 20
    second = Backwards()
    made = list(cluster.fill(parts(tmp_path, 16), 4, None, lambda steps: None, second))
    assert sum(stop - begin for begin, stop in second.drawn) == 32 - there and len(second.sent) == 1
    whole = fill(parts(tmp_path / "own", 16)[1].draw, 16, tmp_path / "own.npz", batch=4)
    assert (made[1].tokens == whole.tokens).all()


def test_batches_end_at_whole_multiples():
    assert list(batches(0, 10, 4)) == [(0, 4), (4, 8), (8, 10)]
    assert list(batches(5, 9, 4)) == [(5, 8), (8, 9)] and list(batches(9, 9, 4)) == []


def test_without_ray_there_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    asked = ["evaluate", "countdown", "--samplers", "mdlm", "--steps", "4", "--problems", "2", "--ray"]
    with pytest.raises(SystemExit):
        main([*asked, "--out", str(tmp_path)])
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.endswith("run `pip install 'ray>=2.50'`") and not list(tmp_path.rglob("*.csv"))


def test_work_that_is_sent_to_another_process_draws_the_same_samples(tmp_path):
    for part in parts(tmp_path):
        sent = pickle.loads(pickle.dumps(part.draw))
        assert (sent(2, 5).tokens == part.draw(2, 5).tokens).all()


def test_a_file_of_an_earlier_version_gets_the_new_columns(tmp_path):
    path = tmp_path / "results.csv"
    old = {name: name[0] for name in results.KEY}
    assert results.append(path, old, results.KEY)
    assert results.append(path, old | {"steps": "9", "machine": "here"}, (*results.KEY, "machine"))
    assert [row["machine"] for row in results.read(path)] == ["", "here"]
    assert results.read(path)[0]["model"] == "m"


def test_a_figure_that_cost_much_is_not_lost(tmp_path):
    path, columns = tmp_path / "results.csv", (*results.KEY, "samples", "fcd", "fcd_samples")
    cell = {name: name[0] for name in results.KEY}
    results.append(path, cell | {"samples": "8", "fcd": "1.5", "fcd_samples": "8"}, columns)
    assert results.carried(path, cell | {"samples": "9"}, columns[-2:]) == {"fcd": "1.5", "fcd_samples": "8"}
    assert results.carried(path, cell | {"steps": "9"}, columns[-2:]) == {"fcd": "", "fcd_samples": ""}
