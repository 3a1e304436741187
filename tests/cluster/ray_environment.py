"""A Python with Ray and its Hydra launcher, beside the running environment and not in it.

The launcher wants cloudpickle below 3, which submitit and others do not, so an environment of its own holds
these, and finds everything else, csft included, where the running environment has it.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.services import absent, open_folder, user_for
from filelock import FileLock

# The launcher itself without what only its AWS variant and Ray's dashboard need (boto3, aiohttp, …).
ALONE = ("hydra-ray-launcher>=1.2,<1.3",)
WHOLE = ("ray>=2.50,<3", "cloudpickle<3")
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}  # nothing sent, nothing left at home


@pytest.fixture(scope="session")
def ray_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that environment, made once for all of pytest's processes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "ray-environment"
    done = folder / "done"
    with FileLock(f"{folder}.lock"):
        if not done.exists():
            make(folder)
            done.touch()
    return folder


@pytest.fixture
def ray_python(ray_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The Python to start in place of `sys.executable`: `import ray` and `hydra/launcher=ray` work there."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    with open_folder("ray", user_for("root")) as folder:  # a test's own folder is too long for Ray's sockets
        monkeypatch.setenv("RAY_TMPDIR", str(folder))
        yield str(ray_environment / "bin" / "python")


def make(folder: Path) -> None:
    """Make the environment, or skip the test where the registry is out of reach."""
    venv.create(folder, with_pip=False, symlinks=True, clear=True)
    python = str(folder / "bin" / "python")
    (packages,) = folder.glob("lib/python*/site-packages")
    # addsitedir and not the bare path: it reads .pth files too, through which an editable csft is found.
    line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (packages / "running.pth").write_text(line, encoding="utf-8")
    for words in (WHOLE, ("--no-deps", *ALONE)):
        command = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            python,
            "install",
            "--quiet",
            "--no-compile",
            *words,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            absent(f"pip cannot install {' '.join(words)}: {done.stderr[-500:]}")
