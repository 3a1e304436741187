"""The tokenizer: against ids of the original one, and what is wrong with a damaged one."""

import json
import shutil

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
