"""What leaves the server packed: the page, not files, which Gradio packs itself, and never a stream of events."""

import gzip

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from remdm.serving.packing import SMALLEST, Packed

TEXT = "mask decode remask " * SMALLEST


def told(request):
    return PlainTextResponse(TEXT if request.url.path != "/short" else "short")


def stream(request):
    return StreamingResponse(iter([f"data: {TEXT}\n\n"]), media_type="text/event-stream")


@pytest.fixture(scope="module")
def client():
    routes = [Route(path, told) for path in ("/", "/config", "/short", "/assets/player.js")] + [Route("/queue", stream)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Packed)]))


@pytest.mark.parametrize(("path", "packed"), [("/", True), ("/config", True), ("/short", False), ("/queue", False),
                                              ("/assets/player.js", False)])  # fmt: skip
def test_who_is_packed(client, path, packed):
    with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        sent = b"".join(answer.iter_raw())
    assert (answer.headers.get("content-encoding") == "gzip") == packed
    assert not packed or (len(sent) < len(TEXT) / 20 and gzip.decompress(sent).decode() == TEXT)


def test_who_cannot_read_it_gets_it_plain(client):
    with client.stream("GET", "/", headers={"Accept-Encoding": "identity"}) as answer:
        assert b"".join(answer.iter_raw()).decode() == TEXT and "content-encoding" not in answer.headers
