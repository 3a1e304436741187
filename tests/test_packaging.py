"""What is shipped: the wheel, what importing costs, and files that name nobody's machine."""

import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "transformers", "wandb", "peft", "pyarrow", "sentencepiece", "optuna")
CHECKS = "nox -s lint tests"

# A folder that exists on one machine alone: a home, a mounted disk, a scratch folder of somebody's.
MACHINE_PATH = re.compile(rb"(?<![\w.~/}-])/(?:home|root|Users|work|mnt|scratch|workspace|private)/[\w.-]")


def repository_files():
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_speaks_of_a_machine():
    here = [str(folder).encode() for folder in (ROOT, ROOT.parent, Path.home()) if len(folder.parts) > 2]
    found = []
    for path in repository_files():
        content = path.read_bytes()
        hits = (
            [match.group().decode() for match in MACHINE_PATH.finditer(content)]
            if b"\0" not in content
            else []
        )
        hits += [folder.decode() for folder in here if folder in content]
        found += [f"{path.relative_to(ROOT)}: {hit}" for hit in hits]
    assert found == []


def test_the_search_for_machine_paths_can_find_one():
    home = "/".join(("", "home", "someone", "data"))
    assert MACHINE_PATH.search(f'root = "{home}"'.encode())
    assert not MACHINE_PATH.search(b"conf/root/x ${output}/work/x ~/home/x https://example.org/home/x")


@pytest.mark.parametrize("module", ["csft", "csft.config", "csft.run", "csft.track"])
def test_importing_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_readme_and_ci_run_the_same_checks():
    assert CHECKS in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert CHECKS in (ROOT / "README.md").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_ci_names_no_host():
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--index-url|--find-links|INDEX_URL|PIP_FIND_LINKS", text)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    if importlib.util.find_spec("hatchling"):
        command.insert(4, "--no-isolation")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("csft-*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_carries_what_a_trial_needs_and_no_tests(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = repository_files()
    for group in ("conf", "sweeps"):
        expected = {
            f"csft/{path.relative_to(ROOT).as_posix()}" for path in files if path.is_relative_to(ROOT / group)
        }
        assert expected and expected <= names
    package = {path.relative_to(ROOT).as_posix() for path in files if path.is_relative_to(ROOT / "csft")}
    assert package <= names and "csft/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} <= {"csft", "hydra_plugins"}
    assert not [name for name in names if "test" in Path(name).name.lower() and name.endswith(".py")]
    assert wheel.stat().st_size < 12_000_000


@pytest.mark.slow
def test_an_installed_wheel_composes_from_an_empty_folder(wheel, tmp_path):
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        str(wheel),
    ]
    subprocess.run(pip, check=True)
    # The dependencies of this environment, less its own csft: a path file inside a path file is not followed.
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CSFT_SITE")
    }

    def run(*words):
        return subprocess.run(
            [str(python), *words], cwd=empty, env=environment, capture_output=True, text=True, check=False
        )

    where = run("-c", "import csft; print(csft.__file__)")
    assert Path(where.stdout.strip()).is_relative_to(home), where.stdout + where.stderr
    composed = run("-m", "csft.run", "--cfg", "job", "+mix=full")
    assert composed.returncode == 0, composed.stderr
    assert "cutoff: 512" in composed.stdout and "cmb: " in composed.stdout
    assert list(empty.iterdir()) == []
    script = subprocess.run(
        [str(home / "bin" / "csft"), "--cfg", "job", "+mix=full"],
        cwd=empty, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert script.stdout == composed.stdout, script.stderr
