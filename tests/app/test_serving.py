"""How the page is served: its headers, what is closed, and what stands in its way in one sentence."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from remdm import limits
from remdm.app.page import launch_arguments
from remdm.runs.trace_file import MAX_BYTES
from remdm.serving.headers import HEADERS

APP = Path(__file__).parents[2] / "app.py"


def test_every_answer_says_what_a_browser_may_not_do_with_it(app):
    for path in ("/", "/config", "/nothing-here"):
        try:
            answer = urllib.request.urlopen(f"{app.address}{path}", timeout=30).headers
        except urllib.error.HTTPError as error:
            answer = error.headers
        assert {name: answer[name] for name in HEADERS} == HEADERS, path


def test_there_is_no_description_of_the_endpoints(app):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{app.address}/openapi.json", timeout=30)


@pytest.mark.parametrize("row", [limits.PAGE, limits.PUBLIC])
def test_uploads_and_visitors_have_a_bound(row, monkeypatch):
    monkeypatch.setattr(limits, "_row", row)
    assert launch_arguments()["max_file_size"] == MAX_BYTES
    assert launch_arguments()["state_session_capacity"] <= 200


@pytest.mark.parametrize("port", ["tcp://10.0.0.1:80", "0", "65536", ""])
def test_a_port_that_is_not_one_is_told_in_one_sentence(port):
    ran = subprocess.run(
        [sys.executable, APP], env={**os.environ, "GRADIO_SERVER_PORT": port}, capture_output=True, text=True
    )
    assert ran.returncode == 1 and ran.stderr.count("\n") == 1
    assert ran.stderr.startswith("GRADIO_SERVER_PORT must be a number from 1 to 65535, got")
