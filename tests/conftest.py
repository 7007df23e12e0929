"""One thread for the sampler's tests, and a running app with a browser for those of the page."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # the tests are small, and their numbers should not depend on the machine's cores

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class App:
    """A running app: its address, what it printed, and whom it tried to reach."""

    address: str
    log: Path
    outside: Path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(process: subprocess.Popen, address: str, log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"The app did not start:\n{log.read_text(encoding='utf-8')}")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder, port = tmp_path_factory.mktemp("app"), _free_port()
    log, outside = folder / "log", folder / "outside"
    outside.touch()
    more = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", "WATCH": str(outside)}
    more["OMP_NUM_THREADS"] = "1"  # the browser needs a core too
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "watched.py")], cwd=folder, env={**os.environ, **more}, stdout=out,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(process, address, log)
            yield App(address, log, outside)
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def browse() -> Iterator[Callable]:
    """Opens a context of the one browser; a missing browser fails."""
    from browser import ARGUMENTS, found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = found()
        assert path, "no Chromium was found: python tests/browser.py --install"
        chromium = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield chromium.new_context
        chromium.close()
