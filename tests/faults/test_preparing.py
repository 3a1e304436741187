"""The cache under faults, with real processes: killed writers, many at once, full disks, damage."""

import errno
import json
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from preparing import MOMENTS

Start = Callable[..., "subprocess.Popen[str]"]


def result(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """What a preparation that succeeds tells last."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


def error(process: "subprocess.Popen[str]") -> str:
    """What a preparation that fails by design tells."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out + err
    assert "Traceback" not in err
    return err


def visible(cache: Path, room: str) -> list[str]:
    return [path.name for path in (cache / room).glob("*") if path.name[0] != "."]


def unfinished(cache: Path) -> list[str]:
    return [path.name for path in cache.glob("*/.*") if path.is_dir()]


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_the_next_start_finishes_the_work(
    moment: str, start: Start, cache: Path, expected: dict[str, Any]
) -> None:
    killed = start(moment)
    killed.communicate(timeout=60)
    assert killed.returncode == -9
    assert len(visible(cache, "tokens")) == (moment == "the store is in place")
    told = result(start())
    assert told == {**expected, "written": int(moment != "the store is in place")}
    assert unfinished(cache) == []


def test_of_four_at_once_one_works_and_all_agree(start: Start, cache: Path, expected: dict[str, Any]) -> None:
    told = [result(process) for process in [start() for _ in range(4)]]
    assert {one["hash"] for one in told} == {expected["hash"]}
    assert sum(one["written"] for one in told) == 1
    assert [len(visible(cache, room)) for room in ("screened", "tokens")] == [1, 1]
    assert unfinished(cache) == []


def test_those_that_wait_say_so_and_go_on_when_the_writer_is_killed(
    start: Start, expected: dict[str, Any]
) -> None:
    writer = start("the first part is written", "pause")
    assert writer.stdout is not None
    assert writer.stdout.readline() == "pausing\n"
    waiting = [start() for _ in range(3)]
    for process in waiting:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Another process is building ")
    writer.kill()
    writer.communicate()
    told = [result(process) for process in waiting]
    assert {one["hash"] for one in told} == {expected["hash"]}
    assert sum(one["written"] for one in told) == 1


def restored_flip(path: Path) -> None:
    """Change one bit and put size and modification time back."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 4)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("tokens/*/tokens.bin", restored_flip),
        ("tokens/*/pieces.bin", shorten),
        ("tokens/*/meta.json", Path.unlink),
        ("screened/*/records.parquet", restored_flip),
        ("screened/*/records.parquet", shorten),
    ],
)
def test_damage_is_noticed_by_a_later_process_and_repaired(
    name: str, damage: Callable[[Path], None], start: Start, cache: Path, expected: dict[str, Any]
) -> None:
    result(start())
    if "screened" in name:
        shutil.rmtree(cache / "tokens")
    (path,) = cache.glob(name)
    damage(path)
    process = start()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert f"{path.parent} cannot be used" in out and "It is built again." in out
    assert json.loads(out.splitlines()[-1]) == expected


def test_a_hash_that_was_remembered_does_not_hide_a_change(
    start: Start, cache: Path, expected: dict[str, Any]
) -> None:
    result(start())
    time.sleep(2.1)  # until then a file could change within a tick of its clock, and is not remembered
    result(start())
    (path,) = cache.glob("tokens/*/tokens.bin")
    ledger = Path(f"{cache}-of-hashes", "hashes").glob("*.json")
    assert str(path) in {json.loads(entry.read_text())["path"] for entry in ledger}
    restored_flip(path)
    out, _ = start().communicate(timeout=60)
    assert "tokens.bin does not match its checksum. It is built again." in out
    assert json.loads(out.splitlines()[-1]) == expected


@pytest.fixture
def mounted(cache: Path) -> Iterator[Callable[[str], None]]:
    """Mount, or mount again, the cache as a file system in memory with options such as `size=1m`."""
    cache.mkdir()

    def mount(options: str) -> None:
        again = "remount," if os.path.ismount(cache) else ""
        command = ["mount", "-t", "tmpfs", "-o", again + options, "tmpfs", str(cache)]
        if os.getuid() or subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("only root can mount a small file system, and not in every container")

    yield mount
    subprocess.run(["umount", str(cache)], check=False, capture_output=True)


@pytest.mark.parametrize("kilobytes", [16, 3000])
def test_a_disk_too_small_for_screening_is_told_and_nothing_looks_whole(
    kilobytes: int, start: Start, cache: Path, mounted: Callable[[str], None], expected: dict[str, Any]
) -> None:
    mounted(f"size={kilobytes}k")
    assert_no_room(error(start()), cache)
    assert visible(cache, "screened") == visible(cache, "tokens") == unfinished(cache) == []
    mounted("size=64m")
    assert result(start()) == expected


@pytest.mark.parametrize("kilobytes", [300, 1000])
def test_a_disk_too_small_for_the_store_is_told_and_nothing_looks_whole(
    kilobytes: int, start: Start, cache: Path, mounted: Callable[[str], None], expected: dict[str, Any]
) -> None:
    mounted("size=64m")
    start("screened records are in place").communicate(timeout=60)
    mounted(f"size={shutil.disk_usage(cache).used // 1024 + kilobytes}k")
    assert_no_room(error(start()), cache)
    assert visible(cache, "tokens") == unfinished(cache) == []
    mounted("size=64m")
    assert result(start()) == expected


def assert_no_room(told: str, cache: Path) -> None:
    """The message names the folder, the room there is and that is needed, and what to set."""
    assert told.startswith(f"DataError: No room in the cache {cache}/")
    assert all(part in told for part in ("MB were free", "MB are needed", "data.cache", "CSFT_CACHE"))


def test_a_limit_on_files_is_told_as_a_full_disk_is(start: Start, cache: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    told = error(start(preexec_fn=limit))
    assert told.startswith("DataError: No room in the cache") and os.strerror(errno.EFBIG) in told
    assert visible(cache, "tokens") == unfinished(cache) == []


def test_a_read_only_cache_is_told_but_may_be_read(
    start: Start, cache: Path, mounted: Callable[[str], None], expected: dict[str, Any]
) -> None:
    mounted("size=64m")
    result(start())
    mounted("ro")
    assert result(start()) == {**expected, "written": 0}
    mounted("rw")
    shutil.rmtree(*cache.glob("tokens/*"))
    mounted("ro")
    told = error(start())
    assert "cannot be written" in told
    assert all(part in told for part in ("data.cache", "CSFT_CACHE", str(cache)))
