"""Layouts, zip members, lines and the memory that huge lines need."""

import json
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from csft.errors import DataError
from csft.raw import Raw, csv_rows, first_layout, json_array, json_lines, lines, numbered, parts
from csft.raw import text as text_module
from csft.rejects import Rejects


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def test_the_first_layout_that_is_there_wins(tmp_path: Path) -> None:
    layouts = (["a.json"], ["*/a.json"], ["*.zip!x/a.json"], ["*.parquet"])
    assert first_layout(tmp_path, *layouts) == []
    (tmp_path / "z.parquet").touch()
    zipped(tmp_path / "other.zip", {"a/b": "no"})
    assert first_layout(tmp_path, *layouts) == [tmp_path / "z.parquet"]
    zipped(tmp_path / "right.zip", {"top/x/a.json": "yes"})
    assert first_layout(tmp_path, *layouts) == [tmp_path / "right.zip"]
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.json").touch()
    assert first_layout(tmp_path, *layouts) == [tmp_path / "s" / "a.json"]


def test_members_are_found_by_name_or_are_alone(tmp_path: Path) -> None:
    many = zipped(tmp_path / "many.zip", {"d/US/t": "1", "d/TW/t": "2", "other": "3", "__MACOSX/t": "4"})
    assert [raw.member for raw in parts([many], "US/t", "TW/t")] == ["d/TW/t", "d/US/t"]
    alone = zipped(tmp_path / "one.zip", {"whatever": "5"})
    assert next(raw.name for raw in parts([alone, tmp_path / "x.txt"], "t")) == "whatever"
    with pytest.raises(DataError, match=r"many\.zip holds 3 files; expected in it: no"):
        list(parts([many], "no"))


def test_lines_keep_their_place(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes("\ufeffa\r\n\n  \n\u2028b\u2028\n".encode() + b"\xff\nc")
    rejects = Rejects()
    name = f"{tmp_path.name}/x.txt"
    found = list(lines(Raw(path), rejects))
    assert found == [(f"{name}:1", "a\r\n"), (f"{name}:4", "\u2028b\u2028\n"), (f"{name}:6", "c")]
    assert rejects.examples == {"not valid UTF-8": [f"{name}:5"]}


def test_utf16_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("药", encoding="utf-16")
    with pytest.raises(DataError, match=r"x\.txt is UTF-16 text: save it as UTF-8"):
        list(lines(Raw(tmp_path / "x.txt"), Rejects()))


def test_a_line_over_the_limit_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "LIMIT", 1000)
    path = tmp_path / "x.txt"
    path.write_text("a\n" + "x" * 4321 + "\nb\n" + "y" * 2000)
    rejects = Rejects()
    assert [(number, line) for number, line, _ in numbered(Raw(path), rejects)] == [(1, "a\n"), (3, "b\n")]
    assert rejects.total == 2


CSV = ("t.csv", "a,b\n1,2\n{}\n3,4\n", lambda raw, rejects: csv_rows(raw, ["a", "b"], rejects))
READERS: list[tuple[str, str, Callable[[Raw, Rejects], Iterator[Any]]]] = [
    ("t.txt", "{}\n", lines),
    ("t.jsonl", '"{}"\n', json_lines),
    ("t.json", '["{}", 1]', json_array),
    CSV,
    ("q.csv", 'a,b\n1,2\n"{}\n3,4\n', CSV[2]),
]


@pytest.mark.parametrize(("name", "frame", "reader"), READERS, ids=lambda value: str(value)[:8])
def test_a_huge_line_needs_a_few_times_its_size(
    name: str, frame: str, reader: Callable[[Raw, Rejects], Iterator[Any]], tmp_path: Path
) -> None:
    size = 8_000_000
    path = tmp_path / name
    path.write_text(frame.format("x" * size))
    rejects = Rejects()
    tracemalloc.start()
    kept = sum(1 for _ in reader(Raw(path), rejects))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * size
    assert (kept, rejects.total) == ((2, 1) if name.endswith("csv") else (1 + (name == "t.json"), 0))


def test_zip_members_are_streamed(tmp_path: Path) -> None:
    rows = "".join(json.dumps({"n": n, "t": "药" * 300}) + "\n" for n in range(20_000))
    path = zipped(tmp_path / "x.zip", {"rows": rows})
    tracemalloc.start()
    numbers = [row["n"] for raw in parts([path]) for _, row in json_lines(raw, Rejects())]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert numbers == list(range(20_000))
    assert peak < len(rows) / 5
