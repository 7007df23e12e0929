"""A crowd of programs on one app: they open the page, run, leave in the middle and come back; prints what it costs.

    python tests/hostile/crowd.py --visitors 16 --minutes 60 --visits 500

Each visit loads the page and its description, begins a run at the endpoint and waits for it, or leaves before its end;
some upload a trace. Afterwards one visit follows another. Browsers, which hold more, are in `remdm bench`.
"""

import argparse
import os
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

from gradio_client import Client

ROOT = Path(__file__).resolve().parents[2]
TRACE = ROOT / "assets" / "recorded" / "text.json.gz"


class Studio:
    """A running app, its memory and what its visitors met with."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{probe.getsockname()[1]}"
        env = {**os.environ, "GRADIO_SERVER_PORT": self.address.split(":")[2], "GRADIO_SERVER_NAME": "127.0.0.1"}
        self.process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)  # fmt: skip
        self.met: Counter[str] = Counter()
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
                job.result(timeout=300)
                self.met["results"] += 1
            if source.random() < 0.2:
                self._uploads()
            client.close()
        except Exception as error:
            self.met[f"{type(error).__name__}: {str(error)[:60]}"] += 1

    def _uploads(self) -> None:
        body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.json.gz"\r\n\r\n' + TRACE.read_bytes()
        asked = urllib.request.Request(f"{self.address}/gradio_api/upload", body + b"\r\n--x--\r\n",
                                       {"Content-Type": "multipart/form-data; boundary=x"})  # fmt: skip
        urllib.request.urlopen(asked, timeout=60).read()
        self.met["uploads"] += 1


def crowd(studio: Studio, visitors: int, minutes: float) -> None:
    """Visitors at once; a line each minute."""
    until = time.monotonic() + 60 * minutes

    def comes(seed: int) -> None:
        source = random.Random(seed)
        while time.monotonic() < until:
            studio.visit(source)

    threads = [threading.Thread(target=comes, args=(seed,)) for seed in range(visitors)]
    for each in threads:
        each.start()
    minute = 0
    while any(each.is_alive() for each in threads):
        for each in threads:
            each.join(60 / len(threads))
        minute += 1
        print(f"minute {minute:3}: {studio.memory:,.0f} MB, {sum(studio.met.values()):,} ends", flush=True)


def main() -> None:
    """Print memory and ends; the status is 1 if a visit met with anything but a result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--visits", type=int, default=500, help="one after the other, afterwards")
    args = parser.parse_args()
    studio = Studio()
    try:
        print(f"at rest: {studio.memory:,.0f} MB", flush=True)
        crowd(studio, args.visitors, args.minutes)
        before, source = studio.memory, random.Random(7)
        for place in range(args.visits):
            studio.visit(source, leaves=0)
            if (place + 1) % 100 == 0:
                print(f"visit {place + 1}: {studio.memory:,.0f} MB", flush=True)
        print(f"{args.visits} visits: {before:,.0f} to {studio.memory:,.0f} MB; {dict(studio.met)}")
    finally:
        studio.process.terminate()
        studio.process.wait(30)
    sys.exit(bool(set(studio.met) - {"results", "left", "uploads"}))


if __name__ == "__main__":
    main()
