"""The command lines of csft but for Hydra's: a command, and words `name=value` that fill a dataclass.

A field may say what it allows in its metadata (`csft.config.choice`, `count`, …), and a whole number as its
type. A name that Python keeps to itself ends in an underscore there: `from=x` sets `from_`.
"""

import argparse
import dataclasses
import signal
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from csft.errors import CsftError, SettingError

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


def named(
    program: str, commands: Mapping[str, Callable[..., None]], settings: str, arguments: Sequence[str] | None
) -> tuple[Callable[..., None], list[str]]:
    """The command that a line names and its words; `settings` is what `--help` says of these."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="\n".join(f"{name:8} {run.__doc__ or ''}" for name, run in commands.items()),
        epilog=settings,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=commands)
    parser.add_argument("settings", nargs="*", metavar="name=value")
    given = parser.parse_args(arguments)
    return commands[given.command], given.settings


def status(run: Callable[[], object], stopped: str = "") -> int:
    """Run and give the exit status: 1 where csft stops by design, with the message alone.

    After Ctrl-C it is that of a process ended by the signal; `stopped` is said then.
    """
    try:
        run()
    except CsftError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if stopped:
            print(stopped, file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


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
