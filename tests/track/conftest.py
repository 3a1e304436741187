"""What tests of tracking share."""

import os
import sys

import pytest
from track.backend import Backend

from csft.track import RunFolder

SERVICE = "WANDB_SERVICE"  # W&B's own, of the process it has started


@pytest.fixture(autouse=True, scope="module")
def fresh():
    """Forget the server and key that tests of another folder gave W&B in this process."""
    if wandb := sys.modules.get("wandb"):
        wandb.teardown()


@pytest.fixture(autouse=True)
def no_key(monkeypatch, tmp_path):
    """Start without a key, whatever the developer's machine has, and leave no setting behind."""
    for name in _settings():
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    yield
    for name in _settings():
        del os.environ[name]


def _settings():
    return [name for name in os.environ if name.startswith("WANDB_") and name != SERVICE]


@pytest.fixture
def folder(tmp_path):
    return RunFolder.open(tmp_path / "study" / "trial")


@pytest.fixture
def backend():
    with Backend() as running:
        yield running
        assert not running.unanswered
