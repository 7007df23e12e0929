"""Machines as they are: other encodings, folders that cannot be written, full disks, a process that is killed."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import _running as running
from gradio_client import Client

from remdm import cli
from remdm.runs.trace_file import load

ROOT = Path(__file__).parents[2]
SAMPLE = ("-m", "remdm", "sample", "text", "--sampler", "mdlm", "--seed", "3", "--steps")
OLD_LOCALES = [
    {"PYTHONUTF8": "0", "LC_ALL": "C"},
    {"PYTHONUTF8": "0", "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "cp932"},
]


def command(*words, **variables):
    return subprocess.run(
        [sys.executable, *words], capture_output=True, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1", **variables}
    )


TWO_COMMANDS = """
import sys
from remdm.cli import main
place = sys.argv.index("then")
main(sys.argv[1:place])
main(sys.argv[place + 1:])
"""


@pytest.mark.parametrize("variables", OLD_LOCALES, ids=lambda each: "-".join(each.values()))
def test_the_command_runs_in_any_encoding(variables, tmp_path):
    """It reads and writes its files as UTF-8, and prints what the terminal can show."""
    out = str(tmp_path / "a.json")
    prompt, unknown = "On Tuesday, _ and Ben met. …", "Žlutý “kůň” _ ."
    run = [*SAMPLE[2:], "2", "--prompt"]
    ran = command("-c", TWO_COMMANDS, *run, prompt, "--out", out, "then", *run, unknown, **variables)
    assert load(Path(out)).run["prompt"] == prompt, ran.stderr.decode("ascii", "replace")[-400:]
    assert ran.returncode == 2 and ran.stderr.count(b"\n") == 1 and b"does not know the word" in ran.stderr


def test_a_folder_that_cannot_be_written_is_refused_before_the_run(tmp_path, capsys, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("remdm.cli.sample.record_together", lambda *_: pytest.fail("it ran"))
    for out in (tmp_path / "file" / "a.json", Path("/proc/no/such/a.json")):
        with pytest.raises(SystemExit) as ended:
            cli.main(["sample", "text", "--steps", "2", "--out", str(out)])
        assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_full_disk_is_one_sentence(tmp_path):
    ran = subprocess.run(
        [sys.executable, *SAMPLE, "2"], stdout=Path("/dev/full").open("wb"), stderr=subprocess.PIPE, cwd=ROOT
    )
    assert ran.returncode != 0 and b"No space left" in ran.stderr and b"Error in" not in ran.stderr


def test_a_reader_that_goes_away_ends_the_command_quietly():
    ran = subprocess.run(f"{sys.executable} -m remdm models | head -n 1", shell=True, capture_output=True, cwd=ROOT)
    assert ran.stdout.count(b"\n") == 1 and b"Traceback" not in ran.stderr


KILLED = """
import os, signal, sys
from remdm.cli import main
def kill(event, paths):
    if event == "os.rename" and str(paths[1]) == sys.argv[-1]:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
main(sys.argv[1:])
"""
"""The command, killed when all of its trace is written but the name."""


def test_a_killed_run_leaves_no_half_written_trace(tmp_path):
    """Whatever stands under a trace's name is a whole trace."""
    target = tmp_path / "a.json"
    target.write_text("what was there before")
    ran = command("-c", KILLED, *SAMPLE[2:], "2", "--out", str(target))
    assert ran.returncode == -signal.SIGKILL, ran.stderr[-400:]
    assert target.read_text() == "what was there before" and len(list(tmp_path.iterdir())) == 2


STOPPED_EARLY = """
import os, runpy, signal, sys
def stop(event, _):
    if event == "socket.bind" and not stopped:
        print(os.environ["GRADIO_TEMP_DIR"], flush=True)
        stopped.append(os.kill(os.getpid(), signal.SIGTERM))
stopped = []
sys.addaudithook(stop)
runpy.run_path("app.py", run_name="__main__")
"""
"""app.py, which is told to stop when it first asks for a port."""


def test_a_page_in_an_old_locale_that_is_stopped_while_it_starts_ends_quietly_and_leaves_nothing(tmp_path):
    """Gradio's own folder is `gradio` in the common one, where another user may have taken it: here it is a file."""
    (tmp_path / "gradio").touch()
    variables = {"GRADIO_SERVER_PORT": "7998", "TMPDIR": str(tmp_path), "GRADIO_SSR_MODE": "False"}
    ran = command("-c", STOPPED_EARLY, **variables, **OLD_LOCALES[0])
    assert ran.returncode in (0, 130) and not re.search(b"Traceback|Error", ran.stderr), ran.stderr[-400:]
    assert Path(ran.stdout.decode().splitlines()[-1]).parent.parent == tmp_path
    assert not list(tmp_path.glob("remdm-*"))


def test_no_folder_for_temporary_files_at_all_is_one_sentence():
    ran = command("-c", "import tempfile; tempfile.mkdtemp = lambda *_, **__: open('/proc/no/such')\nimport app")
    assert ran.returncode == 1 and ran.stderr.count(b"\n") == 1
    assert ran.stderr.startswith(
        b"No folder for temporary files can be written (No such file or directory); set TMPDIR"
    )


def test_a_port_that_is_taken_is_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = command("app.py", GRADIO_SERVER_PORT=port, GRADIO_SERVER_NAME="127.0.0.1", GRADIO_SSR_MODE="False")
    assert ran.returncode == 1 and ran.stderr.count(b"\n") == 1
    assert ran.stderr.startswith(f"The page cannot be served at 127.0.0.1:{port}".encode())


class Prefixed(BaseHTTPRequestHandler):
    """A reverse proxy that serves an app below /studio."""

    app = ""

    def do_GET(self):
        assert self.path.startswith("/studio/"), f"{self.path} leaves the prefix"
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        more = {"X-Forwarded-Host": self.headers["Host"], "X-Forwarded-Proto": "http"}
        asked = urllib.request.Request(
            self.app + self.path.removeprefix("/studio"), body or None, {**dict(self.headers), **more},
            method=self.command,
        )  # fmt: skip
        with urllib.request.urlopen(asked, timeout=60) as answer:
            self.send_response(answer.status)
            for name in ("Content-Type", "Content-Encoding", "Content-Security-Policy"):
                if answer.headers[name]:
                    self.send_header(name, answer.headers[name])
            self.end_headers()
            while part := answer.read1(1 << 16):
                self.wfile.write(part)
                self.wfile.flush()

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.mark.slow
def test_the_page_and_its_endpoint_live_below_a_prefix(tmp_path):
    with running(tmp_path, GRADIO_SSR_MODE="False", GRADIO_ROOT_PATH="/studio") as served:
        handler = type("Handler", (Prefixed,), {"app": served.address})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
            threading.Thread(target=proxy.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{proxy.server_port}/studio/"
            with urllib.request.urlopen(address) as page:
                assert b"ReMDM Studio" in page.read() and page.headers["Content-Security-Policy"]
            client = Client(address, verbose=False)
            text, trace = client.predict(prompt="", steps=4, api_name="/sample")
            client.close()
            proxy.shutdown()
    assert text and len(trace["steps"]) >= 4
