"""One thread for the sampler's tests; one running app and one browser for all tests of the page."""

import gc
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from browser import ARGUMENTS, found
from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import BrowserContext, Error, sync_playwright

from remdm.app.startup import without_stubs

with without_stubs():
    from studio import STANDS, WIDE, Studio

torch.set_num_threads(1)  # the tests are small, and their numbers should not depend on the machine's cores

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class App:
    """A running app: its address, what it printed, whom it tried to reach, and its process."""

    address: str
    log: Path
    outside: Path
    process: subprocess.Popen


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


@contextmanager
def _running(folder: Path, **more: str) -> Iterator[App]:
    """The app in a process of its own, with more in its environment."""
    log, outside, port = folder / "log", folder / "outside", _free_port()
    outside.touch()
    more |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", "WATCH": str(outside)}
    more["OMP_NUM_THREADS"] = "1"  # the browser needs a core too
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "watched.py")], cwd=folder, env={**os.environ, **more}, stdout=out,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(process, address, log)
            yield App(address, log, outside, process)
        finally:
            process.terminate()
            process.wait(20)
    assert "Traceback" not in log.read_text(encoding="utf-8")
    assert outside.read_text(encoding="utf-8") == "", "the app asked for another address"


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with _running(tmp_path_factory.mktemp("app"), GRADIO_SSR_MODE="False") as made:
        yield made


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[App]:
    """One more, for a test that kills it."""
    with _running(tmp_path, GRADIO_SSR_MODE="False") as made:
        yield made


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The same rendered on the server, as a Space does it, by the Node that Playwright ships."""
    node = compute_driver_executable()[0]
    with _running(tmp_path_factory.mktemp("rendered"), GRADIO_SSR_MODE="True", GRADIO_NODE_PATH=node) as made:
        with urllib.request.urlopen(made.address) as answer:
            assert b"_app/immutable" in answer.read(), "Node serves it"
        yield made


@pytest.fixture(scope="session")
def browse() -> Iterator[Callable[..., BrowserContext]]:
    """Opens a context of the one browser; a missing browser fails."""
    with sync_playwright() as playwright:
        path = found()
        assert path, "no Chromium was found: python tests/browser.py --install"
        chromium = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield chromium.new_context
        chromium.close()


@pytest.fixture(scope="session")
def opened(app: App, browse: Callable[..., BrowserContext]) -> Iterator[Callable[..., Studio]]:
    """Opens the page in a context of its own: at a domain's tab, with a size or a query, at rest or in motion.

    At the end no page may have had a fault or have asked for another address than the app's.
    """
    pages: list[Studio] = []
    asked: list[str] = []

    def go(size: dict[str, int] = WIDE, query: str = "", domain: str = "text", **more: Any) -> Studio:
        context = browse(viewport=size, **{"reduced_motion": "reduce", **more})
        context.on("request", lambda request: asked.append(request.url))
        pages.append(Studio(context.new_page(), app.address, query, domain))
        return pages[-1]

    yield go
    for each in pages:
        each.page.context.close()
    assert [fault for each in pages for fault in each.faults] == []
    assert [url for url in asked if not url.startswith((app.address, "data:", "blob:"))] == []


@pytest.fixture
def visit(opened: Callable[..., Studio]) -> Iterator[Callable[..., Studio]]:
    """Opens pages that a test has for itself."""
    pages: list[Studio] = []

    def go(*args: Any, **more: Any) -> Studio:
        pages.append(opened(*args, **more))
        return pages[-1]

    yield go
    for each in pages:
        each.page.context.close()
        assert each.faults == []


@pytest.fixture(scope="session")
def shared(opened: Callable[..., Studio]) -> Callable[[str], Studio]:
    """A domain's wide page, opened once for many tests: opening one takes longer than most of what is done there."""
    return cache(lambda domain: opened(domain=domain))


@pytest.fixture
def studio(shared: Callable[[str], Studio]) -> Iterator[Studio]:
    """The page of the text domain with a short run's settings; no fault may come up."""
    page = shared("text")
    page.reset()
    yield page
    assert page.faults == []
    assert page.page.evaluate("window.hacked") is None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that asks for the browser is a browser test; those of optional packages are skipped without them."""
    for item in items:
        asked = getattr(item, "fixturenames", ())
        if "browse" in asked:
            item.add_marker(pytest.mark.browser)
        if item.get_closest_marker("ray") and find_spec("ray") is None:
            item.add_marker(pytest.mark.skip(reason="Ray is not installed here: make ray"))
        if item.get_closest_marker("openvino") and find_spec("openvino") is None:
            item.add_marker(pytest.mark.skip(reason="OpenVINO is not installed here: make openvino"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A browser test that fails says how the open pages stand: what fails once in a hundred times is not seen again."""
    report = yield
    if report.when == "call" and report.failed and "browse" in item.funcargs:
        browser = item.funcargs["browse"].__self__
        for page in (page for context in browser.contexts for page in context.pages):
            try:
                report.sections.append(("an open page", page.evaluate(STANDS)))
            except Error as error:
                report.sections.append(("an open page", str(error)))
    return report


def pytest_collection_finish() -> None:
    """What was imported stays to the end: no collection of garbage need look through it, which takes a third second."""
    gc.collect()
    gc.freeze()
