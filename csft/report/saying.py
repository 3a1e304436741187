"""Figures in the words of a report's sentences."""

from collections.abc import Sequence

from csft.exam.noise import Figure

MOST_DIGITS = 4


def percent(found: Figure) -> str:
    """A score with its interval: `71.4 percent (65.9 to 76.4)`."""
    return f"{found.percent:.1f} percent ({found.low:.1f} to {found.high:.1f})"


def points(value: float, low: float, high: float) -> str:
    """The size of a difference and its interval, told so that the difference is positive."""
    if value < 0:
        value, low, high = -value, -high, -low
    return f"{value:.1f} points ({_end(low)} to {_end(high)})"


def signed(value: float, low: float, high: float, digits: int = 1) -> str:
    """A difference with its sign and its interval: `+2.4 (−0.1 to +4.9)`."""
    return f"{_end(value, '+', digits)} ({_end(low, '+', digits)} to {_end(high, '+', digits)})"


def _end(number: float, sign: str = "", digits: int = 1) -> str:
    """With so many digits, or as many as it takes to see on which side of zero it lies."""
    while digits < MOST_DIGITS and abs(number) < 0.5 * 10**-digits:
        digits += 1
    return f"{number:{sign}.{digits}f}".replace("-", "−")


def chance(p: float) -> str:
    """A p."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def value(of: str | float) -> str:
    """A value of a parameter, short."""
    return f"{of:.4g}" if isinstance(of, float) else str(of)


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def several(count: int, what: str) -> str:
    """`1 trial`, `3 trials`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
