"""What is put at the head of the page, and nowhere else."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from remdm.serving.loading import SCRIPT, Ended

PAGE = "<!doctype html><html><head><title>ß</title></head><body><head></body></html>"
ANSWERS = {
    "/": lambda: HTMLResponse(PAGE),
    "/empty": lambda: Response(status_code=204, media_type="text/html"),
    "/text": lambda: PlainTextResponse(PAGE),
    "/stream": lambda: StreamingResponse(iter([PAGE[:20], PAGE[20:]]), media_type="text/html"),
}


@pytest.fixture(scope="module")
def client():
    routes = [Route(path, lambda request, make=make: make()) for path, make in ANSWERS.items()]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Ended)]))


def test_a_page_begins_with_the_script_and_says_how_long_it_is(client):
    answer = client.get("/")
    assert answer.text == PAGE.replace("<head>", f"<head>{SCRIPT.decode()}", 1)
    assert answer.headers.get_list("content-length") == [str(len(answer.content))]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(("path", "text"), [("/empty", ""), ("/text", PAGE), ("/stream", PAGE)])
def test_other_answers_are_as_they_were(client, path, text):
    assert client.get(path).text == text


def test_who_asks_for_the_head_of_an_answer_alone_gets_it(client):
    answer = client.head("/")
    assert answer.text == "" and answer.headers["content-length"] == str(len(PAGE.encode()))
