"""What is kept next to the recorded runs is what the checker would say of them today, and what would be drawn."""

import base64
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from remdm.app import recordings
from remdm.app.learn import recorded
from remdm.app.recordings import recorded_sample, shown_file
from remdm.app.samples import checked
from remdm.app.workbench import opening
from remdm.domains.registry import DOMAINS
from remdm.runs.trace_file import load

FILES = [*recordings.traces(opening.FOLDER), *recordings.traces(recorded.FOLDER)]


def pixels(scene):
    """The picture of a scene, float `[S, S, 3]`; one black pixel where there is none."""
    data = scene.get("picture", "").partition(",")[2]
    picture = Image.open(io.BytesIO(base64.b64decode(data))) if data else Image.new("RGB", (1, 1))
    return np.asarray(picture.convert("RGB"), float)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_kept_of_a_recorded_run_is_what_would_be_made_today(file, monkeypatch):
    trace = load(file)
    today = checked(DOMAINS[trace.run["domain"]], trace)
    monkeypatch.setattr(recordings, "checked", None)  # it is not checked at the start
    kept = recorded_sample(today.domain, file)
    assert kept.issues == today.issues and kept.trace.final == trace.final
    scenes = today.scenes()
    if scenes is None:
        assert kept.drawn is None
        return
    assert len(kept.drawn) == len(scenes) == len(trace.steps) + 1
    for old, new in zip(kept.drawn, scenes, strict=True):
        assert {**old, "picture": ""} == {**json.loads(json.dumps(new)), "picture": ""}
        assert np.abs(pixels(old) - pixels(new)).mean() < 2, "but for how products are rounded"


def test_another_trace_under_the_same_name_is_checked_itself(tmp_path):
    one, other = opening.FOLDER / "text-0.json.gz", opening.FOLDER / "text-1.json.gz"
    shutil.copy(other, tmp_path / one.name)
    shutil.copy(shown_file(one), tmp_path)
    text, file = DOMAINS["text"], tmp_path / one.name
    assert recorded_sample(text, file).issues == checked(text, load(other)).issues != recorded_sample(text, one).issues
    recordings.save_shown(text, file)
    assert shown_file(file).read_bytes() == shown_file(other).read_bytes()
