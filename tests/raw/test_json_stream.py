"""The streaming JSON reader gives what a whole-file reader gives, and names what is not JSON."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from csft.errors import DataError
from csft.raw import Raw, json_array, json_object, json_rows, json_stream
from csft.rejects import Rejects


def read(tmp_path: Path, text: str | bytes, kind: str = "array") -> tuple[list[Any], Rejects]:
    path = tmp_path / "x.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    rejects = Rejects()
    reader = {"array": json_array, "object": json_object, "rows": json_rows}[kind]
    return list(reader(Raw(path), rejects)), rejects


@pytest.mark.parametrize("window", [1, 2, 3, 7, 64, 4096])
@pytest.mark.parametrize("indent", [None, 4])
def test_stream_equals_the_whole_file_reader(
    window: int, indent: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_stream, "WINDOW", window)
    draw = random.Random(window)
    values: list[Any] = [
        123456789, -1.5e-7, 2e300, True, None, "", "病人：\\\"]}😀\n", [], {}, [[1], {"a": [2, {"b": "，"}]}],
        "x" * 999,
    ]  # fmt: skip
    values += [draw.choice(values) for _ in range(30)]
    for ascii_only in (True, False):
        found, _ = read(tmp_path, json.dumps(values, indent=indent, ensure_ascii=ascii_only))
        assert [value for _, value in found] == values
        assert [where.rsplit("/", 1)[1] for where, _ in found[:2]] == ["x.json: row 1", "x.json: row 2"]
    table = {str(number): value for number, value in enumerate(values)}
    found, _ = read(tmp_path, json.dumps(table, indent=indent), "object")
    assert [value for _, value in found] == values


@pytest.mark.parametrize(
    "text",
    ["", "  ", "{}", "7", "[1, 2", "[1,]", "[1 2]", '["a', "[1] [2]", "[tru]", "[1, nope, 2]", "[" * 99_999],
)
def test_what_is_no_array_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.json"):
        read(tmp_path, text)


@pytest.mark.parametrize("text", ["[]", '{"a" 1}', '{"a": 1', "{1: 2}", "{1", '{"a": 1}}'])
def test_what_is_no_object_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.json"):
        read(tmp_path, text, "object")


def test_the_line_of_a_mistake_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.json, value beginning at line 4: not whole JSON"):
        read(tmp_path, '[\n"a",\n"b",\nnope]')


def test_array_and_lines_are_told_apart(tmp_path: Path) -> None:
    for text in ("\n [1,\n 2]", "1\n2\n"):
        found, _ = read(tmp_path, text, "rows")
        assert [value for _, value in found] == [1, 2]


def test_an_element_that_is_not_utf8_is_set_aside(tmp_path: Path) -> None:
    found, rejects = read(tmp_path, b'\xef\xbb\xbf["a",\n"\xff\xfe",\n"b"]')
    assert [value for _, value in found] == ["a", "b"]
    assert rejects.examples == {"not valid UTF-8": [f"{tmp_path.name}/x.json: row 2"]}


@pytest.mark.parametrize("kind", ["array", "rows"])
def test_control_characters_and_absurd_numbers_cost_no_other_element(kind: str, tmp_path: Path) -> None:
    text = '"a\\u0000\x01\tb"', "9" * 10_000, '"c"'
    found, rejects = read(tmp_path, f"[{','.join(text)}]" if kind == "array" else "\n".join(text), kind)
    assert [value for _, value in found] == ["a\x00\x01\tb", "9" * 10_000, "c"]
    assert not rejects.total


def test_a_mistake_early_in_a_big_file_is_found_without_reading_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    grow = json_stream._Window._grow
    monkeypatch.setattr(json_stream._Window, "_grow", lambda self: (reads.append(1), grow(self))[1])
    with pytest.raises(DataError, match="line 1"):
        read(tmp_path, "[1, oops," + " " * 20_000_000 + "]")
    assert len(reads) <= 2


def test_a_text_that_never_ends_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_stream, "LIMIT", 1 << 20)
    with pytest.raises(DataError, match="goes on for more than 1 million characters"):
        read(tmp_path, '["a", "' + "x" * 5_000_000)
