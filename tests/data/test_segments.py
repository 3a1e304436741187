"""Cutting text into segments: the ids must be the tokenizer's own, whatever the text."""

import json
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from csft.data import cuts as cuts_module
from csft.data import segments as segments_module
from csft.data.cuts import cuts
from csft.data.encoders import Cut, Whole, encoder
from csft.data.segments import Segments
from csft.errors import DataError

MARKER = "<|im_end|>"
LETTERS = "ab▁\n<|im_end>中文"
BYTES = [f"<0x{value:02X}>" for value in range(256)]


def random_backend(rng: random.Random, merges: int = 40, **settings: Any) -> Any:
    """Byte-pair encoding with random merges of a few letters, as InternLM2's is built."""
    pieces, rules = list(dict.fromkeys(LETTERS)), []
    while len(rules) < merges:
        left, right = rng.choice(pieces), rng.choice(pieces)
        if len(left + right) < 9:
            rules.append((left, right))
            pieces.append(left + right)
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys([*BYTES, *pieces]))}
    model = models.BPE(vocabulary, rules, unk_token=None, byte_fallback=True, **settings)
    backend = Tokenizer(model)
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.add_special_tokens([AddedToken(MARKER, normalized=False), AddedToken("<|im", normalized=False)])
    return backend


def random_text(rng: random.Random, length: int) -> str:
    strange = ["\0", "😀", "\uffff", "\ufffe", "é", "<0x00>", MARKER, "<|im", "\r\n", "𠮷"]
    return "".join(
        rng.choice(LETTERS + " ") if rng.random() < 0.9 else rng.choice(strange) for _ in range(length)
    )


def own_ids(backend: Any, texts: list[str]) -> list[list[int]]:
    return [encoding.ids for encoding in backend.encode_batch(texts, add_special_tokens=False)]


def split(tokens: Any, lengths: Any) -> list[list[int]]:
    return [part.tolist() for part in np.split(tokens, np.cumsum(lengths)[:-1])] if len(lengths) else []


@pytest.mark.parametrize("seed", range(30))
def test_random_merges_and_texts_give_the_tokenizers_ids(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    backend = random_backend(rng)
    monkeypatch.setattr(segments_module, "WINDOW", rng.choice([7, 50, 1 << 20]))
    monkeypatch.setattr(segments_module, "MEMO", rng.choice([3, 1 << 18]))
    allowed = cuts(backend)
    assert allowed is not None
    segments = Segments(backend, allowed)
    for _ in range(3):
        texts = [random_text(rng, rng.choice([0, 1, 2, 5, 60])) for _ in range(40)]
        assert split(*segments.encode(texts)) == own_ids(backend, texts)
    again = pickle.loads(pickle.dumps(segments))
    assert split(*again.encode(texts)) == own_ids(backend, texts)
    assert segments.encode([])[0].size == 0


@pytest.mark.parametrize("seed", range(10))
def test_tails_are_counted_from_the_token_that_holds_the_character(seed: int) -> None:
    rng = random.Random(seed)
    tokenizer = SimpleNamespace(backend_tokenizer=random_backend(rng))
    marked = []
    for _ in range(60):
        text = random_text(rng, 30).replace("<", "a")  # a place inside a marker word is none
        marked.append((text, rng.randrange(len(text))))
    fast = encoder(tokenizer)
    assert isinstance(fast, Cut)
    assert fast.tails(marked).tolist() == Whole(tokenizer).tails(marked).tolist()


def test_a_text_far_longer_than_a_window_costs_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_module, "WINDOW", 1000)
    backend = random_backend(random.Random(1))
    allowed = cuts(backend)
    assert allowed is not None
    text = random_text(random.Random(2), 20_000)
    assert max(map(len, allowed.windows(text, 1000))) <= 1000
    assert "".join(allowed.windows(text, 1000)) == text
    assert split(*Segments(backend, allowed).encode([text])) == own_ids(backend, [text])


