"""What the benchmarks share: measured child processes, medians, Markdown tables, the machine in a line.

Memory is the peak of a process and all its descendants together: proportional set size (a page shared by n
processes counts 1/n in each), sampled every `SAMPLE_S`. `others` is the share of the machine that all other
processes used meanwhile: figures with more than a few percent of it are not to be quoted.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

SAMPLE_S = 0.1
SHARED = Path(__file__).resolve().parents[3] / "shared"  # where real samples lie beside a checkout
Row = Sequence[str | int | float]


@dataclass(frozen=True)
class Run:
    """One finished child process. `figures` is what it measured of itself, `wall_s` without `checking_s`."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    others: float
    figures: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.figures[name] if name in self.figures else getattr(self, name)


def run(command: Sequence[str | Path], env: Mapping[str, str] | None = None, quiet_s: float = 0.0) -> Run:
    """Run a command that writes its figures as JSON to the file named last, which is put behind it here.

    Waits up to `quiet_s` seconds for the machine to be idle. RuntimeError with the output's end on failure.
    """
    wait_until_idle(quiet_s)
    with tempfile.TemporaryDirectory() as scratch:
        out, log = Path(scratch) / "figures.json", Path(scratch) / "log"
        busy, started = _busy_s(), time.perf_counter()
        with log.open("wb") as file:
            words = [str(word) for word in (*command, out)]
            child = subprocess.Popen(words, stdout=file, stderr=file, env={**os.environ, **(env or {})})
        with _Peak(child.pid) as peak:
            _, status, usage = os.wait4(child.pid, 0)
        wall, cpu = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
        others = max(0.0, _busy_s() - busy - cpu) / (wall * (os.cpu_count() or 1))
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError(f"{words} failed:\n{log.read_text(errors='replace')[-2000:]}")
        figures = json.loads(out.read_text()) if out.is_file() else {}
    wall -= figures.get("checking_s", 0.0)
    return Run(round(wall, 3), round(cpu, 2), round(peak.mb), round(others, 3), figures)


class _Peak(threading.Thread):
    """Samples a process tree's memory until it is left."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.mb, self._pid, self._stop_asked = 0.0, pid, threading.Event()

    def __enter__(self) -> "_Peak":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_asked.set()
        self.join()

    def run(self) -> None:
        while not self._stop_asked.wait(SAMPLE_S):
            self.mb = max(self.mb, self._now())

    def _now(self) -> float:
        total = 0
        try:
            root = psutil.Process(self._pid)
            for process in (root, *root.children(recursive=True)):
                total += process.memory_full_info().pss
        except psutil.Error:  # a process ended while it was looked at: this sample counts what was seen
            pass
        return total / 1e6


def _busy_s() -> float:
    """Core seconds used on this machine since it started."""
    times = psutil.cpu_times()
    return (
        float(sum(times)) - times.idle - times.iowait - times.guest - times.guest_nice
    )  # guest is part of user


def wait_until_idle(seconds: float, share: float = 0.05) -> None:
    """Wait until less than `share` of the cores is used, `seconds` at most."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and psutil.cpu_percent(interval=3) > 100 * share:
        pass


def arguments(about: str | None, records: int) -> argparse.ArgumentParser:
    """The options that the benchmarks share."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    tokenizer = os.environ.get("CSFT_BENCH_TOKENIZER", SHARED / "internlm2" / "tokenizer")
    parser.add_argument("--tokenizer", type=Path, default=tokenizer)
    parser.add_argument("--records", type=int, default=records)
    parser.add_argument(
        "--quiet", type=float, default=60, help="seconds to wait for an idle machine before a run"
    )
    parser.add_argument("--work", type=Path, help="where the scratch folder is made")
    parser.add_argument("--results", type=Path, help="folder for every run as JSON")
    return parser


def median(runs: Iterable[Run], name: str) -> float:
    """The median of one figure over several runs."""
    return float(statistics.median(one[name] for one in runs))


def markdown(header: Sequence[str], rows: Iterable[Row]) -> str:
    """A Markdown table; floats with three significant digits, whole numbers with thousands apart."""
    lines = [header, ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: str | int | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 100 else f"{value:.3g}"


def environment() -> str:
    """CPU, cores, memory and the versions that matter, in a line."""
    cpu = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    names = ("torch", "transformers", "tokenizers", "pyarrow", "numpy")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    memory = psutil.virtual_memory().total / 2**30
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB; Python {platform.python_version()}, {packages}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).is_file() else []


def save(folder: str | Path | None, name: str, runs: Mapping[str, Sequence[Run]], **about: Any) -> None:
    """Write every run as JSON to `folder`, if one is given."""
    if folder is None:
        return
    path = Path(folder).expanduser() / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    every = {key: [asdict(one) for one in some] for key, some in runs.items()}
    content = {"environment": environment(), **about, "runs": every}
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")
    print(f"every run: {path}")
