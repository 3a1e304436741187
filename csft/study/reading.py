"""From what was said to parameters: what replaces what, what can be there at once, an order to choose in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from csft.errors import SettingError
from csft.study import allowed, conditions, entries, syntax
from csft.study.conditions import Condition
from csft.study.domains import same
from csft.study.entries import Entry
from csft.study.parameter import Parameter


def read_space(
    words: Sequence[str], params: Mapping[str, Any], when: Mapping[str, Mapping[str, Any]]
) -> tuple[list[Parameter], list[str]]:
    """The parameters in an order to choose in, and the fixed words (`csft.study.space.parse`)."""
    file = [entries.from_file(key, value) for key, value in params.items()]
    for text, inside in when.items():
        condition = conditions.read(text)
        file += [entries.from_file(key, value, condition) for key, value in inside.items()]
    said = _replaced([entries.from_word(word) for word in words], file)
    there = [settled for entry in said if (settled := _settled(entry, said, file)) is not None]
    there = _most_special(there, said)
    _refuse_doubles(there)
    swept = [entry for entry in there if entry.domain is not None]
    for entry in swept:
        _check(entry, there)
    fixed = [entry.line for entry in there if entry.domain is None]
    return _ordered([_parameter(entry, swept) for entry in swept]), fixed


def _replaced(line: Sequence[Entry], file: Sequence[Entry]) -> list[Entry]:
    """The file's entries less what the command line says of their settings, then the command line's."""
    named = {entry.key for entry in file if not allowed.exists(entry.key)}
    asked = {entry.key: entry for entry in line if entry.key in named}
    own = [entry for entry in line if entry.key not in asked]
    taken = {key for entry in own for key in entry.sets}
    kept = []
    for entry in file:
        if entry.bundle and (both := taken & entry.sets):
            key = min(both)
            raise SettingError(key, _said(own, key), f"{entry.key}=… alone, as its choices set {key} already")
        words = tuple(word for word in entry.words if word.lstrip("+~") not in taken)
        if words:
            left = replace(entry, words=words)
            kept.append(entries.narrowed(left, asked[entry.key]) if entry.key in asked else left)
    return [*kept, *own]


def _settled(entry: Entry, said: Sequence[Entry], file: Sequence[Entry]) -> Entry | None:
    """The entry under what is open of its condition; None where the command line rules it out."""
    terms = []
    for key, texts in entry.when.terms:
        sources = [other for other in said if key in other.names and other is not entry] or _unsaid(key)
        can = [text for text in texts if _among(text, sources)]
        ruled_out = [*(other for other in file if key in other.names), *_options(key)]
        for text in texts:
            if text not in can and not _among(text, ruled_out):
                raise SettingError("hydra.sweeper.when", f"{key}={text}", _can_be(key, text, sources))
        if not can:
            return None
        if any(source.domain is not None for source in sources):
            terms.append((key, tuple(can)))
    return replace(entry, when=Condition(tuple(terms)))


def _most_special(there: Sequence[Entry], said: Sequence[Entry]) -> list[Entry]:
    """Without plain entries that one whose condition always holds stands in for."""
    conditional = {(entry.key, entry.text) for entry in said if entry.when.terms}
    always = {entry.key for entry in there if not entry.when.terms and (entry.key, entry.text) in conditional}
    return [
        entry
        for entry in there
        if entry.when.terms or entry.key not in always or (entry.key, entry.text) in conditional
    ]


def _refuse_doubles(there: Sequence[Entry]) -> None:
    for one, other in combinations(there, 2):
        both = one.sets & other.sets
        if not both or (one.domain is None and other.domain is None):
            continue
        if one.when.terms and other.when.terms:
            if not one.when.excludes(other.when):
                where = f"one of the conditions {one.when} and {other.when}, as both can hold at once"
                raise SettingError(min(both), other.text, where)
        elif one.key != other.key or bool(one.when.terms) == bool(other.when.terms):
            raise SettingError(min(both), other.text, f"one place that says it: {one.line} does already")


def _check(entry: Entry, there: Sequence[Entry]) -> None:
    assert entry.domain is not None
    mixes = list(_mixes(there))
    if not entry.bundle:
        for word in entry.words:
            allowed.check(syntax.read(f"{word}={entry.text}"), entry.domain, mixes)
        return
    for _, words in entry.bundle:
        own = [word.partition("=")[2] for word in words if word.startswith("+mix=")]
        for override in map(syntax.read, words):
            key = override.key_or_group
            allowed.check(override, syntax.domain(override, allowed.is_whole(key)), own)


def _mixes(there: Iterable[Entry]) -> Iterable[str]:
    for entry in there:
        if entry.key == "mix":
            yield from entry.values()
        for _, words in entry.bundle:
            yield from (word.partition("=")[2] for word in words if word.startswith("+mix="))


def _parameter(entry: Entry, swept: Sequence[Entry]) -> Parameter:
    assert entry.domain is not None
    others = [other for other in swept if other.key == entry.key and other is not entry]
    name = f"{entry.key} ({entry.when})" if others and entry.when.terms else entry.key
    unless = () if entry.when.terms else tuple(other.when for other in others)
    return Parameter(name, entry.words, entry.domain, entry.when, unless, entry.bundle)


def _ordered(parameters: Sequence[Parameter]) -> list[Parameter]:
    """Each after those that its condition asks of, else as they were said."""
    ordered: list[Parameter] = []
    waiting = list(parameters)
    while waiting:
        missing = {key for item in waiting for key in (item.name, *item.keys)}
        ready = [item for item in waiting if missing.isdisjoint(item.needs)]
        if not ready:
            circle = " and ".join(str(item.when) for item in waiting if item.when.terms)
            raise SettingError("hydra.sweeper.when", circle, "conditions that do not ask of each other")
        ordered += ready
        waiting = [item for item in waiting if item not in ready]
    return ordered


def _unsaid(key: str) -> list[Entry]:
    """The default of a group that nobody says anything of."""
    default = allowed.default(key)
    return [entries.from_word(f"{key}={default}")] if default else []


def _options(key: str) -> list[Entry]:
    """What a file may ask of besides: the machine it runs on, which it does not choose."""
    return [entries.from_word("site=glob(*)")] if key == "site" else []


def _among(text: str, sources: Sequence[Entry]) -> bool:
    return any(same(text, value) for source in sources for value in source.values())


def _can_be(key: str, text: str, sources: Sequence[Entry]) -> str:
    values = [value for source in sources for value in source.values()]
    if values:
        return f"a value that {key} may have here: {' | '.join(values)}"
    if sources:
        return f"settings that have listed values; {key} has an interval"
    return f"settings that are swept or fixed; add {key}={text}, or a list of values for {key}"


def _said(line: Sequence[Entry], key: str) -> str:
    return next(entry.text for entry in line if key in entry.sets)
