"""A page at rest draws nothing: the count of Gradio's loading sign ends with the sign.

The sign that stands there while the page is built counts its seconds in every frame and goes on when it is gone (Gradio
6.31, where the page is not rendered on the server): a twentieth of a core, for as long as the page is open. Gradio's
modules keep the browser's function by which they ask for a frame, so that it has to be replaced before they are read.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPT = rb"""<script>(() => {
  const frame = window.requestAnimationFrame, counts = /performance\.now\(\)\s*-/;
  const stands = () => document.querySelector(".domains");
  window.requestAnimationFrame = (call) =>
    stands() || !counts.test(call) ? frame(call) : frame((time) => stands() || call(time));
})();</script>"""
"""Of what is asked for before the page stands, nothing else reads the clock to subtract from it."""


class Ended:
    """ASGI middleware that puts `SCRIPT` at the head of a page that comes as a whole."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        page: Message | None = None  # how the answer begins, until its length is known

        async def ended(message: Message) -> None:
            nonlocal page
            if message["type"] == "http.response.start" and _is_page(scope, message):
                page = message
                return
            if page is not None:
                if not message.get("more_body"):
                    body = message.get("body", b"").replace(b"<head>", b"<head>" + SCRIPT, 1)
                    message = {**message, "body": body}
                    MutableHeaders(scope=page)["content-length"] = str(len(body))
                await send(page)
                page = None
            await send(message)

        await self.app(scope, receive, ended)


def _is_page(scope: Scope, start: Message) -> bool:
    return scope["method"] == "GET" and Headers(scope=start).get("content-type", "").startswith("text/html")
