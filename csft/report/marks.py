"""Who has which question right, read from the predictions of run folders.

A study of 200 trials has millions of lines, so they are read as tables and not one by one.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.cmb import SUB_EXAMS
from csft.errors import DataError
from csft.report.study_data import LeftOut, Marks, Trial

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    _Sheet = tuple[tuple[int, int], str, "Sheet"]  # (number, place) of the run, split, answers

PLACES = {sub.key: place for place, sub in enumerate(SUB_EXAMS)}


class Sheet:
    """One file of predictions as columns, in the order of question numbers."""

    def __init__(self, path: Path) -> None:
        """Read it. Raises DataError for a file that is not what its name says."""
        import numpy as np
        import pyarrow as pa
        from pyarrow import compute, json

        self.path = path
        text = ("sub_exam", "key", "letters", "base")
        columns = [("id", pa.int64()), ("correct", pa.bool_()), *((name, pa.string()) for name in text)]
        schema = pa.schema(columns)
        parse = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
        # One block holds the whole file: pieces cost more than they bring at this size.
        block = json.ReadOptions(block_size=max(path.stat().st_size, 1))
        try:
            table = json.read_json(path, read_options=block, parse_options=parse).sort_by("id")
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{path} cannot be read: {error}") from None
        if any(table[name].null_count for name in ("id", "correct", "sub_exam")) or not table.num_rows:
            raise DataError(f"{path} lacks id, correct or sub_exam of a question.")
        self.ids_Q: NDArray[np.int64] = table["id"].to_numpy()
        self.right_Q: NDArray[np.bool_] = table["correct"].to_numpy()
        self.names: Any = table["sub_exam"].dictionary_encode()  # small, as all sheets are held at once
        has_base = not table["base"].null_count and not table["key"].null_count
        same: Any = compute.equal(table["base"], table["key"]) if has_base else None
        self.base_Q: NDArray[np.bool_] | None = None if same is None else np.asarray(same)

    def places(self) -> "NDArray[np.int16]":
        """The sub-exam of each question, as its place in SUB_EXAMS."""
        import numpy as np

        names = self.names.to_pylist()
        if unknown := set(names) - PLACES.keys():
            raise DataError(f"{self.path} names unknown sub-exams: {', '.join(sorted(unknown))}")
        return np.array([PLACES[name] for name in names], dtype=np.int16)


class _Rows:
    """The matrix of a split as it grows; a base that several runs share has one row."""

    def __init__(self, split: str, first: Sheet) -> None:
        self.split, self.first, self.places_Q = split, first, first.places()
        self.right: list[Any] = []
        self.rows: dict[tuple[int, int], int] = {}
        self.base_rows: dict[tuple[int, int], int] = {}
        self._bases: dict[bytes, int] = {}

    def fits(self, sheet: Sheet) -> bool:
        import numpy as np

        return np.array_equal(self.first.ids_Q, sheet.ids_Q)

    def add(self, key: tuple[int, int], sheet: Sheet) -> None:
        self.rows[key] = self._append(sheet.right_Q)
        if sheet.base_Q is not None:
            known = sheet.base_Q.tobytes()
            if known not in self._bases:
                self._bases[known] = self._append(sheet.base_Q)
            self.base_rows[key] = self._bases[known]

    def _append(self, right_Q: Any) -> int:
        self.right.append(right_Q)
        return len(self.right) - 1

    def done(self) -> Marks:
        import numpy as np

        return Marks(
            self.split, self.first.ids_Q, self.places_Q, np.stack(self.right), self.rows, self.base_rows
        )


def read(trials: Sequence[Trial]) -> tuple[list[Trial], dict[str, Marks], list[LeftOut]]:
    """The marks of every run, by split; a trial whose answers cannot be used loses its runs and is named."""
    matrices: dict[str, _Rows] = {}
    kept, left_out = [], []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # parsing lets go of the interpreter's lock
        for trial, read_ in zip(trials, pool.map(_sheets, trials), strict=True):
            try:
                _add(matrices, read_)
                kept.append(trial)
            except DataError as error:
                left_out.append(LeftOut(trial.number, trial.setting, str(error)))
                kept.append(replace(trial, runs=()))
    return kept, {split: rows.done() for split, rows in matrices.items()}, left_out


def _sheets(trial: Trial) -> "list[_Sheet] | DataError":
    try:
        return [
            ((trial.number, place), split, Sheet(run.folder / f"predictions-{split}.jsonl"))
            for place, run in enumerate(trial.runs)
            for split in run.result.scores
        ]
    except DataError as error:
        return error


def _add(matrices: dict[str, _Rows], sheets: "list[_Sheet] | DataError") -> None:
    """All sheets of a trial, or none of them."""
    if isinstance(sheets, DataError):
        raise sheets
    for _, split, sheet in sheets:
        if split not in matrices:
            matrices[split] = _Rows(split, sheet)
        if not matrices[split].fits(sheet):
            raise DataError(f"its answers on {split} are to other questions than the others'.")
    for key, split, sheet in sheets:
        matrices[split].add(key, sheet)
