"""Fields that carry what they allow, so that the check of a setting and its error message are one text."""

from collections.abc import Callable
from dataclasses import field
from typing import Any

Check = Callable[[Any], bool]


def setting(default: Any, allowed: str, check: Check) -> Any:
    """A field whose value must pass `check`; `allowed` completes the sentence `Allowed: …`."""
    return field(default=default, metadata={"allowed": allowed, "check": check})


def choice(default: str, *options: str) -> Any:
    """A field that takes one of a few words."""
    return setting(default, " | ".join(options), lambda value: value in options)


def count(default: int | None, unit: str, least: int = 1) -> Any:
    """A whole number of `unit`, at least `least`."""
    return setting(
        default,
        f"a whole number of {unit}, at least {least}",
        lambda value: value is None or value >= least,
    )


def number(default: float, allowed: str, check: Check) -> Any:
    """A finite number; `nan` and `inf` never pass."""
    return setting(default, allowed, lambda value: abs(value) < float("inf") and check(value))


def limit(what: str, without: str = "no limit") -> Any:
    """A number above 0 of `what`, or null; `without` says what null means."""
    return setting(None, f"{what}, above 0 (null: {without})", lambda value: value is None or value > 0)


def likeness(default: float | None) -> Any:
    """A similarity; null compares for equality alone."""
    return setting(
        default, "a number from 0.5 to 1, or null", lambda value: value is None or 0.5 <= value <= 1
    )


def words(*options: str) -> Any:
    """A list of some of a few words; empty takes them all."""
    return field(
        default_factory=list,
        metadata={
            "allowed": f"a list of {', '.join(options)} (empty: all)",
            "check": lambda chosen: set(chosen) <= set(options),
        },
    )


def share(default: float) -> Any:
    """A number from 0 to 1."""
    return number(default, "a number from 0 to 1", lambda value: 0 <= value <= 1)
