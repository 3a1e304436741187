"""Values on their way to a file or a tracker: plain JSON, and free of secrets."""

import dataclasses
import math
import netrc
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HIDDEN = "***"
SHORTEST_SECRET = 8  # shorter values are switches ("true") whose hiding would blot out ordinary text

_SECRET_VARIABLE = re.compile(r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD)$", re.IGNORECASE)
_SECRET_FIELD = re.compile(
    r"(^|[._])(api_?key|(\w+_)?(access|auth|hf|hub)_token|secret|password|passwd)$", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)")  # postgresql://user:password@host/db
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def plain(value: Any) -> Any:
    """Give what JSON can hold: dataclasses and mappings as dicts, NumPy and torch scalars as numbers.

    Numbers that are not finite become "NaN", "Infinity" and "-Infinity", which every JSON reader accepts.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if callable(getattr(value, "item", None)):
        value = value.item()  # of an array with one element; any other raises
    return _scalar(value)


def numbers(value: Any) -> Any:
    """Turn "NaN", "Infinity" and "-Infinity" back into floats, the reverse of what `plain` did to them."""
    if isinstance(value, dict):
        return {key: numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [numbers(item) for item in value]
    return _NOT_FINITE.get(value, value) if isinstance(value, str) else value


def secrets() -> list[str]:
    """Values of environment variables named like keys, and the passwords of `.netrc`; longest first."""
    found = {value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name)}
    found |= set(netrc_passwords().values())
    return sorted((value for value in found if len(value) >= SHORTEST_SECRET), key=len, reverse=True)


def netrc_passwords() -> dict[str, str]:
    """Host to password from `$NETRC`, `~/.netrc` or `~/_netrc`; an unreadable file counts as none."""
    named = os.environ.get("NETRC")
    for path in [Path(named)] if named else [Path("~/.netrc"), Path("~/_netrc")]:
        try:
            hosts = netrc.netrc(path.expanduser()).hosts
        except (OSError, RuntimeError, UnicodeDecodeError, netrc.NetrcParseError):  # RuntimeError: no home
            continue
        return {host: password for host, (_, _, password) in hosts.items() if password}
    return {}


def clean(value: Any, hide: list[str] | None = None) -> Any:
    """Replace secrets in plain values by `***`.

    Hidden are the values `secrets()` knows wherever they stand, passwords inside URLs, and every text under
    a name such as `api_key`, `hf_token` or `password`. Names alone say little here (`batch_tokens`,
    `answer key`), so most of the work is done by value.
    """
    hide = secrets() if hide is None else hide
    if isinstance(value, dict):
        return {clean(key, hide): _clean_field(key, item, hide) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item, hide) for item in value]
    if not isinstance(value, str):
        return value
    for secret in hide:
        value = value.replace(secret, HIDDEN)
    return _URL_PASSWORD.sub(rf"\1:{HIDDEN}", value) if "://" in value else value


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give nested settings under dotted names: `{"mix": {"datasets": {"cmb": 1}}}` as `mix.datasets.cmb`."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def _clean_field(name: str, value: Any, hide: list[str]) -> Any:
    if isinstance(value, str) and value and _SECRET_FIELD.search(name):
        return HIDDEN
    return clean(value, hide)


def _scalar(value: Any) -> Any:
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be stored as JSON: {value!r}")
