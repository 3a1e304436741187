"""From words on the command line to one frozen `Config`, and from Hydra's errors to ours."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from csft.config import DATASET_NAMES, WEIGHT, Config, allowed_for, check, schema
from csft.data.catalog import DATASETS
from csft.errors import CsftError, SettingError, UnknownSettingError

PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Find `conf` or `sweeps`: inside an installed wheel, beside the package in a checkout."""
    for parent in (PACKAGE, PACKAGE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise CsftError(f"The folder {name}/ is missing beside {PACKAGE}: install csft again.")


def register() -> None:
    """Tell Hydra the schema and where the designed sweeps are."""
    ConfigStore.instance().store("schema", schema())
    OmegaConf.register_new_resolver("csft.sweeps", lambda: f"file://{folder('sweeps').parent}", replace=True)


def typed(composed: DictConfig, overrides: Sequence[str]) -> Config:
    """Turn a composed configuration into a checked, frozen `Config`.

    `overrides` are the words it was composed with: of two mixes joined, the name tells both.
    """
    names = _mix_names(overrides)
    if not names and not composed.mix.datasets:
        raise CsftError(no_mix())
    _refuse_extra(composed, schema())
    if len(names) > 1:
        composed = composed.copy()
        composed.mix.name = "+".join(names)
    try:
        config = OmegaConf.to_object(composed)
    except MissingMandatoryValue as error:
        key = _full_key(error)
        raise SettingError(key, "(none)", f"a value given as {key}=…") from None
    except OmegaConfBaseException as error:
        raise _told(error, {}) from None
    assert isinstance(config, Config)
    check(config)
    return config


def from_overrides(overrides: Sequence[str]) -> Config:
    """Compose as the command does: `from_overrides(["+mix=full", "cutoff=128"])`. For notebooks and tests."""
    from hydra import compose, initialize_config_dir

    register()
    try:
        with initialize_config_dir(str(folder("conf")), version_base="1.3"):
            composed = compose("config", list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise explain(error, overrides) from None
    return typed(composed, overrides)


def from_hydra(overrides: Sequence[str]) -> Config:
    """Compose as `from_overrides`, inside a running Hydra command, with the folders it was given."""
    return typed(composed(overrides), overrides)


def composed(overrides: Sequence[str]) -> DictConfig:
    """Compose inside a running Hydra command; nothing is checked that Hydra does not."""
    from hydra import compose

    try:
        return compose("config", list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise explain(error, overrides) from None


def no_mix() -> str:
    """Say that a mix is needed, and list the ones there are."""
    lines = "\n".join(f"  +mix={name:<12}{what}" for name, what in mixes().items())
    return (
        f"mix=(none) cannot be used. Add one, such as +mix=full, or join two: +mix=[exam,dialogue].\n{lines}"
    )


def mixes() -> dict[str, str]:
    """Name every mix in `conf/mix` with the sentence its file opens with."""
    return {
        path.stem: path.read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ")
        for path in sorted((folder("conf") / "mix").glob("*.yaml"))
    }


def explain(error: Exception, overrides: Sequence[str]) -> CsftError:
    """Say what Hydra refused in our form: the setting, the value received, what is allowed."""
    given = dict(override.lstrip("+~").split("=", 1) for override in overrides if "=" in override)
    root: BaseException = error
    while not isinstance(root, OmegaConfBaseException) and root.__cause__ is not None:
        root = root.__cause__
    if isinstance(root, OmegaConfBaseException):
        return _told(root, given)
    return _told_by_hydra(str(error), given)


def _told(error: OmegaConfBaseException, given: dict[str, str]) -> CsftError:
    key = _full_key(error)
    value = given.get(key, _received(str(error)))
    dataset = key.removeprefix("mix.datasets.")
    if dataset in DATASETS:
        if isinstance(error, ConfigKeyError | ConfigAttributeError):
            return SettingError(key, value, f"with a plus sign, as the mix lacks it: +{key}={value}")
        return SettingError(key, value, WEIGHT)
    if dataset != key:
        return SettingError(key, value, DATASET_NAMES)
    allowed = allowed_for(key)
    if allowed is not None:
        return SettingError(key, value, allowed)
    if isinstance(error, ConfigKeyError | ConfigAttributeError):
        return unknown(key, value)
    return CsftError(f"{key}={value} cannot be used. {str(error).splitlines()[0]}")


def _told_by_hydra(message: str, given: dict[str, str]) -> CsftError:
    missing = re.search(r"Could not (?:find|load) '([^']+)/([^'/]+)'", message)
    if missing:
        group, name = missing.groups()
        return SettingError(group, name, ", ".join(options(group)) or f"nothing: there is no group {group}/")
    refused = re.search(r"Could not override '([^'@]+)", message)
    if refused:
        word = refused.group(1)
        if word == "mix":
            return SettingError(
                word, given.get(word, ""), f"with a plus sign: +mix={given.get(word, 'full')}"
            )
        return unknown(word, given.get(word, ""))
    return CsftError(message)


def unknown(key: str, value: object) -> UnknownSettingError:
    """The error for a setting that does not exist, with names that look like it."""
    return UnknownSettingError(key, value, difflib.get_close_matches(key, _known(), n=2, cutoff=0.6))


def _refuse_extra(composed: DictConfig, allowed: DictConfig, prefix: str = "") -> None:
    # `+word=…` opens a node to any key, so a typo with a plus sign gets this far.
    known = set(allowed)  # `key in allowed` says no to a missing value
    for key in map(str, composed):
        if key not in known:
            raise unknown(f"{prefix}{key}", composed[key])
        child = allowed._get_node(key)
        if isinstance(child, DictConfig) and f"{prefix}{key}" != "mix.datasets":
            _refuse_extra(composed[key], child, f"{prefix}{key}.")


def options(group: str) -> list[str]:
    """The options of a group such as `mix`."""
    root = folder("sweeps").parent if group == "sweeps" else folder("conf")
    return sorted(path.stem for path in (root / group).glob("*.yaml"))


def _known() -> list[str]:
    def walk(node: DictConfig, prefix: str) -> list[str]:
        found = []
        for key in map(str, node):
            found.append(f"{prefix}{key}")
            child = node._get_node(key)
            if isinstance(child, DictConfig):
                found += walk(child, f"{prefix}{key}.")
        return found

    return walk(schema(), "")


def _full_key(error: OmegaConfBaseException) -> str:
    return str(error.full_key or error.key or "?")


def _received(message: str) -> str:
    found = re.search(r"Value '(.*?)'", message)
    return found.group(1) if found else ""


def _mix_names(overrides: Sequence[str]) -> list[str]:
    for override in reversed(overrides):
        if override.startswith("+mix="):
            listed = override.removeprefix("+mix=").strip("[]").split(",")
            return [name.strip(" '\"") for name in listed if name.strip(" '\"")]
    return []
