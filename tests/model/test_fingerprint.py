"""Fingerprints: of content, wherever it lies."""

import shutil

import pytest

from csft import model
from csft.errors import ModelError


def test_the_content_decides(checkpoint, tmp_path, edit):
    first = model.fingerprint(checkpoint)
    assert len(first) == 64
    copy = shutil.copytree(checkpoint, tmp_path / "elsewhere")
    (copy / "README.md").write_text("not deciding")
    assert model.fingerprint(copy) == first == model.base_fingerprint(model.load(copy)[0])
    edit(copy / "tokenizer_config.json", add_bos_token=False)
    changed = model.fingerprint(copy)
    assert changed != first
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert model.fingerprint(copy) not in (first, changed)


def test_what_is_no_model_has_none(tmp_path, checkpoint):
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        model.fingerprint(tmp_path)
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no safetensors weights"):
        model.fingerprint(checkpoint)


def test_the_tokenizers_files_alone(checkpoint, tokenizer_folder, tmp_path, edit):
    first = model.tokenizer_fingerprint(checkpoint)
    (checkpoint / "model.safetensors").unlink()
    assert model.tokenizer_fingerprint(checkpoint) == first
    edit(checkpoint / "tokenizer_config.json", add_bos_token=False)
    assert model.tokenizer_fingerprint(checkpoint) != first
    with pytest.raises(ModelError, match="no tokenizer files"):
        model.tokenizer_fingerprint(tmp_path)


def test_a_hub_id_is_its_snapshots_commit(checkpoint, tmp_path, monkeypatch):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(checkpoint, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert model.fingerprint("someone/tiny") == commit
    net, _ = model.load("someone/tiny")
    assert model.describe(net).total > 0
    with pytest.raises(ModelError, match="hf download someone/huge"):
        model.load("someone/huge")
