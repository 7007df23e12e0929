"""The page as a visitor has it: `app.py` in a process of its own, talked to over HTTP like a browser does."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remdm.domains.registry import DOMAINS
from remdm.studies.bench.rows import Row, row
from remdm.studies.scale.crowd import work

APP = Path(__file__).resolve().parents[3] / "app.py"
PATIENCE = 180


class PageError(ValueError):
    """The app did not do what a page asks of it."""


@contextmanager
def app(domain: str) -> Iterator[tuple["Visitor", float, int]]:
    """A running app: a visitor of a domain's tab, the seconds until the tab's first button answered, its process id."""
    if not APP.is_file():
        raise PageError("page and click measure app.py: run them in a checkout of the repository")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(APP)], env={**os.environ, "GRADIO_SERVER_PORT": str(port)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while (visitor := _ready(address, domain)) is None:
            if process.poll() is not None or time.perf_counter() - begun > PATIENCE:
                raise PageError("app.py did not start; python app.py says why")
            time.sleep(0.02)
        yield visitor, time.perf_counter() - begun, process.pid
    finally:
        process.terminate()
        process.wait(20)


def _ready(address: str, domain: str) -> "Visitor | None":
    """A visitor whose click the app answers; None as long as it does not."""
    try:
        visitor = Visitor(address, domain)
        list(visitor.call(visitor.begin, []))
    except OSError:  # refused, or cut off while it starts
        return None
    return visitor


def _read(address: str, packed: bool = False) -> bytes:
    request = urllib.request.Request(address, headers={"Accept-Encoding": "gzip"} if packed else {})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.read()


@dataclass(frozen=True)
class Visit:
    """One click on Run: seconds to the first step, to the last, and in all; how many steps came and their bytes."""

    first: float
    last: float
    seconds: float
    steps: int
    bytes: int


class Visitor:
    """One open page of a domain's tab."""

    def __init__(self, address: str, domain: str) -> None:
        self.address, self.session = address, secrets.token_hex(6)
        config = json.loads(_read(f"{address}/config"))
        self.parts = {part["id"]: part for part in config["components"]}
        events = config["dependencies"]
        self.begin = next(event for event in events if self._by(event) == f"{domain}-run")
        behind = lambda other: next(event for event in events if event.get("trigger_after") == other["id"])
        self.gather = behind(self.begin)  # a script of the page: all controls as one text (remdm/app/gathered.py)
        self.sample = behind(self.gather)

    def _by(self, event: dict[str, Any]) -> str | None:
        targets = [self.parts.get(part, {}).get("props", {}).get("elem_id") for part, _ in event["targets"]]
        return targets[0] if targets else None

    def call(self, event: dict[str, Any], data: list[Any]) -> Iterator[tuple[int, dict[str, Any]]]:
        """An event's answers as they come: bytes and message."""
        body = json.dumps({"data": data, "fn_index": event["id"], "session_hash": self.session}).encode()
        request = urllib.request.Request(
            f"{self.address}/gradio_api/queue/join", body, {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=PATIENCE).close()
        stream = f"{self.address}/gradio_api/queue/data?session_hash={self.session}"
        with urllib.request.urlopen(stream, timeout=PATIENCE) as lines:
            for line in filter(bytes.strip, lines):
                message = json.loads(line.removeprefix(b"data:"))
                yield len(line), message
                if message["msg"] == "process_completed":
                    if not message.get("success", True):
                        raise PageError(f"the app answered {str(message['output'])[:200]}")
                    return

    def click(self, **changes: Any) -> Visit:
        """Press Run with the settings as the page opens with them, and some changed by the ends of their ids."""
        begun = time.perf_counter()
        first, last, steps, size = 0.0, 0.0, 0, 0
        props = [self.parts[part]["props"] for part in self.gather["inputs"]]
        names = [str(each.get("elem_id", "")).partition("-")[2] for each in props]
        values = [changes.get(name, each.get("value")) for name, each in zip(names, props, strict=True)]
        states = [None] * (len(self.sample["inputs"]) - 1)
        for event, data in ((self.begin, []), (self.sample, [json.dumps(values), *states])):
            for length, message in self.call(event, data):
                if found := str(message.get("output", "")).replace('\\\\"', '"').count('"kind":"step"'):
                    last = time.perf_counter() - begun
                    first, steps, size = first or last, steps + found, size + length
        if not steps:
            raise PageError("the app sent no step")
        return Visit(first, last, time.perf_counter() - begun, steps, size)


def memory(process: int) -> float:
    """Megabytes that a process holds (Linux)."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def page_row(domain: str, geometry: str, sampler_ms: float, steps: int = 128) -> Row:
    """The row of a domain's tab. `other` is the sampler without a page, a step: a ratio near 1 is a page for free.

    A step is the time between the first and the last one's arrival; `settled` what follows until the page is at rest.
    """
    with app(domain) as (visitor, cold, process):
        empty, cold_work = memory(process), work(process)
        changes = {"steps": steps, "count": 1}
        visitor.click(**changes)  # loads the model
        visits = [visitor.click(**changes) for _ in range(3)]
        best = min(visits, key=lambda visit: visit.last - visit.first)
        whole, packed = (len(_read(visitor.address, packed)) for packed in (False, True))
        after = memory(process)
        for name in DOMAINS:
            Visitor(visitor.address, name).click(steps=2, count=1)
        everything = memory(process)
    a_step = 1000 * (best.last - best.first) / max(1, best.steps - 1)
    return row(
        "page", geometry, a_step, sampler_ms, first_step_ms=1000 * sorted(each.first for each in visits)[1],
        settled_ms=1000 * (best.seconds - best.last), steps_per_second=1000 / a_step,
        step_bytes=best.bytes // best.steps, page_bytes=whole, page_bytes_packed=packed, cold_start_s=cold,
        cold_start_cpu_s=cold_work, memory_mb=round(after), memory_before_model_mb=round(empty),
        memory_all_mb=round(everything),
    )  # fmt: skip
