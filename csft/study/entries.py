"""What a command line and a sweep file say, entry by entry: swept, named, or the same in every trial."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from csft.errors import SettingError
from csft.study import allowed, syntax
from csft.study.conditions import ALWAYS, Condition
from csft.study.domains import Choices, Domain

SHARED = {"settings", "values"}
NAMED = "names for words ({all: +mix=full, …}), or settings: [a, b] with values: interval(0, 4)"


@dataclass(frozen=True)
class Entry:
    """One setting of a study, or one name for several; without a domain it is the same in every trial."""

    key: str  # without plus signs
    words: tuple[str, ...]  # with them
    text: str
    domain: Domain | None
    line: str  # as it was said
    when: Condition = ALWAYS
    bundle: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def names(self) -> set[str]:
        """What a condition may call it by."""
        return {self.key, *(word.lstrip("+") for word in self.words)}

    @property
    def sets(self) -> set[str]:
        """The settings it sets, without plus signs."""
        if not self.bundle:
            return {word.lstrip("+~") for word in self.words}
        return {word.partition("=")[0].lstrip("+~") for _, words in self.bundle for word in words}

    def values(self) -> tuple[str, ...]:
        """The texts it may have: of a fixed entry its one, of an interval none."""
        if self.domain is None:
            return (self.text,)
        return tuple(map(self.domain.text, self.domain.values() or ()))


def from_word(word: str, when: Condition = ALWAYS) -> Entry:
    """The entry that a word `key=value` makes; below a condition one value is a choice of one."""
    override = syntax.read(word)
    key, text = override.key_or_group, syntax.told(override)
    swept = override.is_sweep_override() or bool(when.terms)
    domain = syntax.domain(override, allowed.is_whole(key)) if swept else None
    return Entry(key, (override.get_key_element(),), text, domain, word, when)


def from_file(key: str, value: Any, when: Condition = ALWAYS) -> Entry:
    """The entry of a sweep file: a text in sweep syntax, or a mapping that gives a name to something.

    Raises SettingError for what is neither.
    """
    if not isinstance(value, Mapping):
        return from_word(syntax.as_word(key, value), when)
    if allowed.exists(key) or not value:
        raise SettingError(key, dict(value), f"a value; a name of a study's own takes {NAMED}")
    if {*value} == SHARED:
        domain = syntax.domain(syntax.read(f"x={value['values']}"), whole=False)
        return Entry(key, tuple(map(str, value["settings"])), str(value["values"]), domain, key, when)
    bundle = tuple((str(name), _words(key, words)) for name, words in value.items())
    names = tuple(name for name, _ in bundle)
    return Entry(key, (key,), ",".join(names), Choices(names), key, when, bundle)


def narrowed(named: Entry, word: Entry) -> Entry:
    """A named entry of a file with the values that the command line left it (`diversity=all,without_cmb`)."""
    chosen = syntax.domain(syntax.read(f"{named.key}={word.text}"), whole=False)
    if not named.bundle:
        return replace(named, text=word.text, domain=chosen)
    known = dict(named.bundle)
    if not isinstance(chosen, Choices) or not {*chosen.texts} <= {*known}:
        raise SettingError(named.key, word.text, ", ".join(known))
    return replace(
        named, text=word.text, domain=chosen, bundle=tuple((name, known[name]) for name in chosen.texts)
    )


def _words(key: str, words: Any) -> tuple[str, ...]:
    listed = words.split() if isinstance(words, str) else list(map(str, words or ()))
    for word in listed:
        override = syntax.read(word)
        if override.is_sweep_override():
            raise SettingError(key, word, "words with one value each")
    return tuple(listed)
