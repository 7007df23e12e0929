"""The file for nginx: visits that stay, steps that come when they are made, files as large as the page takes."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from replicas import served
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from remdm.limits import Limits

FILE = Path(__file__).resolve().parent.parent / "docs" / "nginx.conf"
TEXT = FILE.read_text(encoding="utf-8")


def test_the_file_lets_through_what_the_page_takes():
    size = int(re.search(r"client_max_body_size (\d+)m;", TEXT)[1]) << 20
    assert size > Limits("page").upload
    assert "proxy_buffering off;" in TEXT and "hash $visit consistent;" in TEXT
    assert TEXT.count("{") == TEXT.count("}")


def page(name):
    """Says who it is; sends a word, and another one when it is told to."""
    go_on = asyncio.Event()

    async def who(request: Request):
        return PlainTextResponse(f"{name} {request.headers['host']}")

    async def taken(request: Request):
        return PlainTextResponse(str(len(await request.body())))

    async def words(request: Request):
        async def two():
            yield b"one\n"
            await go_on.wait()
            yield b"two\n"

        return StreamingResponse(two(), media_type="text/event-stream")

    async def go(request: Request):
        go_on.set()
        return PlainTextResponse("")

    routes = [Route("/words", words), Route("/go", go), Route("/upload", taken, methods=["POST"])]
    return Starlette(routes=[*routes, Route("/{path:path}", who)])


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Two pages behind nginx, with the file as it stands but for ports and folders."""
    found = shutil.which("nginx")
    if found is None:
        pytest.skip("nginx is not installed here")
    folder = tmp_path_factory.mktemp("nginx")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with served(page("first")) as first, served(page("second")) as second:
        text = TEXT.replace("127.0.0.1:7861", first.removeprefix("http://"))
        text = text.replace("127.0.0.1:7862", second.removeprefix("http://")).replace("listen 7860", f"listen {port}")
        kept = [f"{each}_temp_path {folder}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
        text = text.replace("http {", "\n".join(["http {", "access_log off;", *kept]), 1)
        (folder / "nginx.conf").write_text(text, encoding="utf-8")
        log = folder / "log"
        own = "user root;" if os.geteuid() == 0 else ""  # or else it gives up the right to write to the folder
        command = [found, "-p", str(folder), "-c", str(folder / "nginx.conf")]
        command += ["-g", f"daemon off; pid {folder}/pid; {own}"]
        process = subprocess.Popen([*command, "-e", str(log)])
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            assert process.poll() is None, log.read_text(encoding="utf-8")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def visit(address):
    """A browser: it keeps its cookies."""
    return urllib.request.build_opener(urllib.request.HTTPCookieProcessor())


def read(opener, address):
    with opener.open(address, timeout=20) as answer:
        return answer.read().decode()


def test_a_visit_stays_where_it_began_and_visits_are_spread(address):
    places = []
    for _ in range(40):
        browser = visit(address)
        begun = read(browser, f"{address}/?sampler=mdlm")
        assert {read(browser, f"{address}/{path}") for path in ("config", "gradio_api/queue/data?a=b", "")} == {begun}
        places.append(begun)
    assert begun.split()[1] == address.removeprefix("http://"), "links are made with the address that visitors know"
    assert set(Counter(each.split()[0] for each in places)) == {"first", "second"}


def test_a_program_without_cookies_stays_too(address):
    assert len({read(urllib.request.build_opener(), f"{address}/config") for _ in range(8)}) == 1


def test_a_step_comes_when_it_is_made(address):
    browser = visit(address)
    read(browser, address)
    with browser.open(f"{address}/words", timeout=20) as words:
        assert words.readline() == b"one\n", "the second is not made yet"
        read(browser, f"{address}/go")
        assert words.readline() == b"two\n"


def test_a_file_as_large_as_the_page_takes_gets_through(address):
    browser, size = visit(address), Limits("page").upload
    read(browser, address)
    with browser.open(f"{address}/upload", data=bytes(size), timeout=60) as answer:
        assert answer.read() == str(size).encode()
