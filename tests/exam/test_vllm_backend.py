"""Answers by vLLM: what can be shown without it, and one exam of a tiny model where it is installed."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from exam_helpers import make_net, make_wrap

from csft.cmb import Question
from csft.errors import ExamError, ModelError, SettingError
from csft.exam import Asking, KeptAnswers, in_order, take, vllm_backend
from csft.exam.greedy import stop_ids
from csft.exam.vllm_backend import VllmBackend, check_folder

ASKING = Asking("generate", max_new_tokens=6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.mkdir()
    config = {"model_type": "llama", "max_position_embeddings": 600}
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (path / "generation_config.json").write_text('{"eos_token_id": [2, 77]}', encoding="utf-8")
    return path


class Fake(ModuleType):
    """vLLM as far as it is called: every prompt is answered by what its length says."""

    def __init__(self, reply: Any) -> None:
        super().__init__("vllm")
        self.reply, self.engines, self.chunks = reply, [], []

    def SamplingParams(self, **words: Any) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(**words)

    def LLM(self, **words: Any) -> "Fake":  # noqa: N802
        self.engines.append(words)
        return self

    def generate(self, prompts: list[Any], params: Any, use_tqdm: bool) -> list[Any]:
        assert (params.temperature, use_tqdm) == (0, False)
        self.params = params
        self.chunks.append([one["prompt_token_ids"] for one in prompts])
        replies = map(self.reply, self.chunks[-1])
        return [SimpleNamespace(outputs=[SimpleNamespace(token_ids=ids)]) for ids in replies]


@pytest.fixture
def fake(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> Fake:
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    words = tokenizer.encode("答案是B。", add_special_tokens=False)
    module = Fake(lambda ids: (*words, end, *words))
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setattr(vllm_backend, "CHUNK", 10)
    return module


def test_torchs_prompts_are_asked_in_chunks_and_read_as_its_texts_are(
    fake: Fake, folder: Path, tokenizer: Any, questions: list[Question]
) -> None:
    wrapped: list[list[list[int]]] = []

    def wrap(conversations: Any) -> list[list[int]]:
        wrapped.append(make_wrap(tokenizer)(conversations))
        return wrapped[-1]

    backend = VllmBackend(folder, tokenizer, "bfloat16")
    answers = in_order(questions, backend.stream(questions, wrap, ASKING))
    assert [len(chunk) for chunk in fake.chunks] == [10, 10, 4]
    take(make_net(len(tokenizer)), tokenizer, questions, wrap, asking=ASKING)
    assert [ids for chunk in fake.chunks for ids in chunk] == wrapped[0] == wrapped[1]
    assert {one.text for one in answers} == {"答案是B。"}
    assert [one.correct for one in answers] == [question.answer == "B" for question in questions]
    assert list(backend.stream(questions[:3], wrap, ASKING))
    (engine,) = fake.engines  # one for all splits
    assert engine == {
        "model": str(folder),
        "dtype": "bfloat16",
        "max_model_len": 600,
        "enable_prefix_caching": True,
        "trust_remote_code": False,
        "seed": 0,
    }
    assert fake.params.max_tokens == 6
    assert fake.params.stop_token_ids == [*stop_ids(None, tokenizer), 77]
    assert fake.params.stop is None


def test_a_base_stops_before_a_question_of_its_own(
    fake: Fake, folder: Path, tokenizer: Any, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_backend, "BASE_STOP", "\n问")  # this tokenizer has no colon
    fake.reply = lambda ids: tokenizer.encode("A\n问B", add_special_tokens=False)
    asking = Asking("generate", format="base", max_new_tokens=6)
    (batch,) = VllmBackend(folder, tokenizer).stream(questions[:2], make_wrap(tokenizer), asking)
    assert [one.text for one in batch] == ["A", "A"]
    assert fake.params.stop == "\n问"


def test_what_was_answered_is_not_asked_again(
    fake: Fake, folder: Path, tokenizer: Any, questions: list[Question], tmp_path: Path
) -> None:
    kept = KeptAnswers(tmp_path / "answers.jsonl", "key")
    wrap = make_wrap(tokenizer)
    stream = VllmBackend(folder, tokenizer).stream(questions, wrap, ASKING, kept=kept)
    first = next(stream)
    stream.close()  # as far as a killed exam came
    again = list(VllmBackend(folder, tokenizer).stream(questions, wrap, ASKING, kept=kept))
    assert again[0] == first
    assert [len(chunk) for chunk in fake.chunks] == [10, 10, 4]
    assert len(in_order(questions, again)) == len(questions)


def test_a_prompt_that_is_too_long_is_named(
    fake: Fake, folder: Path, tokenizer: Any, questions: list[Question]
) -> None:
    backend = VllmBackend(folder, tokenizer)
    with pytest.raises(ExamError, match=r"24 prompts are longer than the 10 tokens .* ids 0, 1, 2"):
        list(backend.stream(questions, make_wrap(tokenizer), Asking("generate", max_new_tokens=590)))
    assert not fake.engines


def test_an_answer_too_few_is_an_error(
    fake: Fake, folder: Path, tokenizer: Any, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake, "generate", lambda *_, **__: [])
    with pytest.raises(ModelError, match="vLLM answered 0 of 10 prompts"):
        list(VllmBackend(folder, tokenizer).stream(questions, make_wrap(tokenizer), ASKING))


def test_folders_that_vllm_cannot_read_are_told_how(folder: Path, tmp_path: Path) -> None:
    check_folder(folder)
    how = r"python -m csft.export from=mine out=FOLDER writes one"
    with pytest.raises(SettingError, match=rf"model=mine .*: the folder of a whole.*{how}"):
        check_folder(tmp_path, "mine")
    (folder / "config.json").write_text('{"model_type": "internlm2"}', encoding="utf-8")
    with pytest.raises(SettingError, match=rf"a model in Llama's layout with backend=vllm; {how}"):
        check_folder(folder, "mine")


def test_a_missing_vllm_says_how_to_install_it(
    folder: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(SettingError, match=r'backend=vllm .* pip install "csft\[vllm\]"'):
        VllmBackend(folder, tokenizer)


def test_vllm_and_torch_write_the_same(tmp_path: Path, shared: Path, questions: list[Question]) -> None:
    pytest.importorskip("vllm", reason="vllm is not installed")
    import torch

    if not torch.cuda.is_available():
        pytest.skip("vllm needs a GPU")
    from csft import model

    tokenizer = model.load_tokenizer(shared / "internlm2/tokenizer")
    net = make_net(len(tokenizer))
    model.export(net, tmp_path / "tiny", tokenizer, "llama")
    wrap = make_wrap(tokenizer)
    backend = VllmBackend(tmp_path / "tiny", tokenizer, "float32")
    theirs = in_order(questions, backend.stream(questions, wrap, ASKING))
    ours = take(net.cuda(), tokenizer, questions, wrap, asking=ASKING)
    same = sum(a.letters == b.letters for a, b in zip(ours, theirs, strict=True))
    assert same >= len(questions) - 1  # a tie may fall the other way
