"""The datasets of a trial, screened: each by itself, then against one another."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from csft.cmb import Question
from csft.data import sources
from csft.data.doubles import Doubles, across
from csft.data.held_out import HeldOut
from csft.data.screen import ExamIndex, ScreenRules
from csft.data.screened import Screened, screened, screened_key
from csft.errors import DataError


class Screening:
    """Finds what is in the cache and does the rest when it is asked for.

    Raises DataError that names all datasets that are missing, each with where it comes from.
    """

    def __init__(
        self,
        names: Sequence[str],
        root: Path,
        cache: Path,
        exam_questions: Mapping[str, Sequence[Question]],
        rules: ScreenRules,
        *,
        held_out: HeldOut | None = None,
    ) -> None:
        self.names, self._root, self._cache, self._rules = names, root, cache, rules
        self._held_out = held_out
        files, self._exams = _find_files(names, root), ExamIndex(exam_questions)
        self.keys = {name: screened_key(name, files[name], root, self._exams, rules) for name in names}

    def screened(self, name: str) -> Screened:
        """A dataset's records that may be trained on."""
        return screened(name, self._root, self._cache, self.keys[name], self._exams, self._rules)

    @cached_property
    def doubles(self) -> dict[str, Doubles]:
        """Records of each dataset that another one has already, or that are held out."""
        return across(self.keys, self.screened, self._cache, self._rules, self._held_out)


def _find_files(names: Sequence[str], root: Path) -> dict[str, list[Path]]:
    found, missing = {}, []
    for name in names:
        try:
            found[name] = sources.raw_files(name, root)
        except DataError as error:
            missing.append(str(error))
    if missing:
        raise DataError("\n".join(missing))
    return found
