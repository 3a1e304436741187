"""The tables of a W&B run: sub-exams, predictions, mix and truncation."""

from collections.abc import Mapping, Sequence
from typing import Any

from csft.track.runfolder import TRUNCATION, RunFolder
from csft.track.tracker import SubExamRow
from csft.track.values import clean, plain

SUB_EXAM_COLUMNS = ["exam type", "sub-exam", "科目", "questions", "score", "low", "high", "base"]
PREDICTION_COLUMNS = ["id", "sub_exam", "key", "letters", "base", "correct", "text"]
MOST_PREDICTIONS = 500  # rows per split; the artifact has them all

Table = tuple[list[str], list[list[Any]]]  # columns and rows


def tables(folder: RunFolder, result: Mapping[str, Any] | None) -> tuple[dict[str, Table], dict[str, int]]:
    """Tables by name, and `predictions/<split>_rows` and `_of`: how many of how many a table shows."""
    found: dict[str, Table] = {}
    counts: dict[str, int] = {}
    if (folder.path / TRUNCATION).exists():
        lost = [{"dataset": name, **cost} for name, cost in folder.truncation.items()]
        found |= _of_mappings("truncation", lost)
    if result is None:
        return found, counts
    found |= _of_mappings("mix", result.get("drawn", ()))
    rows: list[SubExamRow] = list(result.get("sub_exams", ()))
    for split in sorted({row["split"] for row in rows}):
        found[f"cmb/{split}/sub_exams"] = _sub_exams([row for row in rows if row["split"] == split])
    for path in sorted(folder.path.glob("predictions-*.jsonl")):
        split = path.stem.removeprefix("predictions-")
        whole = list(folder.predictions(split))
        found[f"predictions/{split}"] = _predictions(whole)
        counts[f"predictions/{split}_rows"] = min(len(whole), MOST_PREDICTIONS)
        counts[f"predictions/{split}_of"] = len(whole)
    return found, counts


def _of_mappings(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Table]:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return {name: (columns, [[row.get(key) for key in columns] for row in rows])} if rows else {}


def _sub_exams(rows: Sequence[SubExamRow]) -> Table:
    data = []
    for row in rows:
        exam_type, _, sub_exam = row["key"].replace("_", " ").partition("/")
        figures = [row["n"], row["score"], row["low"], row["high"], row["base"]]
        data.append([exam_type, sub_exam, row["chinese"], *(plain(figure) for figure in figures)])
    return SUB_EXAM_COLUMNS, data


def _predictions(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Every so many-th where there are more than fit: all sub-exams are seen, and runs show the same."""
    shown = min(len(rows), MOST_PREDICTIONS)
    chosen = [rows[place * len(rows) // shown] for place in range(shown)]
    return PREDICTION_COLUMNS, [[clean(row.get(name)) for name in PREDICTION_COLUMNS] for row in chosen]
