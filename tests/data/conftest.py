"""Tokenizers, raw files and exam questions for the data room's tests."""

import json
import string
from pathlib import Path
from typing import Any

import pytest

CHINESE = "病症药医答案是的患者什么好吃多喝水首选治疗一二三四五。，？：；、"


@pytest.fixture(scope="session")
def letters() -> Any:
    """A tokenizer with one token per character, and the InternLM2 markers: lengths can be counted by eye."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {token: number for number, token in enumerate([*special, *string.printable, *CHINESE])}
    model = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    model.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=model,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="</s>",
        extra_special_tokens=["<|im_start|>", "<|im_end|>"],
        clean_up_tokenization_spaces=False,
    )


@pytest.fixture(scope="session")
def internlm2(shared: Path) -> Any:
    """The real InternLM2 tokenizer."""
    from csft import model

    return model.load_tokenizer(shared / "internlm2" / "tokenizer")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with a dialogue set of 6 usable records and a question set of 1."""
    dialogue = [
        {"role": "user", "content": "我头疼"},
        {"role": "assistant", "content": "多喝水。"},
        {"role": "user", "content": "还是疼"},
        {"role": "assistant", "content": "吃药。"},
        {"role": "user", "content": "谢谢"},
        {"role": "assistant", "content": "不客气。"},
    ]
    short = [{"role": "user", "content": "咳嗽"}, {"role": "assistant", "content": "首选治疗是药一。"}]
    folder = tmp_path / "raw" / "discmed"
    folder.mkdir(parents=True)
    rows = [{"_id": str(n), "source": "x", "conversation": c} for n, c in enumerate((dialogue, short, short))]
    rows.append({"_id": "9", "source": "x", "conversation": [*short, *dialogue[:4]]})
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "DISC-Med-SFT_released.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "raw" / "webmedqa").mkdir()
    line = "1\t1\t内科\t感冒了怎么办\t休息。\n"
    (tmp_path / "raw" / "webmedqa" / "medQA.train.txt").write_text(line, encoding="utf-8")
    return tmp_path / "raw"
