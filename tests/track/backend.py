"""A W&B server of our own on 127.0.0.1: it answers what runs, `wandb sync` and reports ask, and keeps it all.

    from track.backend import Backend, fresh_wandb     # tests/ itself is on the path of imports

    with Backend() as backend:                         # another process reaches it as well
        env = os.environ | backend.environment()       # WANDB_BASE_URL and a key that is none (backend.key)
        ...
    backend.runs["<run id>"]      -> Run: upsert (the latest value of each field), history, events, summary,
                                     config, exit, files
    backend.artifacts["<name>"]   -> list of Version: digest, type, aliases, entries, metadata, contents
    backend.versions              -> {name: digests of the committed versions}
    backend.views                 -> {id: variables of upsertView}, reports among them (`spec` is JSON text)
    backend.operations            -> names of the GraphQL operations in the order they came
    backend.sent                  -> every body received, for a test that looks for keys
    backend.unanswered            -> GraphQL documents that it had no answer for

    backend.down = True           each request is answered with 503; from an operation on with
    backend.down_at = "<name>"    (then set both back)
    backend.refuse = {...}        ids of runs that no upsert is granted for (409), operations that fail (400)
    backend.stop(), .start()      nobody listens on backend.port; again

A run's history is a list of rows by line number, so that a client which goes on is told how many there are
(its `historyLineCount`); one that begins anew (`wandb sync` of a segment, say) replaces what there was. An
artifact whose digest is the latest version's makes no new version. In the same process W&B reads its
environment once: `fresh_wandb(monkeypatch, backend)` sets the variables and makes it read them.
"""

import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from track.backend_answers import ANSWERS, ENTITY
from track.backend_kept import RefusedError, Run, Version

__all__ = ["ANSWERS", "ENTITY", "Backend", "Run", "Version", "fresh_wandb"]


class Backend:
    """See the head of this file."""

    key = "0f" * 20

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.artifacts: dict[str, list[Version]] = {}
        self.views: dict[str, dict[str, Any]] = {}
        self.operations: list[str] = []
        self.sent: list[bytes] = []
        self.unanswered: list[str] = []
        self.down, self.down_at = False, ""
        self.refuse: set[str] = set()
        self.port = 0
        self.lock = threading.RLock()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> "Backend":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": self.key, "WANDB_MODE": "online"}

    def start(self) -> None:
        backend = self

        class Handler(_Handler):
            server_of = backend

        self._server = _Server(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def versions(self) -> dict[str, list[str]]:
        """The digests of each artifact's committed versions, the oldest first."""
        return {name: [one.digest for one in kept if one.committed] for name, kept in self.artifacts.items()}

    def version(self, server_id: str) -> Version:
        return next(one for kept in self.artifacts.values() for one in kept if one.id == server_id)

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of a GraphQL reply."""
        found = re.search(r"(query|mutation)\s+(\w+)", query)
        name = found.group(2) if found else "?"
        self.operations.append(name)
        self.down = self.down or name == self.down_at
        if name in self.refuse:
            raise ValueError(f"{name} is refused")
        data: dict[str, Any] = {}
        for pattern, give in ANSWERS:
            if re.search(pattern, query):
                data |= give(self, query, variables)
        if not data:
            self.unanswered.append(" ".join(query.split()))
        return data


def fresh_wandb(monkeypatch: Any, backend: Backend) -> Any:
    """The wandb module, told of this server; call wandb.teardown() at the end of the test."""
    import wandb

    for name, value in backend.environment().items():
        monkeypatch.setenv(name, value)
    wandb.teardown()
    return wandb


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    server_of: Backend
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self._body()
        self._send({})

    def do_PUT(self) -> None:
        body = self._body()
        with self.server_of.lock:
            self._keep(body)
        self._send({})

    def do_POST(self) -> None:
        body = self._body()
        with self.server_of.lock:
            try:
                self._send(self._post(body))
            except RefusedError as error:
                self._send({"errors": [{"message": str(error)}], "data": None}, 409)
            except OSError:  # the client has hung up
                return
            except Exception as error:  # a client would try again for long where the connection breaks
                self.server_of.unanswered.append(f"{body[:2000]!r}: {error!r}")
                self._send({"errors": [{"message": repr(error)}], "data": None}, 400)

    def _post(self, body: bytes) -> Any:
        if self.path.endswith("/graphql"):
            asked = json.loads(body)
            return {"data": self.server_of.answer(asked["query"], asked.get("variables") or {})}
        if self.path.endswith("/file_stream"):
            self._stream(json.loads(body))
            return {"limits": {}}
        return {}

    def _stream(self, told: dict[str, Any]) -> None:
        run = self.server_of.runs.setdefault(self.path.split("/")[-2], Run("uncategorized"))
        for name, chunk in (told.get("files") or {}).items():
            lines = run.lines.setdefault(name, {})
            lines |= {chunk["offset"] + place: line for place, line in enumerate(chunk["content"])}
        if told.get("complete"):
            run.exit = told.get("exitcode", 0)

    def _keep(self, body: bytes) -> None:
        kind, _, rest = self.path.removeprefix("/upload/").partition("/")
        if kind == "run":
            name, _, file = rest.partition("/")
            self.server_of.runs[name].files[file] = body
        elif rest == "manifest":
            self.server_of.version(kind).entries = json.loads(body)["contents"]
        else:
            self.server_of.version(kind).contents[rest.removeprefix("file/")] = body

    def _body(self) -> bytes:
        body = b"".join(self._chunks()) if self.headers.get("Transfer-Encoding") == "chunked" else b""
        body = body or self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server_of.sent.append(self.path.encode() + b"\n" + body)
        return body

    def _chunks(self) -> Any:
        while size := int(self.rfile.readline().strip() or b"0", 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _send(self, answer: Any, status: int = 200) -> None:
        if self.server_of.down:
            answer, status = {"error": "down"}, 503
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
