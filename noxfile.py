"""The repository's checks: `nox` runs the tests, `nox -s lint tests` everything a change has to pass.

The sessions run in the environment nox is installed in, so that torch is not downloaded a second time.
"""

import os
import sys

import nox

BENCHMARKS = (
    "tokenise",
    "scale",
    "training",
    "study",
    "overhead",
    "startup",
    "loss",
    "exam",
    "report",
    "gpu",
)

MOST_WORKERS = 8  # each of them loads torch

nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests"]


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, the slow ones too; `nox -s tests -- -m "not slow"` leaves those out.

    A process per core shares them file by file; `nox -s tests -- -n 0` runs all in one process.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # In the order of tests/conftest.py, which lets the files that take long start first.
    shared = ("-n", str(min(cores, MOST_WORKERS)), "--dist", "loadfile", "--no-loadscope-reorder")
    told = "--durations=30"  # what takes longest, so that it is seen when it grows
    session.run(sys.executable, "-m", "pytest", "--ignore=tests/bench", *shared, told, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting and types."""
    session.run(sys.executable, "-m", "ruff", "check", ".")
    session.run(sys.executable, "-m", "ruff", "format", "--check", ".")
    session.run(sys.executable, "-m", "mypy")


@nox.session
def bench(session: nox.Session) -> None:
    """Benchmarks: `nox -s bench`, or one with options: `nox -s bench -- scale --records 100000`.

    They print figures and decide nothing.
    """
    names = [name for name in BENCHMARKS if name in session.posargs[:1]]
    for name in names or BENCHMARKS:
        session.run(sys.executable, f"tests/bench/{name}.py", *session.posargs[1 if names else 0 :])
