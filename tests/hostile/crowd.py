"""A crowd of programs on one app: they open the page, run, leave in the middle, open files and come back.

    python tests/hostile/crowd.py --visitors 16 --minutes 60 --visits 500 --table

Each visit loads the page and its description, begins a run at the endpoint and waits for it, or leaves before its end;
some upload a trace and open it on the page, as its button does. Afterwards one visit follows another. What it costs is
printed, with `--table` as the rows of docs/reliability.md. Browsers, which hold more, are in `remdm bench`.
"""

import argparse
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

from gradio_client import Client

ROOT = Path(__file__).resolve().parents[2]
TRACE = ROOT / "assets" / "recorded" / "text.json.gz"
GOOD = {"results", "left", "opened"}
"""How visits end that meet with nothing wrong."""


class Studio:
    """A running app, its memory and what its visitors met with."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{probe.getsockname()[1]}"
        env = {**os.environ, "GRADIO_SERVER_PORT": self.address.split(":")[2], "GRADIO_SERVER_NAME": "127.0.0.1"}
        self._log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=env, stdout=self._log, stderr=subprocess.STDOUT
        )
        self.met: Counter[str] = Counter()
        self.waits: list[float] = []
        """Seconds from asking for a run to its end, of those that were waited for."""
        while self.process.poll() is None:
            try:
                urllib.request.urlopen(self.address, timeout=5).read()
                return
            except OSError:
                time.sleep(0.5)
        sys.exit("The app did not start.")

    @property
    def memory(self) -> float:
        """Resident memory in MB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000

    @property
    def log(self) -> str:
        """What it printed."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def visit(self, source: random.Random, leaves: float = 0.3) -> None:
        """One visit, counted by how it ended."""
        try:
            urllib.request.urlopen(self.address, timeout=120).read()
            client = Client(self.address, verbose=False)
            domain = source.choice(("text", "text", "molecule", "countdown"))
            steps, goes = source.choice((4, 16, 32)), source.random() < leaves
            job = client.submit(prompt="", domain=domain, steps=steps, seed=source.randrange(1000), api_name="/sample")
            if goes:
                time.sleep(source.random())
                job.cancel()
                self.met["left"] += 1
            else:
                asked = time.monotonic()
                job.result(timeout=300)
                self.waits.append(time.monotonic() - asked)
                self.met["results"] += 1
            if source.random() < 0.2:
                self._opens(client.config)
            client.close()
        except Exception as error:
            self.met[f"{type(error).__name__}: {str(error)[:60]}"] += 1

    def _opens(self, config: dict) -> None:
        """Upload a trace and open it, by the event of the page's own button."""
        button = next(each["id"] for each in config["components"] if each["props"].get("elem_id") == "text-import")
        event = next(each for each in config["dependencies"] if [button, "upload"] in each["targets"])
        body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.json.gz"\r\n\r\n' + TRACE.read_bytes()
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        (path,) = json.loads(self._post("upload", body + b"\r\n--x--\r\n", form))
        file = {"path": path, "orig_name": "a.json.gz", "meta": {"_type": "gradio.FileData"}}
        session = secrets.token_hex(6)
        asked = {"data": [file], "fn_index": event["id"], "trigger_id": button, "session_hash": session}
        self._post("queue/join", json.dumps(asked).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(
            f"{self.address}/gradio_api/queue/data?session_hash={session}", timeout=120
        ) as lines:
            ends = (json.loads(line[6:]) for line in lines if b'"process_completed"' in line)
            end = next(ends)
        if not end["success"]:
            raise ValueError(f"opening: {end['output']}")
        self.met["opened"] += 1

    def _post(self, place: str, body: bytes, headers: dict[str, str]) -> bytes:
        asked = urllib.request.Request(f"{self.address}/gradio_api/{place}", body, headers)
        return urllib.request.urlopen(asked, timeout=60).read()


def crowd(studio: Studio, visitors: int, minutes: float) -> list[float]:
    """Visitors at once; prints a line each minute and gives the memory at each."""
    until = time.monotonic() + 60 * minutes

    def comes(seed: int) -> None:
        source = random.Random(seed)
        while time.monotonic() < until:
            studio.visit(source)

    threads = [threading.Thread(target=comes, args=(seed,)) for seed in range(visitors)]
    for each in threads:
        each.start()
    memory = []
    while any(each.is_alive() for each in threads):
        for each in threads:
            each.join(60 / len(threads))
        memory.append(studio.memory)
        print(f"minute {len(memory):3}: {memory[-1]:,.0f} MB, {sum(studio.met.values()):,} ends", flush=True)
    return memory


def one_by_one(studio: Studio, visits: int) -> list[float]:
    """One visit after the other; the memory before the first and after each hundred."""
    source, memory = random.Random(7), [studio.memory]
    for place in range(visits):
        studio.visit(source, leaves=0)
        if (place + 1) % 100 == 0:
            memory.append(studio.memory)
            print(f"visit {place + 1}: {memory[-1]:,.0f} MB", flush=True)
    return memory


def main() -> None:
    """Print memory and ends; the status is 1 if a visit met with anything but a result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--visits", type=int, default=500, help="one after the other, afterwards")
    parser.add_argument("--table", action="store_true", help="print the figures as rows of a table")
    args = parser.parse_args()
    studio = Studio()
    try:
        rest = studio.memory
        print(f"at rest: {rest:,.0f} MB", flush=True)
        crowded = crowd(studio, args.visitors, args.minutes)
        ended, waits = dict(studio.met), sorted(studio.waits)
        alone = one_by_one(studio, args.visits)
    finally:
        asked = time.monotonic()
        studio.process.terminate()
        try:
            studio.process.wait(60)
        except subprocess.TimeoutExpired:  # told below
            studio.process.kill()
        stopping = time.monotonic() - asked
    tenth = crowded[min(9, len(crowded) - 1)]
    bad = {name: count for name, count in studio.met.items() if name not in GOOD}
    rows = [
        (
            f"{args.visitors} visitors for {args.minutes:g} minutes",
            ", ".join(f"{n:,} {name}" for name, n in sorted(ended.items())),
        ),
        (
            "a run from its click to its end, median and 95%",
            f"{waits[len(waits) // 2]:.1f} s, {waits[len(waits) * 95 // 100]:.1f} s",
        ),
        (
            "memory at rest, after ten minutes, at the end",
            f"{rest:,.0f}, {tenth:,.0f}, {crowded[-1]:,.0f} MB ({crowded[-1] / tenth - 1:+.0%} since the tenth minute)",
        ),
        (
            f"{args.visits} visits one after the other: memory before and after",
            f"{alone[0]:,.0f}, {alone[-1]:,.0f} MB ({alone[-1] / alone[0] - 1:+.0%})",
        ),
        (
            "visits that ended in anything but a result, of all of them",
            ", ".join(f"{n} {name}" for name, n in bad.items()) or "none",
        ),
        ("from SIGTERM to the end of the process", f"{stopping:.1f} s"),
        ("log of the server", f"{len(studio.log) / 1000:.1f} kB, {studio.log.count('Traceback')} tracebacks"),
    ]
    if "Traceback" in studio.log:
        print(studio.log, file=sys.stderr)
    for what, found in rows:
        print(f"| {what} | {found} |" if args.table else f"{what}: {found}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
