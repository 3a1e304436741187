"""The tokenizer: against ids of the original one, and what is wrong with a damaged one."""

import json
import shutil
import subprocess
import sys

import pytest

from csft import model
from csft.errors import ModelError


@pytest.fixture(scope="module")
def original(shared):
    folder = shared / "internlm2" / "tokenizer"
    return model.load_tokenizer(folder), json.loads((folder / "reference_ids.json").read_text())


def test_ids_of_the_original_tokenizer(original):
    tokenizer, reference = original
    for string in reference["strings"]:
        assert tokenizer(string["text"]).input_ids == string["ids"]
        assert tokenizer.encode(string["text"], add_special_tokens=False) == string["ids"][1:]
        assert (
            tokenizer.decode(string["ids"], skip_special_tokens=True)
            == string["decoded_without_special_tokens"]
        )
    assert {name: tokenizer.convert_tokens_to_ids(name) for name in reference["special_token_ids"]} == (
        reference["special_token_ids"]
    )
    assert tokenizer.pad_token_id == reference["pad_token_id"]


def test_chats_of_the_original_tokenizer(original):
    tokenizer, reference = original
    assert reference["chats"]
    for chat in reference["chats"]:
        settings = {"add_generation_prompt": chat["add_generation_prompt"]}
        text = tokenizer.apply_chat_template(chat["messages"], tokenize=False, **settings)
        assert text == chat["text"]
        assert tokenizer.encode(text, add_special_tokens=False) == chat["ids"]


@pytest.mark.parametrize("dropped", [(), ("special_tokens_map.json",)])
def test_special_tokens_that_only_the_added_tokens_name(shared, original, tmp_path, edit, dropped):
    _, reference = original
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    for file in (shared / "internlm2/tokenizer").glob("*token*"):
        if file.name not in dropped:
            shutil.copyfile(file, folder / file.name)
    edit(folder / "tokenizer_config.json", additional_special_tokens=None)
    tokenizer = model.load_tokenizer(folder)
    assert len(tokenizer) == 92544
    for chat in reference["chats"]:
        assert tokenizer.encode(chat["text"], add_special_tokens=False) == chat["ids"]


def test_a_tokenizer_without_a_config_beside_it(tokenizer_folder):
    tokenizer = model.load_tokenizer(tokenizer_folder)
    assert tokenizer.encode("<|im_start|>", add_special_tokens=False) == [329]
    assert tokenizer("头痛").input_ids[0] == tokenizer.bos_token_id == 1


def test_a_marker_that_is_several_tokens(checkpoint, edit):
    edit(checkpoint / "tokenizer_config.json", added_tokens_decoder=None)
    with pytest.raises(ModelError, match=r"<\|im_start\|> is \d+ tokens .* it must be one"):
        model.load(checkpoint)


def test_ids_beyond_the_vocabulary(checkpoint, edit):
    config = json.loads((checkpoint / "tokenizer_config.json").read_text())
    decoder = {key: value for key, value in config["added_tokens_decoder"].items() if int(key) < 3}
    edit(
        checkpoint / "tokenizer_config.json",
        added_tokens_decoder=decoder,
        additional_special_tokens=["<|im_end|>", "<|im_start|>"],
    )
    with pytest.raises(ModelError, match=r"ids up to 331 .*vocab_size=330"):
        model.load(checkpoint)


def test_missing_and_damaged_files(checkpoint):
    whole = (checkpoint / "tokenizer.model").read_bytes()
    (checkpoint / "tokenizer.model").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="the tokenizer cannot be read"):
        model.load_tokenizer(checkpoint)
    (checkpoint / "tokenizer.model").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.model is missing"):
        model.load_tokenizer(checkpoint)
    (checkpoint / "tokenizer_config.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer_config\.json is not a JSON object"):
        (checkpoint / "config.json").unlink()
        model.load_tokenizer(checkpoint)
    (checkpoint / "tokenizer_config.json").unlink()
    with pytest.raises(ModelError, match="no tokenizer files"):
        model.load_tokenizer(checkpoint)


