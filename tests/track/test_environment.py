"""What the manifest says about machine and software."""

import json
import subprocess
import sys
from importlib import metadata

import csft
from csft.track import environment


def test_versions_hardware_and_commit():
    found = environment()
    assert found["csft"] == csft.__version__ and found["python"].startswith("3.")
    assert found["packages"]["torch"] == metadata.version("torch")
    assert found["cores"] >= 1 and found["memory_gib"] > 0.5 and found["cpu"]
    assert isinstance(found["gpus"], list)
    assert found["git"] is None or (
        len(found["git"]["commit"]) == 40 and isinstance(found["git"]["dirty"], bool)
    )
    json.dumps(found)


def test_it_imports_nothing_heavy():
    code = (
        "import sys; from csft.track import environment; environment()\n"
        "print([m for m in ('torch', 'transformers', 'wandb', 'peft', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_graphics_cards_are_listed(monkeypatch, tmp_path):
    environment.cache_clear()
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 81559 MiB, 570.86.15'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert environment()["gpus"] == [
        {"name": "NVIDIA H100 80GB HBM3", "memory.total": "81559 MiB", "driver_version": "570.86.15"}
    ]
    environment.cache_clear()
