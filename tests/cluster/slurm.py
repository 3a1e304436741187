"""A real Slurm of one machine for tests: munge, MariaDB, slurmdbd, slurmctld, slurmd."""

import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster.services import Services, absent, free_port, listens, open_folder, programs, user_for
from cluster.slurm_settings import write_settings

PACKAGES = "slurm-wlm slurmdbd munge mariadb-server"
PROGRAMS = ("munged", "mariadb-install-db", "mariadbd", "mariadb", "slurmdbd", "slurmctld", "slurmd")
COMMANDS = ("sbatch", "srun", "squeue", "scancel", "sacct", "sacctmgr", "scontrol")
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED"}
LIMIT_S = 300


@dataclass(frozen=True)
class Slurm:
    """A running cluster; `environment` is all that Slurm's commands and submitit need to reach it."""

    services: Services
    environment: dict[str, str]

    def run(self, *command: str, cwd: Path | None = None) -> str:
        """Run sbatch, squeue, … and give what it prints; Slurm's default output file goes to `cwd`."""
        return self.services.run(*command, cwd=cwd or self.services.folder).stdout.strip()

    def state(self, job: str) -> str:
        """What the accounts say of a job, such as PENDING or CANCELLED; empty while they know nothing."""
        words = self.run("sacct", "-X", "-n", "-P", "-o", "State", "-j", job).split()
        return words[0] if words else ""

    def wait(self, job: str, states: set[str] = ENDED) -> str:
        """Wait until the accounts have a job in one of `states`, and give the state."""
        until = time.monotonic() + LIMIT_S
        while (state := self.state(job)) not in states:
            if time.monotonic() > until:
                raise TimeoutError(f"job {job} is {state or 'unknown'} after {LIMIT_S} s")
            time.sleep(0.1)
        return state


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[Slurm]:
    """Slurm with one node and accounting, as root; each pytest process that asks has one of its own."""
    paths = programs(PACKAGES, *PROGRAMS, *COMMANDS)
    if os.getuid():
        absent("Slurm's daemons start jobs as their owners, which takes root")
    with open_folder("slurm", "root") as folder:
        environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        with Services(folder, environment) as services:
            ports = {name: free_port() for name in ("control", "node", "accounts", "database")}
            write_settings(folder, ports)
            start_munge(services, paths)
            start_database(services, paths, ports["database"])
            start_slurm(services, paths, ports)
            cluster = Slurm(services, environment)
            services.callback(end_jobs, cluster)
            yield cluster


@pytest.fixture
def slurm(slurm_cluster: Slurm, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """The cluster, with SLURM_CONF set, so that what the test starts finds it. It has 4 CPUs to give away."""
    for name, value in slurm_cluster.environment.items():
        monkeypatch.setenv(name, value)
    return slurm_cluster


def start_munge(services: Services, paths: dict[str, str]) -> None:
    """Start the daemon through which Slurm's parts know each other, with a key and a socket of its own."""
    folder = services.folder
    key = folder / "munge.key"
    key.touch(0o600)
    key.write_bytes(os.urandom(1024))
    socket = folder / "munge.socket"
    words = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
    services.start(paths["munged"], "--foreground", f"--socket={socket}", *words, ready=socket.exists)


def start_database(services: Services, paths: dict[str, str], port: int) -> None:
    """Start MariaDB, in which slurmdbd keeps the accounts: without them a killed job is never told of."""
    folder, user = services.folder / "database", user_for("mysql")
    folder.mkdir()
    socket = folder / "socket"
    os.chown(folder, *owner(user))
    # Without a folder of its own for temporary files it takes $TMPDIR, which may be closed to its user.
    common = ("--no-defaults", f"--datadir={folder}/data", f"--tmpdir={folder}", f"--user={user}")
    services.run(
        paths["mariadb-install-db"], *common, "--auth-root-authentication-method=normal", "--skip-test-db"
    )
    settings = ("--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin")
    client = (paths["mariadb"], "--no-defaults", f"--socket={socket}", "--user=root")
    services.start(
        paths["mariadbd"],
        *common,
        f"--port={port}",
        f"--socket={socket}",
        f"--pid-file={folder}/pid",
        *settings,
        ready=lambda: services.answers(*client, "-e", "SELECT 1"),
    )
    grant = "GRANT ALL ON slurm_accounts.* TO slurm@'%' IDENTIFIED BY 'slurm'"
    services.run(*client, "-e", grant)


def owner(user: str) -> tuple[int, int]:
    """Numbers of a user and of the user's group."""
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def start_slurm(services: Services, paths: dict[str, str], ports: dict[str, int]) -> None:
    """Start accounting, control and the one node, and wait until the node takes jobs."""
    services.start(paths["slurmdbd"], "-D", ready=lambda: listens(ports["accounts"]))
    services.run("sacctmgr", "--immediate", "add", "cluster", "csft")
    services.start(paths["slurmctld"], "-D", "-c", ready=lambda: services.answers("scontrol", "ping"))
    services.start(paths["slurmd"], "-D", "-N", "localhost", ready=lambda: "idle" in nodes(services))


def nodes(services: Services) -> str:
    """States of the nodes; the control daemon may not answer yet."""
    command = ("sinfo", "--noheader", "--format=%T")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=services.environment)
    return done.stdout


def end_jobs(cluster: Slurm) -> None:
    """Cancel what still runs and wait for it, so that no job outlives the daemons."""
    cluster.run("scancel", "--full", "--user=root")
    until = time.monotonic() + 30
    while cluster.run("squeue", "--noheader") and time.monotonic() < until:
        time.sleep(0.1)
