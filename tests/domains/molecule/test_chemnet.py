"""The ChemNet distance, an extra that the app does without."""

import numpy as np
import pytest
import torch

from remdm.cli import main
from remdm.domains.molecule import chemnet
from remdm.evaluation.metrics.frechet import moments


def test_without_its_package_the_chemnet_distance_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(chemnet, "NEEDED", ("no_such_package",))
    with pytest.raises(SystemExit):
        main(["evaluate", "molecule", "--fcd", "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err.strip()
    assert "needs no_such_package" in said and said.endswith("run `pip install fcd==1.2.2`")
    assert not (tmp_path / "out").exists()


def test_the_chemnet_distance_grows_as_molecules_differ(monkeypatch):
    rng = np.random.default_rng(0)
    seen = {name: torch.from_numpy(rng.normal(shift, 1, (400, 6)).astype(np.float32))
            for name, shift in (("held out", 0), ("like it", 0), ("other", 1))}  # fmt: skip
    monkeypatch.setattr(chemnet, "features", lambda smiles: seen[smiles[0]])
    monkeypatch.setattr(chemnet, "reference", lambda: moments(seen["held out"]))
    near, far = (chemnet.distance([name, name]) for name in ("like it", "other"))
    assert near < 0.2 and far == pytest.approx(6, rel=0.2)
    assert chemnet.distance(["C"]) is None
