"""The repository's checks: `nox` runs the tests, `nox -s lint tests` everything a change has to pass.

The sessions run in the environment nox is installed in, so that torch is not downloaded a second time.
"""

import sys
from pathlib import Path

import nox

BENCHMARKS = Path("tests/bench")

nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests"]


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, the slow ones too; `nox -s tests -- -m "not slow"` leaves those out."""
    session.run(sys.executable, "-m", "pytest", f"--ignore={BENCHMARKS}", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting and types."""
    session.run(sys.executable, "-m", "ruff", "check", ".")
    session.run(sys.executable, "-m", "ruff", "format", "--check", ".")
    session.run(sys.executable, "-m", "mypy")


@nox.session
def bench(session: nox.Session) -> None:
    """Benchmarks; they print figures and decide nothing."""
    if not sorted(BENCHMARKS.rglob("*.py")):
        session.skip(f"there is no benchmark in {BENCHMARKS} yet")
    session.run(sys.executable, "-m", "pytest", "-s", str(BENCHMARKS), *session.posargs)
