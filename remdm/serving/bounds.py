"""What a request may ask of the server: only addresses that the page or the endpoint needs, and no endless body.

Gradio reads bodies into memory, leaves what was uploaded of a file before a visitor went away, and answers at addresses
that nothing here uses: recordings of the screen, links to a session's state, an editor, calls past the queue.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remdm import limits

API = "/gradio_api/"
OPEN = {
    "app_id", "call", "cancel", "component_server", "custom_component", "heartbeat", "info", "login_check", "queue",
    "reset", "startup-events", "theme.css", "token", "upload", "upload_progress", "user",
}  # fmt: skip
"""What is answered below `API`, besides files (`file=...`)."""
CLOSED = ("/monitoring",)
MOST_BODY = 1 << 20
"""Bytes of a request that uploads no file: all settings of a tab take some thousands."""
FRAME = 1 << 16
"""Bytes that an upload may have around its file."""
STALE = 60
"""Seconds without a byte, after which a part of a file is left behind though another one is being uploaded."""
MOST_UPLOADED = 512 << 20
"""Bytes of uploaded files that are kept: they are read at once, so the oldest may go."""


class Bounded:
    """ASGI middleware; also clears up after uploads."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._uploading = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path = scope["path"]
        below = path.partition(API)[2].partition("/")[0]
        if path.startswith(CLOSED) or (API in path and below not in OPEN and not below.startswith("file=")):
            return await PlainTextResponse("Not Found", 404)(scope, receive, send)
        most = limits.current().upload + FRAME if below == "upload" else MOST_BODY
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared[:20]) > most:
            return await PlainTextResponse(_too_large(most), 413)(scope, receive, send)
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise HTTPException(413, _too_large(most))
            return message

        if below != "upload":
            return await self.app(scope, counted, send)
        self._uploading += 1
        try:
            with suppress(ClientDisconnect):  # nobody waits for an answer, and it is not an error
                await self.app(scope, counted, send)
        finally:
            self._uploading -= 1
            self._clear(scope.get("app"))

    def _clear(self, server: Any) -> None:
        """Remove what aborted uploads left, and the oldest files beyond `MOST_UPLOADED`."""
        for part in Path(server.uploaded_file_dir).glob("tmp*"):
            if part.is_file() and (not self._uploading or time.time() - part.stat().st_mtime > STALE):
                part.unlink(missing_ok=True)
        remove_oldest([Path(file) for file in server.get_blocks().upload_file_set], MOST_UPLOADED)


def remove_oldest(files: list[Path], most: int) -> None:
    """Remove the oldest files until the others take at most so many bytes."""
    there = [(file.stat().st_mtime, file.stat().st_size, file) for file in files if file.is_file()]
    total = sum(size for _, size, _ in there)
    for _, size, file in sorted(there):
        if total <= most:
            return
        file.unlink(missing_ok=True)
        total -= size


def _too_large(most: int) -> str:
    return f"This is larger than {most // 1_000_000 or 1} MB, the most that is read here."
