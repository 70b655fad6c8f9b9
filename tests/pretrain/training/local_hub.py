"""A server on loopback that speaks what huggingface_hub asks of the Hub to create, fill and read a repository."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

COMMIT = "a" * 40
TOKEN = "hf_of_a_test"


class LocalHub(ThreadingHTTPServer):
    """Repositories by name: their files, and who may see them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.visibility: dict[str, str | None] = {}
        self.files: dict[str, dict[str, bytes]] = {}

    @property
    def address(self) -> str:
        """Its address, for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def local_hub() -> Iterator[LocalHub]:
    """A running server."""
    with LocalHub() as hub:
        thread = Thread(target=hub.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: LocalHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] == f"Bearer {TOKEN}":
            self._answer(self._reply(self.path.partition("?")[0].removeprefix("/api/"), body))
        else:
            self._answer({"error": "Invalid credentials in Authorization header"}, 401)

    def do_HEAD(self) -> None:
        self._send_file(with_body=False)

    def do_GET(self) -> None:
        parts = self._parts()
        name = "/".join(parts[2:4])
        if parts[0] == "api" and name not in self.server.files:
            self._answer({"error": "Repository not found"}, 404)
        elif parts[0] == "api" and parts[4] == "tree":
            files = self.server.files[name].items()
            self._answer([{"type": "file", "path": path, "size": len(one), "oid": _hash(one)} for path, one in files])
        elif parts[0] == "api":
            siblings = [{"rfilename": path} for path in self.server.files[name]]
            self._answer({"id": name, "sha": COMMIT, "siblings": siblings})
        else:
            self._send_file(with_body=True)

    def _reply(self, path: str, body: bytes) -> dict[str, Any]:
        if path == "validate-yaml":
            return {"errors": [], "warnings": []}
        if path == "repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.server.visibility[name] = asked.get("visibility")
            self.server.files[name] = {}
            return {"url": f"{self.server.address}/{name}", "name": name}
        owner, name, action = path.removeprefix("models/").split("/")[:3]
        if action == "preupload":
            paths = [one["path"] for one in json.loads(body)["files"]]
            return {"files": [{"path": one, "uploadMode": "regular", "shouldIgnore": False} for one in paths]}
        assert action == "commit", path
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                value = line["value"]
                self.server.files[f"{owner}/{name}"][value["path"]] = base64.b64decode(value["content"])
        return {"commitUrl": f"{self.server.address}/{owner}/{name}/commit/{COMMIT}", "commitOid": COMMIT}

    def _parts(self) -> list[str]:
        return self.path.partition("?")[0].strip("/").split("/")

    def _send_file(self, with_body: bool) -> None:
        """The file of /OWNER/NAME/resolve/REVISION/PATH."""
        parts = self._parts()
        content = self.server.files["/".join(parts[:2])]["/".join(parts[4:])]
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{_hash(content)}"'}
        self._send(content if with_body else b"", 200, headers | {"Content-Length": str(len(content))})

    def _answer(self, content: Any, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self._send(body, status, {"Content-Type": "application/json", "Content-Length": str(len(body))})

    def _send(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _hash(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
