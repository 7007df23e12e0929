"""A stream of messages ends when no event has come for a moment, and no answer is lost on the way."""

import asyncio
from types import SimpleNamespace

import pytest

from remdm.serving import lingering
from remdm.serving.lingering import Lingering

CLOSE = b'data: {"event_id":null,"msg":"close_stream"}\n\n'


class Server:
    """Streams one answer after the other, as Gradio does: each ends with the message that closes it."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.waiting, self.asked = list(answers), {"page": set()}, 0
        queue = SimpleNamespace(pending_event_ids_session=self.waiting)
        self.blocks = SimpleNamespace(_queue=queue)

    def get_blocks(self):
        return self.blocks

    async def __call__(self, scope, receive, send):
        self.asked += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for body in (self.answers.pop(0), CLOSE):
            await send({"type": "http.response.body", "body": body, "more_body": True})
        self.waiting["page"].clear()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def answered(server, path="/gradio_api/queue/data", comes=None, leaves=None):
    """What a page is sent; an event `comes`, and the page `leaves`, so many seconds after the first answer."""
    sent = []

    async def visit():
        gone = asyncio.Event()

        async def receive():
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        async def act():
            for after, does in sorted(each for each in ((comes, "comes"), (leaves, "leaves")) if each[0] is not None):
                await asyncio.sleep(after)
                server.waiting["page"].add(1) if does == "comes" else gone.set()

        scope = {"type": "http", "path": path, "query_string": b"session_hash=page", "app": server}
        await asyncio.gather(Lingering(server)(scope, receive, send), act())

    asyncio.run(visit())
    return sent


def bodies(sent):
    return b"".join(each.get("body", b"") for each in sent)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(lingering, "SECONDS", 0.2)


def test_a_stream_ends_when_nothing_comes():
    server = Server(b"first")
    sent = answered(server)
    assert bodies(sent) == b"first" + CLOSE and server.asked == 1 and sent[-1]["more_body"] is False


def test_an_event_that_comes_meanwhile_is_answered_in_the_same_stream():
    server = Server(b"first", b"second")
    sent = answered(server, comes=0.05)
    assert bodies(sent) == b"firstsecond" + CLOSE and server.asked == 2
    assert [each["type"] for each in sent].count("http.response.start") == 1


def test_who_has_gone_takes_no_answer_from_the_stream_that_comes_after():
    server = Server(b"first", b"second")
    answered(server, comes=0.05, leaves=0.0)
    assert server.asked == 1


def test_other_answers_are_as_they_are():
    server = Server(b"first")
    assert bodies(answered(server, path="/gradio_api/info")) == b"first" + CLOSE