@pytest.mark.parametrize(
    "change",
    [
        lambda backend: setattr(backend, "pre_tokenizer", pre_tokenizers.Whitespace()),
        lambda backend: setattr(backend, "normalizer", normalizers.NFKC()),
        lambda backend: setattr(backend, "normalizer", normalizers.Replace(Regex(" +"), "▁")),
        lambda backend: setattr(backend, "normalizer", normalizers.Prepend("▁")),
        lambda backend: setattr(backend.model, "dropout", 0.1),
        lambda backend: setattr(backend.model, "byte_fallback", False),
        lambda backend: setattr(backend.model, "ignore_merges", True),
        lambda backend: setattr(backend.model, "continuing_subword_prefix", "##"),
        lambda backend: setattr(backend, "encode_special_tokens", True),
        lambda backend: backend.add_tokens([AddedToken("ab", single_word=True)]),
        lambda backend: backend.add_tokens([AddedToken("ab", normalized=True)]),
        lambda backend: backend.add_tokens([AddedToken("a\0b", normalized=False)]),
        lambda backend: setattr(backend, "model", models.WordLevel({"a": 0}, unk_token="a")),
    ],
)
def test_a_tokenizer_of_other_rules_is_asked_for_whole_texts(change: Callable[[Any], Any]) -> None:
    backend = random_backend(random.Random(0))
    assert isinstance(encoder(SimpleNamespace(backend_tokenizer=backend)), Cut)
    change(backend)
    assert isinstance(encoder(SimpleNamespace(backend_tokenizer=backend)), Whole)


def test_text_that_spells_the_separators_token_is_told_from_it() -> None:
    settings = json.loads(random_backend(random.Random(0)).to_str())
    spelled = ["<", "0", "x", "0", "0", ">"]
    for number in range(1, len(spelled)):
        left = "".join(spelled[:number])
        settings["model"]["merges"].append([left, spelled[number]])
        for piece in (left, spelled[number], left + spelled[number]):
            settings["model"]["vocab"].setdefault(piece, len(settings["model"]["vocab"]))
    backend = Tokenizer.from_str(json.dumps(settings))
    texts = ["a<0x00>b\0<0x00>", "<0x00>", "\0"]
    ids = own_ids(backend, texts)
    assert ids[1] == ids[2]
    assert split(*encoder(SimpleNamespace(backend_tokenizer=backend)).encode(texts)) == ids


def test_bytes_that_flow_together_are_not_cut() -> None:
    settings = json.loads(random_backend(random.Random(0)).to_str())
    settings["model"]["vocab"]["<0xE4><0xB8>"] = 999
    settings["model"]["merges"].append(["<0xE4>", "<0xB8>"])
    assert cuts(Tokenizer.from_str(json.dumps(settings))) is None


def test_a_wrong_cut_is_noticed_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = random_backend(random.Random(3))
    monkeypatch.setattr(cuts_module, "_pair", lambda merge: ("x", "y"))  # as if nothing ever joined
    with pytest.raises(DataError, match="fault of csft"):
        encoder(SimpleNamespace(backend_tokenizer=backend)).encode([random_text(random.Random(4), 300)])


def test_internlm2_gives_its_reference_ids(shared: Path, internlm2: Any) -> None:
    rows = json.loads((shared / "internlm2" / "tokenizer" / "reference_ids.json").read_text(encoding="utf-8"))
    fast = encoder(internlm2)
    assert isinstance(fast, Cut)
    bos = [internlm2.bos_token_id]
    got = split(*fast.encode([row["text"] for row in rows["strings"]]))
    assert [bos + ids for ids in got] == [row["ids"] for row in rows["strings"]]


def test_internlm2_on_text_of_all_kinds(shared: Path, internlm2: Any) -> None:
    rng = random.Random(5)
    fast = encoder(internlm2)
    records = json.loads((shared / "bench" / "data" / "alpaca_zh_demo.json").read_text(encoding="utf-8"))
    records += json.loads((shared / "bench" / "data" / "alpaca_en_demo.json").read_text(encoding="utf-8"))
    texts = [record["output"] for record in records]
    pool = "".join(texts) + "\0\uffff" * 50 + "<|im_start|></s>" * 20
    texts += ["".join(rng.choice(pool) for _ in range(200)) for _ in range(500)]  # pairs no text has
    anything = [*range(0xD800), *range(0xE000, 0x110000)]
    texts += ["".join(map(chr, rng.choices(anything, k=50))) for _ in range(300)]
    texts += [internlm2.decode([rng.randrange(92544) for _ in range(60)]) for _ in range(500)]
    assert split(*fast.encode(texts)) == own_ids(internlm2.backend_tokenizer, texts)
