"""The words of a command, `name=value`, as a dataclass of settings: `split=val` sets the field `split`.

A field may say what it allows in its metadata (`csft.config.choice`, `count`, …), and a whole number as its
type. A name that Python keeps to itself ends in an underscore there: `from=x` sets `from_`.
"""

import dataclasses
import typing
from collections.abc import Sequence
from typing import Any, TypeVar

from csft.errors import SettingError

Settings = TypeVar("Settings")
NOTHING = ("", "null", "none")  # what stands for no number


def read_words(kind: type[Settings], words: Sequence[str]) -> Settings:
    """The settings that `words` give; fields that are not named keep their default.

    Raises SettingError for a word without `=`, a name unknown or given twice, a value that is not allowed.
    """
    fields = {field.name.rstrip("_"): field for field in dataclasses.fields(typing.cast(Any, kind))}
    types = typing.get_type_hints(kind)
    given: dict[str, Any] = {}
    for word in words:
        name, separator, value = word.partition("=")
        field = fields.get(name.lower())
        if not separator or field is None:
            raise SettingError(name, value, f"name=value with one of {', '.join(fields)}")
        if field.name in given:
            raise SettingError(name, value, f"each name once; {name.lower()}={given[field.name]} was said")
        given[field.name] = _value(name.lower(), value, types[field.name], field.metadata)
    return kind(**given)


def word_list(text: str) -> list[str]:
    """The parts of `a,b`, without the empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _value(name: str, text: str, kind: Any, says: Any) -> Any:
    value: Any = text
    if kind is not str:
        optional = type(None) in typing.get_args(kind)
        whole = says.get("allowed", "a whole number")
        if not text.strip().isdecimal() and not (optional and text.lower() in NOTHING):
            raise SettingError(name, text, whole)
        value = int(text) if text.strip().isdecimal() else None
    if "check" in says and not says["check"](value):
        raise SettingError(name, text, says["allowed"])
    return value
