"""Hydra's sweep syntax: a word of a command line, or a parameter of a sweep file, as a domain of values."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    RangeSweep,
    Transformer,
)
from hydra.errors import HydraException

from csft import compose
from csft.errors import SettingError
from csft.study.domains import Choices, Domain, Interval, listed

SYNTAX = (
    "a,b,c | range(start, stop, step) | interval(low, high) | tag(log, interval(low, high)) | "
    "int(interval(low, high)) | glob(*) for a group"
)
LONGEST = 1_000  # values of a range


def read(word: str) -> Override:
    """The word `key=value` as Hydra reads it. Raises SettingError for one that it cannot read."""
    key, _, text = word.partition("=")
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException as error:
        why = str(error.__cause__ or error).splitlines()[0]
        raise SettingError(key.strip(), text, f"{SYNTAX} ({why})") from None


def as_word(key: str, value: object) -> str:
    """A parameter of a sweep file (`lr: 1e-3,1e-4`, `cutoff: 512`, `mix.languages: [zh]`) as a word."""
    return f"{key}={value if isinstance(value, str) else as_text(value)}"


def domain(override: Override, whole: bool) -> Domain:
    """The values that a sweep names; `whole` where the setting is a whole number.

    Raises SettingError for a sweep without values, an empty or inverted interval, a logarithm of 0 or less.
    """
    swept: Any = override.value()
    if isinstance(swept, IntervalSweep):
        return _interval(override, swept, whole)
    tags = swept.tags if isinstance(swept, ChoiceSweep | RangeSweep) else set()
    log = _log(override, tags)
    if isinstance(swept, RangeSweep):
        elements: list[Any] = _range(override, swept)
    elif isinstance(swept, Glob):
        elements = list(swept.filter(compose.options(override.key_or_group)))
    elif isinstance(swept, ChoiceSweep):
        elements = list(swept.list)
    else:
        elements = [override._value]
    return _chosen(override, elements, log)


def told(override: Override) -> str:
    """What stands behind the equals sign."""
    return override.get_value_string() if override.input_line and "=" in override.input_line else ""


def as_text(value: Any) -> str:
    """A value as a word has it: `null`, `true`, `[zh,en]`, text with its quotes."""
    if isinstance(value, Mapping):
        value = dict(value)
    text = str(Transformer.str(value))
    return text.lower() if isinstance(value, bool) else text


def _chosen(override: Override, elements: list[Any], log: bool) -> Domain:
    texts = tuple(as_text(element) for element in elements)
    if not texts:
        raise SettingError(override.key_or_group, told(override), f"at least one value; {SYNTAX}")
    if len({*texts}) < len(texts):
        raise SettingError(override.key_or_group, told(override), "each value once")
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in elements)
    if not numbers or not all(math.isfinite(value) for value in elements):
        if log:
            raise SettingError(override.key_or_group, told(override), "tag(log, …) for finite numbers alone")
        return Choices(texts)
    if len({*elements}) < len(elements):
        raise SettingError(override.key_or_group, told(override), "each value once")
    if log and min(elements) <= 0:
        raise SettingError(override.key_or_group, told(override), "numbers above 0 with tag(log, …)")
    return listed(tuple(elements), log)


def _interval(override: Override, swept: IntervalSweep, whole: bool) -> Interval:
    key, text = override.key_or_group, told(override)
    low, high = swept.start, swept.end
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        raise SettingError(key, text, "an interval between two finite numbers")
    whole = whole or (isinstance(low, int) and isinstance(high, int))  # int(interval(…))
    if whole:
        low, high = math.ceil(low), math.floor(high)
    if low >= high:
        between = " and whole numbers between them" if whole else ""
        raise SettingError(key, text, f"interval(low, high) with low below high{between}")
    log = _log(override, swept.tags)
    if log and low <= 0:
        raise SettingError(key, text, "bounds above 0 with tag(log, …)")
    return Interval(low, high, log, whole)


def _range(override: Override, swept: RangeSweep) -> list[int | float]:
    # Hydra adds binary fractions up; in decimals 0.1 + 0.2 is 0.3.
    if (
        swept.start is None
        or swept.stop is None
        or not all(math.isfinite(end) for end in (swept.start, swept.stop, swept.step))
    ):
        raise SettingError(override.key_or_group, told(override), "a range between finite numbers")
    start, stop, step = (Decimal(repr(end)) for end in (swept.start, swept.stop, swept.step))
    count = math.ceil((stop - start) / step) if step else 0
    if not 0 < count <= LONGEST:
        allowed = f"range(start, stop, step) with 1 to {LONGEST:,} values; stop is not one of them"
        raise SettingError(override.key_or_group, told(override), allowed)
    whole = all(isinstance(end, int) for end in (swept.start, swept.step))
    return [int(value) if whole else float(value) for value in (start + step * i for i in range(count))]


def _log(override: Override, tags: set[str]) -> bool:
    if unknown := tags - {"log"}:
        raise SettingError(override.key_or_group, told(override), f"tag(log, …), not {', '.join(unknown)}")
    return bool(tags)
