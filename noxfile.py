"""The repository's checks: `nox` runs the tests, `nox -s lint tests` everything a change has to pass.

The sessions run in the environment nox is installed in, so that torch is not downloaded a second time.
"""

import sys

import nox

BENCHMARKS = ("tokenise", "scale", "training", "overhead", "loss", "exam", "gpu")

nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests"]


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, the slow ones too; `nox -s tests -- -m "not slow"` leaves those out."""
    session.run(sys.executable, "-m", "pytest", "--ignore=tests/bench", *session.posargs)


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
