"""A setting that someone wants to try, moved to where the search space has it."""

from collections.abc import Mapping, Sequence
from typing import Any

from csft.errors import SettingError
from csft.study import syntax
from csft.study.domains import Interval, Value, same
from csft.study.parameter import Parameter

# A group's option is not in the configuration it gives; this field tells it.
OPTION = {"mix": "mix.name", "tune": "tune.method", "model": "model.name", "site": "site.name"}
MISSING = object()


def nearest(
    parameters: Sequence[Parameter], words: Sequence[str], base: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Params in the space and what had to be moved (`csft.study.space.Space.nearest`).

    Raises SettingError for a word that is not `key=value` with one value.
    """
    wanted = _read(words)
    params: dict[str, Any] = {}
    given: dict[str, str] = {}
    notes: list[str] = []
    used: set[str] = set()
    for item in parameters:
        used |= {item.name, *item.keys}
        if item.is_there(given):
            value = _value(item, wanted, base, notes)
            params[item.name] = value
            given |= dict.fromkeys((item.name, *item.keys), item.domain.text(value))
    return params, notes + _outside(wanted, used, base)


def _value(item: Parameter, wanted: Mapping[str, str], base: Mapping[str, Any], notes: list[str]) -> Value:
    asked = next((wanted[key] for key in (item.name, *item.keys) if key in wanted), None)
    text = asked if asked is not None else _told(base, item.keys[0])
    found = None if text is None else item.domain.nearest(text)
    value = _first(item) if found is None else found
    taken = item.domain.text(value)
    if text is None:
        notes.append(f"{item.name}={taken} is taken, the first of its values")
    elif not same(taken, text):
        notes.append(f"{item.keys[0]}={text} is not in this space; {taken} is taken")
    return value


def _first(item: Parameter) -> Value:
    domain = item.domain
    return domain.low if isinstance(domain, Interval) else domain.values()[0]


def _outside(wanted: Mapping[str, str], used: set[str], base: Mapping[str, Any]) -> list[str]:
    """Notes on words for settings that are the same in every trial, and another value."""
    notes = []
    for key, text in wanted.items():
        fixed = _told(base, key)
        if key not in used and (fixed is None or not same(text, fixed)):
            instead = "" if fixed is None else f", {fixed} in every trial"
            notes.append(f"{key}={text} is not swept{instead}")
    return notes


def _read(words: Sequence[str]) -> dict[str, str]:
    wanted = {}
    for word in words:
        override = syntax.read(word)
        if override.is_sweep_override() or "=" not in word:
            raise SettingError("study.start", word, "words with one value each, such as cutoff=512 lr=1e-3")
        wanted[override.key_or_group] = syntax.as_text(override._value)
    return wanted


def _told(base: Mapping[str, Any], key: str) -> str | None:
    value: Any = base
    for part in OPTION.get(key, key).split("."):
        value = value.get(part, MISSING) if isinstance(value, Mapping) else MISSING
    return None if value is MISSING or isinstance(value, Mapping) else syntax.as_text(value)
