"""What may be swept: settings and groups that exist, with values they allow. Told before any trial starts."""

import dataclasses
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, get_args

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from csft import compose, config
from csft.data.catalog import DATASETS
from csft.errors import SettingError
from csft.study.domains import Choices, Domain, Interval, as_number
from csft.study.syntax import read, told

ONE_FOR_ALL = ("study", "sampler", "pruner", "output", "sweeps", "hydra")
WEIGHTS = "mix.datasets."


def is_group(key: str) -> bool:
    """Whether a key names a group of `conf/`, such as `mix`."""
    return "/" not in key and key != "hydra" and (compose.folder("conf") / key).is_dir()


def exists(key: str) -> bool:
    """Whether a key names a group or a setting."""
    return is_group(key) or key.startswith(WEIGHTS) or config.field_of(key) is not None


def is_whole(key: str) -> bool:
    """Whether the setting under a dotted key is a whole number."""
    found = config.field_of(key)
    return found is not None and (found.type is int or int in get_args(found.type))


def default(group: str) -> str | None:
    """The option of a group where no word names one; None if it has none, or is no group."""
    chosen = OmegaConf.load(compose.folder("conf") / "config.yaml").defaults
    return next((str(item[group]) for item in chosen if isinstance(item, DictConfig) and group in item), None)


def check(override: Override, domain: Domain, mixes: Iterable[str]) -> None:
    """Raise for a setting that does not exist, or whose values are not allowed.

    `mixes` are all values of `mix` in this study: a weight needs a plus sign where one of them lacks it.
    """
    key, text = override.key_or_group, told(override)
    if override.package is not None or override.is_delete() or key.split(".")[0] in ONE_FOR_ALL:
        raise SettingError(key, text, "one value for the whole study: it is not swept")
    if is_group(key):
        _check_group(override, domain)
        return
    _check_name(key, text)
    if key.startswith(WEIGHTS):
        _check_weight_word(override, mixes)
    elif override.is_add():
        raise SettingError(key, text, f"without a plus sign: {key}={text}")
    for value in [domain.low, domain.high] if isinstance(domain, Interval) else domain.values():
        text = domain.text(value)
        if "${" not in text:  # else known only when the trial is composed
            said = read(f"x={text}").value() if isinstance(domain, Choices) else as_number(text)
            _check_value(key, text, said)


def options(text: str) -> list[str]:
    """The options of a group that a value names: one, or those of a list (`[exam,dialogue]`)."""
    value = read(f"x={text}").value()
    return [str(name) for name in value] if isinstance(value, list) else [str(value)]


def _check_group(override: Override, domain: Domain) -> None:
    key, text = override.key_or_group, told(override)
    if key == "mix" and not override.is_add():
        raise SettingError(key, text, f"with a plus sign: +{key}={text}")
    if key != "mix" and (override.is_add() or override.is_force_add()):
        raise SettingError(key, text, f"without a plus sign: {key}={text}")
    known = compose.options(key)
    if not isinstance(domain, Choices):
        raise SettingError(key, text, ", ".join(known))
    for name in domain.texts:
        for option in options(name):
            if option not in known:
                raise SettingError(key, option, ", ".join(known))


def _check_name(key: str, text: str) -> None:
    if key.startswith(WEIGHTS):
        if key.removeprefix(WEIGHTS) not in DATASETS:
            raise SettingError(key, text, config.DATASET_NAMES)
        return
    found = config.field_of(key)
    if found is None:
        raise compose.unknown(key, text)
    if dataclasses.is_dataclass(found.type):
        inside = ", ".join(f"{key}.{item.name}" for item in dataclasses.fields(found.type))
        raise SettingError(key, text, f"one of the settings in it: {inside}")


def _check_weight_word(override: Override, mixes: Iterable[str]) -> None:
    key, text = override.key_or_group, told(override)
    name = key.removeprefix(WEIGHTS)
    for mix in mixes:
        there = name in _datasets(options(mix))
        if not there and not (override.is_add() or override.is_force_add()):
            raise SettingError(key, text, f"with two plus signs, as mix={mix} lacks it: ++{key}={text}")
        if there and override.is_add():
            raise SettingError(
                key, text, f"without a plus sign or with two, as mix={mix} has it: {key}={text}"
            )


def _datasets(mixes: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for mix in mixes:
        loaded: Any = OmegaConf.load(compose.folder("conf") / "mix" / f"{mix}.yaml")
        found |= {*loaded.datasets}
    return found


@cache
def _schema() -> DictConfig:
    return config.schema()  # types and names alone are asked of it, so that values may stay in it


def _check_value(key: str, text: str, value: Any) -> None:
    """What composing and `config.check` would say of this value alone."""
    found = config.field_of(key)
    says: Any = found.metadata if found else {}
    allowed = config.WEIGHT if key.startswith(WEIGHTS) else says.get("allowed")
    node = _schema()
    try:
        OmegaConf.update(node, key, value)
    except OmegaConfBaseException as error:
        raise SettingError(key, text, allowed or str(error).splitlines()[0]) from None
    value = OmegaConf.select(node, key)
    value = OmegaConf.to_object(value) if OmegaConf.is_config(value) else value
    if key.startswith(WEIGHTS) and not 0 <= value < float("inf"):
        raise SettingError(key, text, config.WEIGHT)
    if "check" in says and not says["check"](value):
        raise SettingError(key, text, says["allowed"])
