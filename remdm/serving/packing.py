"""Gzip for what Gradio's own compression passes over: answers whose address has no file ending, the page among them."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

LEVEL = 6
"""Of 1 to 9: the page takes 20 ms; 9 would make it 1% smaller in twice the time."""
SMALLEST = 1000
"""Bytes: smaller answers are sent as they are."""


class Packed:
    """ASGI middleware. Files keep what they have (Gradio's Brotli); streams of events are never packed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.packing = GZipMiddleware(app, SMALLEST, LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        named = scope["type"] != "http" or "." in scope["path"].rpartition("/")[2]
        await (self.app if named else self.packing)(scope, receive, send)
