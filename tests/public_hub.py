"""A hub of our own on the loopback: repositories are folders, one is gated, all others are missing."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GATED = "closed/model"


class Handler(BaseHTTPRequestHandler):
    """What the client asks of the hub to download files."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        """Nothing on the test's output."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        path = self.path.split("?")[0].strip("/")
        self.server.asked.append(path)
        if path.startswith("api/models/"):
            repo = "/".join(path.split("/")[2:4])
            return self.about(repo) if repo in self.server.repos else self.refuse(repo)
        repo, _, name = path.partition("/resolve/main/")
        file = self.server.repos.get(repo, Path("/nowhere")) / name
        return self.file(file, body) if name and file.is_file() else self.refuse(repo)

    def about(self, repo: str) -> None:
        folder = self.server.repos[repo]
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        listed = [{"rfilename": path.relative_to(folder).as_posix(), "size": path.stat().st_size} for path in files]
        self.reply(200, json.dumps({"_id": "1", "id": repo, "sha": COMMIT, "siblings": listed}).encode())

    def refuse(self, repo: str) -> None:
        gated = repo == GATED
        code = "GatedRepo" if gated else "RepoNotFound"
        self.reply(403 if gated else 404, b"{}", {"X-Error-Code": code, "X-Error-Message": "no"})

    def file(self, file: Path, body: bool) -> None:
        content = file.read_bytes()
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}
        if not body:
            return self.reply(200, content, headers, body=False)
        half = len(content) // 2
        self.reply(200, content, headers, body=False)
        self.wfile.write(content[:half])
        self.wfile.flush()
        if file.suffix == ".safetensors":
            self.server.halfway.set()
            self.server.goes_on.wait(20)
        try:
            self.wfile.write(content[half:])
        except (BrokenPipeError, ConnectionResetError):  # the client has stopped
            self.close_connection = True

    def reply(self, status: int, content: bytes, headers: dict[str, str] | None = None, body: bool = True) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if body and self.command == "GET":
            self.wfile.write(content)


@contextmanager
def serving(repos: dict[str, Path]):
    """A running hub; `halfway` is set when half of some weights is sent, `goes_on` lets the rest go."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.repos, server.asked = repos, []
    server.handle_error = lambda *_about: None  # a client that was told to stop hangs up
    server.halfway, server.goes_on = threading.Event(), threading.Event()
    server.goes_on.set()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.goes_on.set()
        server.shutdown()
        server.server_close()
