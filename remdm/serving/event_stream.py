"""Says with the answer to an event that its page needs a new stream of events.

Gradio sends a page all that its events bring as one stream. The server ends it when nothing is pending, and the page
opens another one for its next event, provided that it has read the end by then. On a busy machine the answer to that
event may overtake the end: the page then counts on a stream that is about to end, and nothing brings what comes of the
event until another event opens a stream. So the answer says it, and assets/js/events.js holds it back until the page
has read the end.
"""

from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-New-Stream"
NEEDED = "remdm.new_stream"
"""In the scope of a request that put an event into the queue while nothing else of its page was pending."""


def watch(queue: Any) -> None:
    """Let a `gradio.queueing.Queue` note in the scope of each request whether its event needs a new stream."""
    push = queue.push

    async def noted(body: Any, request: Any, username: Any) -> Any:
        answer = await push(body, request, username)
        _, event, _ = answer
        # one that is alone came behind the end of a stream, or before there was any
        request.scope[NEEDED] = queue.pending_event_ids_session.get(body.session_hash) == {event}
        return answer

    queue.push = noted


class NewStream:
    """ASGI middleware that adds `HEADER` where an event needs a new stream."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and scope.get(NEEDED):
                MutableHeaders(scope=message)[HEADER] = "1"
            await send(message)

        await self.app(scope, receive, told)
