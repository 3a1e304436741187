"""CSV with odd quotes and Parquet with odd bytes: one bad row costs one row."""

from pathlib import Path

import pytest

from csft.errors import DataError
from csft.raw import Raw, csv_rows, parquet_rows
from csft.rejects import Rejects


def cells(tmp_path: Path, text: str | bytes) -> tuple[list[list[str]], dict[str, list[str]]]:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    rejects = Rejects()
    rows = [row for _, row in csv_rows(Raw(path), ["a", "b"], rejects)]
    return rows, {reason: [w.rsplit(":")[-1] for w in where] for reason, where in rejects.examples.items()}


@pytest.mark.parametrize(
    ("text", "rows", "rejects"),
    [
        ('b,a\r\n1,"2,\r\n3"\r\n', [["2,\r\n3", "1"]], {}),
        ('a,b\n1,"say ""hi"""\n', [["1", 'say "hi"']], {}),
        ('a,b\n"x" y,2\n', [["x y", "2"]], {}),  # a sloppy quote, as spreadsheet programs read it
        ('a,b\n1,2\n"3,4\n5,6\n7,8', [["1", "2"], ["5", "6"], ["7", "8"]], {"not CSV": ["3"]}),
        ('a,b\n"3,4\n5,"6"\n7,8\n', [["5", "6"], ["7", "8"]], {"not CSV": ["2"]}),
        ('a,b\n1,"2', [], {"not CSV": ["2"]}),  # cut off inside a text
        ('a,b\n1\n1,2,3\n\n4,"5\n6"\n7,8\n', [["4", "5\n6"], ["7", "8"]],
         {"wrong number of columns": ["2", "3"]}),
        ("a,b\n1,2\r3\n4,5\n", [["4", "5"]], {"not CSV": ["2"]}),
        (b"a,b\n1,\xff\n3,4\n", [["3", "4"]], {"not valid in the file's encoding": ["2"]}),
        ("a,b\n1,x\0y\n", [["1", "x\0y"]], {}),
    ],
)  # fmt: skip
def test_rows_and_their_quotes(
    text: str | bytes, rows: list[list[str]], rejects: dict[str, list[str]], tmp_path: Path
) -> None:
    assert cells(tmp_path, text) == (rows, rejects)


def test_a_quote_that_is_never_closed_does_not_swallow_the_file(tmp_path: Path) -> None:
    good = "".join(f"{n},{n}\n" for n in range(50_000))
    rows, rejects = cells(tmp_path, f'a,b\n"lost,1\n{good}')
    assert len(rows) == 50_000
    assert rejects == {"not CSV": ["2"]}


@pytest.mark.parametrize("text", ["", "a\n1\n", '"a,b\n'])
def test_a_table_without_its_columns_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.csv has no column"):
        cells(tmp_path, text)


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    binary = pa.array([b"ok", b"\xff\xfe", b"fine"], pa.binary())
    text = pa.StringArray.from_buffers(3, *binary.buffers()[1:])
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": text, "other": [1, 2, 3]}), path)
    rejects = Rejects()
    assert [row for _, row in parquet_rows(Raw(path), ["a", "b"], rejects)] == [{"a": "ok"}, {"a": "fine"}]
    assert rejects.examples == {"not valid UTF-8": [f"{tmp_path.name}/t.parquet: row 2"]}
    with pytest.raises(DataError, match=r"t\.parquet has no column b; it has a, other"):
        list(parquet_rows(Raw(path), ["b"], rejects))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"t\.parquet is not a whole Parquet file"):
        list(parquet_rows(Raw(path), ["a"], rejects))
