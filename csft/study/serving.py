"""The Optuna dashboard as a server on this machine alone."""

from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from csft.errors import CsftError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

HOST = "127.0.0.1"


class _Server(ThreadingMixIn, WSGIServer):
    """A thread per request: browsers open connections ahead of need, which would hold up a single one."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the page asks every few seconds."""


def serve(storage: "BaseStorage", artifacts: Path, port: int) -> WSGIServer:
    """Give a server that is bound and not started; port 0 takes any. Raises CsftError where it cannot be."""
    try:
        from optuna_dashboard import wsgi
    except ImportError:
        raise CsftError('The Optuna dashboard is not installed: pip install "csft[dashboard]"') from None
    from optuna.artifacts import FileSystemArtifactStore

    artifacts.mkdir(parents=True, exist_ok=True)
    page = wsgi(storage, FileSystemArtifactStore(artifacts))
    try:
        return make_server(HOST, port, page, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        raise CsftError(
            f"port={port} cannot be used: {error.strerror}. Give another, or port=0 for any that is free."
        ) from None
