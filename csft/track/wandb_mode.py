"""Whether W&B runs are sent while they run or kept on disk, and how a person is told."""

import os
import shlex
from typing import Any
from urllib.parse import urlsplit

from csft.errors import SettingError
from csft.track.runfolder import RunFolder
from csft.track.values import netrc_passwords

MODES = ("auto", "online", "offline", "disabled")
CLOUD = "api.wandb.ai"  # keys of the public cloud are filed under this host, whichever address serves it


def check_mode(mode: str) -> str:
    """Give `mode` back if it is one; raises SettingError."""
    if mode not in MODES:
        raise SettingError("tracker.mode", mode, " | ".join(MODES))
    return mode


def choose_mode(wanted: str, wandb: Any) -> tuple[str, str]:
    """Give (online | offline | disabled, reason). `auto` follows $WANDB_MODE, then whether there is a key.

    W&B would ask for a missing key on the terminal and wait, so `online` without one becomes offline.
    """
    source = f"tracker.mode={wanted}"
    if wanted == "auto":
        wanted = os.environ.get("WANDB_MODE", "").lower() or "auto"
        source = f"WANDB_MODE={wanted}"
    if wanted == "dryrun":  # W&B's older name
        wanted = "offline"
    if wanted in ("offline", "disabled"):
        return wanted, source
    if has_key(wandb):
        return "online", "a key is set"
    return (
        "offline",
        "no key is set" if wanted == "auto" else f"{source}, but no key is set (wandb login sets one)",
    )


def has_key(wandb: Any) -> bool:
    """Tell whether W&B would find a key: environment, its settings files, or `.netrc`."""
    settings = wandb.setup().settings
    if settings.api_key or getattr(settings, "identity_token_file", None):
        return True
    hosts = {urlsplit(settings.base_url).netloc}
    if settings.base_url == type(settings).model_fields["base_url"].default:
        hosts.add(CLOUD)
    passwords = netrc_passwords()
    return bool(hosts & passwords.keys() or "default" in passwords)


def sync_command(folder: RunFolder) -> str:
    """Give the command that uploads the study of a run folder, whatever W&B has of it."""
    study = folder.path.absolute().parent
    return f"python -m csft.track sync {shlex.join([f'study={study.name}', f'output={study.parent}'])}"
