"""`remdm gpu` on a machine without a card: its report, what a failure costs, and samples that are scored elsewhere."""

import argparse
import json
import time
import zipfile

import pytest

from remdm.evaluation.sweeps.samples import load
from remdm.studies.gpu import samples, times
from remdm.studies.gpu.command import add_arguments, run
from remdm.studies.gpu.report import Report


def asked(out, *flags):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(["--device", "cpu", "--out", str(out), *flags])


def test_times_go_on_behind_a_failure_and_end_with_the_time(tmp_path, monkeypatch):
    monkeypatch.setattr(times, "rates", lambda device: (1e9, 1e9))
    monkeypatch.setattr(times, "random_case", lambda *_: 1 / 0)
    run(asked(tmp_path, "--parts", "times", "--only", "smiles-32", "countdown"))
    rows = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in rows] == ["rates", "failed", "step"]
    assert rows[1]["why"].startswith("ZeroDivisionError") and rows[2]["over_floor"] > 0
    assert "| smiles-32 | ZeroDivisionError" in (tmp_path / "gpu.md").read_text(encoding="utf-8")
    times.run(asked(tmp_path, "--only", "qm9"), Report(tmp_path), time.monotonic() - 1)
    assert Report(tmp_path).rows[-1]["why"] == "not measured: too little time is left"


def test_samples_are_drawn_packed_and_found_by_evaluate(tmp_path):
    cells = tmp_path / "cells.json"
    cells.write_text(json.dumps([["molecule", "--no-such-flag"],
                                 ["molecule", "--samplers", "mdlm", "--steps", "2", "--samples", "2"]]))  # fmt: skip
    run(asked(tmp_path / "out", "--parts", "samples", "--cells", str(cells)))
    names = [(each["name"], each.get("samples")) for each in Report(tmp_path / "out").rows]
    assert names == [("failed", None), ("samples", 2)]
    run(asked(tmp_path / "results", "--import", str(tmp_path / "out" / samples.ARCHIVE)))
    (found,) = (tmp_path / "results").rglob("*.npz")
    assert found.parts[-4:-2][0] == "samples" and len(load(found)) == 2


@pytest.mark.parametrize("name", ["../x.npz", "samples/../../x.npz", "samples/x.py"])
def test_an_archive_writes_nothing_but_samples(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr(name, b"")
    with pytest.raises(ValueError, match="not a file of samples"):
        samples.unpack(tmp_path / "a.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()
