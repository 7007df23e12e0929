"""The stream of a page's messages stays open for a moment behind its last event, as the next may be on its way.

Gradio ends the stream with the last event that it knows of, and the page opens another for the next. An event that the
page sends at that very moment finds its stream still open, and when that ends its answer reaches nobody: a click is
lost. Besides, one click is often several events, each of which took a request of its own for its stream.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH = "/queue/data"
LAST = b'"close_stream"'
"""In the message that ends a stream."""
SECONDS, LOOK = 0.5, 0.01
"""How long it stays open, and between two looks whether it is needed or its page has gone."""


class Lingering:
    """ASGI middleware; whether a session has events is read from the queue of the server behind it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not scope["path"].endswith(PATH):
            return await self.app(scope, receive, send)
        session = parse_qs(scope["query_string"].decode()).get("session_hash", [""])[0]
        queue = scope["app"].get_blocks()._queue
        begun = False
        while True:
            ends: list[Message] = []

            async def passed(message: Message, ends: list[Message] = ends) -> None:
                nonlocal begun
                if ends or (message["type"] == "http.response.body" and LAST in message.get("body", b"")):
                    ends.append(message)  # it may not be the end
                elif message["type"] != "http.response.start" or not begun:
                    begun = True
                    await send(message)

            await self.app(scope, receive, passed)
            if not ends:
                return
            if not await _needed(lambda: bool(queue.pending_event_ids_session.get(session)), receive):
                for message in ends:
                    await send(message)
                return


async def _needed(waiting: Callable[[], bool], receive: Receive) -> bool:
    """Whether an event comes while its page is still there."""
    until = monotonic() + SECONDS
    while monotonic() < until:
        came = waiting()
        try:
            if (await asyncio.wait_for(receive(), LOOK))["type"] == "http.disconnect":
                return False  # whoever asks again has another stream
        except TimeoutError:
            if came:
                return True
    return False
