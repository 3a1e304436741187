"""The list a person can read: every record that was left out, why, and what it matches."""

import json
from typing import IO, Any

from csft.rejects import Rejects


class LeftOut(Rejects):
    """Counts like any `Rejects` and writes each record as one line of JSON to an open text file.

    What cannot be a record has `reason` and `place`. What screening leaves out has `record` (its number in
    the order of reading), `reason`, `text` (the beginning of its question), and `matches`, the record or
    exam question that it is too much like, with their `similarity`.
    """

    def __init__(self, file: IO[str]) -> None:
        super().__init__()
        self._file = file

    def add(self, reason: str, where: str) -> None:
        """Count and list by place."""
        super().add(reason, where)
        self._write({"reason": reason, "place": where})

    def leave_out(self, record: int, reason: str, text: str, matches: str, similarity: float) -> None:
        """Count and list a record that is too much like something else."""
        super().add(reason, f"record {record}: {text}")
        line = {"record": record, "reason": reason, "text": text}
        self._write({**line, "matches": matches, "similarity": round(similarity, 3)})

    def _write(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, ensure_ascii=False).encode(errors="replace").decode()
        self._file.write(text + "\n")