def test_a_copy_as_transformers_writes_it_means_the_same(tokenizer_folder, tmp_path):
    tokenizer = model.load_tokenizer(tokenizer_folder)
    tokenizer.save_pretrained(tmp_path / "resaved")
    shutil.copyfile(tokenizer_folder / "tokenizer.model", tmp_path / "resaved" / "tokenizer.model")
    again = model.load_tokenizer(tmp_path / "resaved")
    for text in ("头痛三天 <|im_start|>user\n", "  two  spaces", "罕见字𠮷"):
        assert again(text).input_ids == tokenizer(text).input_ids


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CSFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tokenizers"


def same(one, other):
    assert one.backend_tokenizer.to_str() == other.backend_tokenizer.to_str()
    assert type(one) is type(other)
    for what in ("name_or_path", "all_special_tokens", "chat_template", "padding_side", "model_max_length"):
        assert getattr(one, what) == getattr(other, what), what
    for role in ("bos", "eos", "pad", "unk"):
        assert getattr(one, f"{role}_token_id") == getattr(other, f"{role}_token_id")


def test_it_is_converted_once_and_the_kept_one_is_the_same(original, shared, cache, monkeypatch):
    first, again = (model.load_tokenizer(shared / "internlm2" / "tokenizer") for _ in range(2))
    same(first, again)
    _, reference = original
    for string in reference["strings"]:
        assert again(string["text"]).input_ids == string["ids"]
    for chat in reference["chats"]:
        settings = {"add_generation_prompt": chat["add_generation_prompt"], "tokenize": False}
        assert again.apply_chat_template(chat["messages"], **settings) == chat["text"]
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr("csft.model.tokenizers._internlm2", lambda *_: pytest.fail("converted again"))
    model.load_tokenizer(shared / "internlm2" / "tokenizer")


def test_other_files_or_libraries_are_another_entry(checkpoint, cache, monkeypatch, edit):
    model.load_tokenizer(checkpoint)
    edit(checkpoint / "tokenizer_config.json", chat_template="{{ 1 }}")
    assert model.load_tokenizer(checkpoint).chat_template == "{{ 1 }}"
    assert len(list(cache.iterdir())) == 2
    monkeypatch.setattr("csft.model.kept_tokenizers.metadata.version", lambda name: "99")
    model.load_tokenizer(checkpoint)
    assert len(list(cache.iterdir())) == 3


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "hashes.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", None])
def test_a_damaged_entry_is_told_and_made_anew(checkpoint, cache, name, content, capsys):
    first = model.load_tokenizer(checkpoint)
    (entry,) = cache.iterdir()
    whole = (entry / name).read_bytes()
    (entry / name).unlink() if content is None else (entry / name).write_bytes(content)
    same(model.load_tokenizer(checkpoint), first)
    assert f"{entry} is damaged: the tokenizer of {checkpoint} is converted again" in capsys.readouterr().out
    assert (entry / name).read_bytes() == whole
    same(model.load_tokenizer(checkpoint), first)
    assert capsys.readouterr().out == ""


def test_a_cache_that_cannot_be_written_is_told(checkpoint, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CSFT_CACHE", str(tmp_path / "file"))
    assert model.load_tokenizer(checkpoint)("头痛").input_ids[0] == 1
    assert "cannot be written" in capsys.readouterr().out


def test_a_tokenizer_that_is_refused_is_not_kept(checkpoint, cache, edit):
    edit(checkpoint / "tokenizer_config.json", added_tokens_decoder=None)
    for _ in range(2):
        with pytest.raises(ModelError, match="it must be one"):
            model.load_tokenizer(checkpoint)
    assert not cache.exists()


def test_torch_is_not_needed_to_read_text(tokenizer_folder):
    code = f"import sys; from csft import model; model.load_tokenizer({str(tokenizer_folder)!r}); "
    code += "print([name for name in ('torch', 'transformers.modeling_utils') if name in sys.modules])"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"
