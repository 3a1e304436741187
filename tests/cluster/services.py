"""Real services for tests: processes that end with the tests, on free ports, in a folder of their own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

READY_S = 90  # a service that starts beside the other tests on a busy machine
STOP_S = 30


def absent(reason: str) -> NoReturn:
    """Skip the test; where CSFT_TEST_CLUSTERS is set, as `.ci/run` does, what is absent is a failure."""
    if os.environ.get("CSFT_TEST_CLUSTERS"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def programs(packages: str, *names: str) -> dict[str, str]:
    """Paths of the programs a cluster consists of; the test is skipped where one of them is absent."""
    if sys.platform != "linux":
        absent(f"{packages} are started on Linux alone")
    folders = [os.environ["PATH"], "/usr/sbin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin")))]
    found = {name: shutil.which(name, path=os.pathsep.join(folders)) for name in ("setpriv", *names)}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        absent(f"not installed: {', '.join(missing)} (Debian's {packages}; util-linux)")
    return {name: path for name, path in found.items() if path}


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def open_folder(name: str, user: str) -> Iterator[Path]:
    """A temporary folder that belongs to `user`; others may enter it, and its path fits a socket's name."""
    folder = Path(tempfile.mkdtemp(prefix=f"csft-{name}-", dir="/tmp"))  # $TMPDIR may be closed to others
    try:
        folder.chmod(0o755)
        if os.getuid() == 0:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def user_for(service: str) -> str:
    """Who runs a service that refuses root: its own user where Debian made one, otherwise nobody."""
    if os.getuid():
        return pwd.getpwuid(os.getuid()).pw_name
    return next((user.pw_name for user in pwd.getpwall() if user.pw_name == service), "nobody")


def as_user(user: str, *how: str) -> list[str]:
    """What to put before a command so that `user` runs it."""
    if os.getuid():
        return ["setpriv", *how]
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups", *how]


class Services(ExitStack):
    """Processes of one cluster: started in order, stopped in the other one, what they said in `folder`."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.folder = folder
        self.environment = {**os.environ, **(environment or {})}

    def start(
        self,
        *command: str,
        ready: Callable[[], bool],
        user: str | None = None,
        end: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start a process and wait until it is `ready`; `end` stops it, also where this process is killed."""
        name = Path(command[0]).name
        log = self.folder / f"{name}.said"
        with log.open("wb") as said:
            process = subprocess.Popen(
                [*as_user(user or "root", f"--pdeathsig={end.name}"), *command],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=self.folder,
                env=self.environment,
            )
        self.callback(stop, process, end)
        until = time.monotonic() + READY_S
        while not ready():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{name} did not start within {READY_S} s:\n{log.read_text()[-3000:]}")
            time.sleep(0.05)

    def run(self, *command: str, **how: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command of the cluster to its end, and raise where it fails."""
        how = {"env": self.environment, "cwd": self.folder, "timeout": READY_S, **how}
        done = subprocess.run(command, capture_output=True, text=True, check=False, **how)
        if done.returncode:
            told = f"{' '.join(command)} ended with {done.returncode}"
            raise RuntimeError(f"{told}:\n{done.stdout}{done.stderr}")
        return done

    def answers(self, *command: str) -> bool:
        """Say whether a command succeeds now."""
        done = subprocess.run(command, capture_output=True, check=False, env=self.environment)
        return done.returncode == 0


def stop(process: "subprocess.Popen[bytes]", end: signal.Signals) -> None:
    """End a service, the hard way if it does not end by itself."""
    process.send_signal(end)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    """Say whether something accepts connections at a port of this machine."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
