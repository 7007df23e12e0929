"""A replica: it makes the runs that it is asked for over HTTP, on its own copy of the models.

It is an ASGI application that knows nothing of Ray. An answer is a line of JSON for each step, some with where the
run stands behind it; a line without content says that the replica is still there.
"""

import asyncio
import json
import os
import socket
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from remdm.models.network import Compute, compute
from remdm.runs.domain import Domain
from remdm.runs.record import Batch, PreparedRun, Walk, prepare
from remdm.serving import wire
from remdm.serving.batcher import VISITORS, shared
from remdm.serving.budget import affordable
from remdm.serving.remote import BUSY

AHEAD = 4
"""Lines of a run that are made before they are sent, at most."""
BEAT = 2.0
"""Seconds between two words to whoever waits for a step or for its turn."""
EVERY = 4
"""Steps, at least, from one of which it is said where the run stands to the next: that is most of a line's bytes."""
WAITING = 48
"""Runs that wait for their turn at a replica; who comes then is sent back to the page's line."""
LARGEST = 8 << 20
"""Bytes of a request."""
NOTHING = b"{}\n"


class Replica:
    """Answers /run and /compute. Runs of one model that are under way at the same time share forwards."""

    def __init__(
        self, domains: Mapping[str, Domain], visitors: int = VISITORS, waiting: int = WAITING,
        holding: Callable[[str], Awaitable[Any]] | None = None, devices: int = 1,
    ) -> None:  # fmt: skip
        """What it serves, and how much of it.

        Args:
            domains: with the models that may be asked for.
            visitors: how many runs are made at once.
            waiting: how many may wait besides.
            holding: called with `wire.model_id` before a run, so that whoever counts models may load and drop them.
            devices: that each model is split over, with a process for each (remdm/models/sharded.py).
        """
        self.domains, self.most = domains, visitors + waiting
        self.devices = devices
        self._here, self._holding = 0, holding
        self._turn = asyncio.Semaphore(visitors)
        self._threads = ThreadPoolExecutor(visitors, thread_name_prefix="run")

    async def __call__(self, request: Request) -> Response:
        """Answer a request; what was wrong with it is one sentence."""
        try:
            if request.url.path == "/compute":
                device = request.query_params.get("device", "auto")
                return JSONResponse(wire.compute_json(await asyncio.to_thread(self.compute, device)))
            if request.url.path != "/run" or request.method != "POST":
                return _refused("There is /run, for POST, and /compute.", 404)
            body = await request.body()
            if len(body) > LARGEST:
                return _refused(f"A request may have {LARGEST >> 20} MB.", 413)
            if self._here >= self.most:
                return _refused(f"{self._here} runs wait at each replica already", BUSY, {"Retry-After": "1"})
            content = json.loads(body)
            if not isinstance(content, dict):
                return _refused("A request is a table.", 422)
            return StreamingResponse(self._lines(content), media_type="application/x-ndjson")
        except ValueError as error:
            return _refused(str(error), 422)

    async def _lines(self, content: Any) -> AsyncIterator[bytes]:
        """All lines of a run's answer."""
        self._here += 1
        try:
            turn = asyncio.ensure_future(self._turn.acquire())
            try:
                async for beat in _beats(turn):
                    yield beat
            except BaseException:
                if not turn.cancel():
                    self._turn.release()
                raise
            try:
                async for line in self._made(content):
                    yield line
            finally:
                self._turn.release()
        finally:
            self._here -= 1

    async def _made(self, content: Any) -> AsyncIterator[bytes]:
        """Those of a run whose turn it is."""
        if self._holding is not None:
            held = asyncio.ensure_future(self._holding(wire.model_id(content)))
            async for beat in _beats(held):
                yield beat
            held.exception()  # the run meets it again, and says it
        made = _Handed(asyncio.get_running_loop())
        self._threads.submit(made.fill, self.lines(content))
        try:
            async for lines in made:
                yield lines
        finally:
            made.leave()

    def lines(self, content: Any) -> Iterator[bytes]:
        """What a run's answer consists of, with an error as its last line where it has one."""
        try:
            walk = self.walk(content)
            yield _line({"begun": f"{socket.gethostname()}:{os.getpid()}"})
            since = 0
            for row in walk:
                since += 1
                at = walk.position if since >= EVERY else None
                since = since if at is None else 0
                yield _line({"row": wire.row_json(row), "at": wire.position_json(at)})
            yield _line({"end": True})
        except (ValueError, RuntimeError) as error:  # RuntimeError: torch's, out of memory among them
            yield _line({"error": str(error)})
        except Exception as error:
            traceback.print_exception(error, file=sys.stderr)
            yield _line({"error": f"The run broke off with {type(error).__name__}; the replica's log says why"})

    def walk(self, content: Any) -> Walk:
        """The run that is asked for, at a seat of its model.

        Raises:
            ValueError: for an invalid request, and for more than one request may ask.
        """
        requests = wire.requests_of(content, self.domains)
        where = self.where(content.get("compute"), requests[0].device)
        runs: tuple[PreparedRun, ...] = tuple(prepare(each, where) for each in requests)
        affordable(runs)
        batch: Batch = wire.batch_of(content, runs)
        return Walk([shared(each) for each in batch.runs], batch.at)

    def compute(self, device: str) -> Compute:
        """As `network.compute`, over the devices of this replica."""
        return replace(compute(device), devices=self.devices)

    def where(self, asked: Any, device: str) -> Compute:
        """This replica's device in the number type that is asked for: all replicas must make the same of a run.

        Raises:
            ValueError: if it has another device than the replica that was asked first.
        """
        wanted, here = wire.compute_of(asked), self.compute(device)
        if replace(wanted, reason="", dtype=here.dtype) != replace(here, reason=""):
            raise ValueError(f"The replicas differ: this run began on {wanted.title}, and here is {here.title}.")
        return here if wanted.dtype == here.dtype else replace(here, dtype=wanted.dtype)


class _Handed:
    """Lines on their way from the thread of a run to the loop that sends them.

    The thread does not wait for the loop at each step, which many runs share, but is never more than AHEAD lines ahead.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._ready, self._room = loop, asyncio.Queue[bytes | None](), threading.Semaphore(AHEAD)
        self._left = False

    def fill(self, lines: Iterator[bytes]) -> None:
        """Hand over all lines, in the run's thread; end as soon as nobody wants them any more."""
        for line in lines:
            self._room.acquire()
            if self._left:
                return
            self._loop.call_soon_threadsafe(self._ready.put_nowait, line)
        self._loop.call_soon_threadsafe(self._ready.put_nowait, None)

    def leave(self) -> None:
        """Nobody wants more."""
        self._left = True
        self._room.release()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(BEAT):
                    lines = [await self._ready.get()]
            except TimeoutError:
                yield NOTHING
                continue
            while not self._ready.empty():  # what has come meanwhile goes with it
                lines.append(self._ready.get_nowait())
            self._room.release(len(lines))
            if whole := b"".join(line for line in lines if line is not None):
                yield whole
            if lines[-1] is None:
                return


async def _beats(awaited: asyncio.Future) -> AsyncIterator[bytes]:
    """Something to say until what is awaited is done."""
    while not awaited.done():
        await asyncio.wait({awaited}, timeout=BEAT)
        if not awaited.done():
            yield NOTHING


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _refused(why: str, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": why}, status, headers)
