"""Follows the Dockerfile without Docker and prints what it finds: part of `make hostile`.

The tracked files are copied and made read-only, the home folder cannot be written, and the process may write nowhere
else but in the folder for temporary files; variables, health check and command are the Dockerfile's own. With `--fresh`
its packages are installed into a new environment.
"""

import argparse
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USER = 1000
START, STOP = 180, 5
"""Seconds: until the health check holds, and from the signal to the end."""


def dockerfile() -> tuple[dict[str, str], str, list[str], list[str]]:
    """Variables, the health check's command, the command, and the lines of packages."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    variables = dict(pair.split("=", 1) for line in re.findall(r"^ENV (.*)$", text, re.M) for pair in shlex.split(line))
    health = re.search(r"^HEALTHCHECK .*? CMD (.*)$", text, re.M)
    start = re.search(r"^CMD \[(.*)\]$", text, re.M)
    installs = [line for line in re.findall(r"^RUN (.*)$", text, re.M) if line.startswith("pip")]
    return variables, health[1], [word.strip(' "') for word in start[1].split(",")], installs


def source(folder: Path) -> None:
    """The tracked files, read-only."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in names.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def environment(folder: Path, installs: list[str], device: str = "cpu") -> str:
    """A fresh environment with the Dockerfile's packages; its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    for line in installs:
        line = line.replace("pip install", f"{folder}/bin/python -m pip install -q").replace("${DEVICE}", device)
        subprocess.run(line, shell=True, cwd=ROOT, check=True)
    return str(folder / "bin" / "python")


def identity(python: str) -> tuple[dict[str, int], list[str], str]:
    """How the process becomes the container's user: arguments, words before the command, and both in words.

    Where that user may not run this Python, root's own rights over files are taken from it instead.
    """
    if os.geteuid() != 0:
        return {}, [], f"as user {os.geteuid()}"
    user = {"user": USER, "group": USER}
    try:
        subprocess.run([python, "-c", ""], check=True, capture_output=True, **user)
    except (OSError, subprocess.CalledProcessError):
        return {}, ["setpriv", "--bounding-set=-all", "--inh-caps=-all"], "as root without root's rights"
    return user, [], f"as user {USER}"


def check(python: str, work: Path) -> None:
    """Start, health check, a run, SIGTERM."""
    variables, health, start, _ = dockerfile()
    tree, home = work / "app", work / "home"
    tree.mkdir()
    home.mkdir()
    source(tree)
    home.chmod(0o555)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    more, before, who = identity(python)
    work.chmod(0o755)
    env = {**{name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ},
           **variables, "HOME": str(home), "GRADIO_SERVER_PORT": str(port)}  # fmt: skip
    log = work / "log"
    with log.open("wb") as out:
        begun = time.monotonic()
        running = subprocess.Popen(
            [*before, *(python if word == "python" else word for word in start)], cwd=tree, env=env, stdout=out,
            stderr=subprocess.STDOUT, start_new_session=True, **more,
        )  # fmt: skip
        try:
            healthy = health.replace("python ", f"{python} ", 1).replace("7860", str(port))
            while subprocess.run(healthy, shell=True, capture_output=True).returncode:
                if running.poll() is not None or time.monotonic() - begun > START:
                    sys.exit(f"The app did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")
                time.sleep(0.5)
            print(f"healthy after {time.monotonic() - begun:.1f} s, {who}, from a read-only tree")
            told: list[str] = []
            visitor = threading.Thread(target=visit, args=(port, told))
            visitor.start()
            time.sleep(8)
            stopped = time.monotonic()
            running.terminate()
            running.wait(60)
            took = time.monotonic() - stopped
            visitor.join(60)
            print(f"stopped {took:.1f} s after SIGTERM with status {running.returncode}; its visitor read: {told[0]}")
            text = log.read_text(encoding="utf-8", errors="replace")
            if took > STOP or "Traceback" in text or "stops now" not in told[0]:
                sys.exit(f"That is not how a container has to stop:\n{text[-3000:]}")
        finally:
            if running.poll() is None:
                running.kill()


def visit(port: int, told: list[str]) -> None:
    """A run that is under way when the server stops."""
    from gradio_client import Client

    try:
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        made = client.predict(prompt="", sampler="remdm-conf", steps=1024, api_name="/sample")
        told.append(f"a result of {len(made[0])} letters")
    except Exception as error:
        told.append(f"{type(error).__name__}: {error}")


def main() -> None:
    """Print what each step found; the status is 1 if one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", action="store_true", help="install the Dockerfile's packages into a new environment")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="container-") as name:
        work = Path(name)
        python = environment(work / "venv", dockerfile()[3]) if args.fresh else sys.executable
        try:
            check(python, work)
        finally:
            for path in (work, *work.rglob("*")):
                if path.is_dir() and not path.is_symlink():
                    path.chmod(0o755)


if __name__ == "__main__":
    main()
