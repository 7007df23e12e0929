"""A page at rest draws nothing: the count of Gradio's loading sign ends with the sign.

The sign that stands there while the page is built counts its seconds in every frame and goes on when it is gone (Gradio
6.31, where the page is not rendered on the server): a twentieth of a core, for as long as the page is open. Gradio's
modules keep the browser's function by which they ask for a frame, so that it has to be replaced before they are read.
"""

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
        held: list[Message] = []

        async def ended(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(scope, message):
                held.append(message)
                return
            if held:
                begin = held.pop()
                if not message.get("more_body"):
                    body = message.get("body", b"").replace(b"<head>", b"<head>" + SCRIPT, 1)
                    message = {**message, "body": body}
                    others = [each for each in begin["headers"] if each[0] != b"content-length"]
                    begin = {**begin, "headers": [*others, (b"content-length", str(len(body)).encode())]}
                await send(begin)
            await send(message)

        await self.app(scope, receive, ended)


def _is_page(scope: Scope, start: Message) -> bool:
    kind = dict(start["headers"]).get(b"content-type", b"")
    return scope["type"] == "http" and scope["method"] == "GET" and kind.startswith(b"text/html")
