"""Replicas for tests: real ones behind a port of this machine, and ones that fail as they are told."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from remdm.domains.registry import DOMAINS
from remdm.serving.replica import Replica


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of an ASGI application, served in a thread."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = server.force_exit = True
        thread.join(30)
        assert not thread.is_alive()


def app(replica: Any) -> Starlette:
    """A replica as an application of its own, as Serve would have it."""
    return Starlette(routes=[Route("/{path:path}", replica, methods=["GET", "POST"])])


@contextmanager
def replica(**more: Any) -> Iterator[str]:
    """The address of a replica."""
    with served(app(Replica(DOMAINS, **more).__call__)) as address:
        yield address


class Failing:
    """Passes bytes on to a replica, and cuts its answers off after so many bytes, one number for each answer to a run.

    As a proxy in front of replicas that are killed: `asked` counts the runs that were asked for.
    """

    def __init__(self, address: str, cuts: list[int]) -> None:
        host, port = address.removeprefix("http://").split(":")
        self.behind, self.cuts, self.asked = (host, int(port)), cuts, 0

    def __enter__(self) -> str:
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(here,), daemon=True).start()

    def _serve(self, here: socket.socket) -> None:
        with here, socket.create_connection(self.behind) as there, suppress(OSError):
            first = here.recv(65536)
            left = 1 << 40
            if first.startswith(b"POST /run"):
                self.asked += 1
                left = self.cuts.pop(0) if self.cuts else left
            there.sendall(first)
            threading.Thread(target=_pump, args=(here, there.sendall), daemon=True).start()
            while left > 0 and (data := there.recv(min(left, 65536))):
                here.sendall(data)
                left -= len(data)
            here.shutdown(socket.SHUT_RDWR)  # closing alone would wait for the thread that reads from it


def _pump(source: socket.socket, send: Callable[[bytes], Any]) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            send(data)
