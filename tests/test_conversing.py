"""Conversation measured on the sample: what the figures are, and what training does to them."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from command import run

from csft import conversing, data, model, sample
from csft.config import Chat, Config, Data, Exam, Mix, Model
from csft.errors import ExamError
from csft.model.shells import shell
from csft.model.together import Together
from csft.result import ALL, TrialResult, from_folder

TEMPLATES = ("intern2", "intern2_2025")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What `converse` looks at of a job: few dialogues, few answers."""
    cache = tmp_path_factory.mktemp("cache")
    config = Config(
        model=Model(path="sample"),
        mix=Mix(datasets={"cmb": 1.0}),
        data=Data(root="sample"),
        chat=Chat(answers=3, max_new_tokens=12),
    )
    held_out = data.hold_out(sample.data_root(), cache, 4)
    return SimpleNamespace(config=config, held_out=held_out, device="cpu", where=SimpleNamespace(bases=cache))


@pytest.fixture(scope="module")
def loaded() -> tuple[Any, Any]:
    return model.load(str(sample.base_model_path()), "sdpa", "float32", "cpu", False)


def plain_loss(net: Any, tokenizer: Any, template: str, dialogue: data.Dialogue) -> tuple[float, int]:
    """Sum of cross-entropies of every answer by itself through the model's own logits, and their tokens."""
    end = "<|im_end|>\n" if template == "intern2_2025" else "</s>"
    total, count = 0.0, 0
    for at, (question, answer) in enumerate(dialogue.turns):
        (prompt,) = data.prompt_ids(tokenizer, template, [(dialogue.turns[:at], question)])
        told = tokenizer(answer, add_special_tokens=False)["input_ids"]
        told += tokenizer(end, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logits = net(torch.tensor([prompt + told])).logits[0, len(prompt) - 1 : -1]
        total += float(torch.nn.functional.cross_entropy(logits, torch.tensor(told), reduction="sum"))
        count += len(told)
    return total, count


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("batch_tokens", [1, 8192])
def test_the_loss_is_the_models_own_per_answer_token(
    job: Any, loaded: tuple[Any, Any], template: str, batch_tokens: int
) -> None:
    exam, told = Exam(batch_tokens=batch_tokens), Data(root="sample", template=template)
    job = SimpleNamespace(**{**vars(job), "config": replace(job.config, data=told, exam=exam)})
    talk, _ = conversing.converse(job, *loaded)
    for name in ("medicaldialog", "discmed"):
        sums = [plain_loss(*loaded, template, one) for one in job.held_out.of(name)]
        tokens = sum(count for _, count in sums)
        assert talk[name].tokens == tokens
        assert talk[name].loss == pytest.approx(sum(total for total, _ in sums) / tokens, abs=2e-5)
    parts = (talk["medicaldialog"], talk["discmed"])
    assert talk[ALL].tokens == sum(one.tokens for one in parts)
    assert talk[ALL].loss * talk[ALL].tokens == pytest.approx(sum(one.loss * one.tokens for one in parts))


def test_answers_are_sampled_after_question_and_history(job: Any, loaded: tuple[Any, Any]) -> None:
    net, tokenizer = loaded
    talk, rows = conversing.converse(job, net, tokenizer)
    assert conversing.converse(job, net, tokenizer) == (talk, rows)
    assert [row["dataset"] for row in rows] == ["medicaldialog"] * 3 + ["discmed"] * 3
    turns = {turn: (one, at) for one in job.held_out.dialogues for at, turn in enumerate(one.turns)}
    for row in rows:
        dialogue, at = turns[row["question"], row["reference"]]
        asked = conversing._question(job, tokenizer, dialogue, at + 1)
        (prompt,) = data.prompt_ids(tokenizer, "intern2", [(dialogue.turns[:at], row["question"])])
        assert asked.prompt == prompt
        assert row["tokens"] <= 12 and isinstance(row["answer"], str)
    assert talk[ALL].answers == 6 and talk[ALL].dialogues == len(job.held_out.dialogues) == 8
    assert talk[ALL].length == pytest.approx(sum(row["tokens"] for row in rows) / 6)


def test_the_untrained_model_is_measured_once(
    job: Any, loaded: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversing, "chat_key", lambda *_: "k" * 64)
    first = conversing.base_talk(job, *loaded)
    assert first[ALL].loss > 0
    assert conversing.base_talk(job, None, None) == first  # type: ignore[arg-type]
    (kept,) = job.where.bases.glob("chat-*/chat.jsonl")
    kept.write_text("", encoding="utf-8")
    assert conversing.base_talk(job, *loaded) == first


def test_several_adapters_talk_as_alone_and_a_broken_one_fails_alone(
    job: Any, loaded: tuple[Any, Any]
) -> None:
    base, tokenizer = loaded
    together, talkers = Together(base), {}
    for member in (3, 1, 2):
        net = model.adapt(shell(base), "lora", 4, 8, seed=member)
        torch.manual_seed(member)
        with torch.no_grad():
            for name, weights in net.named_parameters():
                if "lora_B" in name:
                    weights.normal_(0, 0.1).mul_(1 if member < 3 else torch.nan)
        together.join(member, net)
        talkers[member] = (job, net)
    got = conversing.converse_together(together, talkers, tokenizer)
    assert isinstance(got.pop(3), ExamError) and got.keys() == {1, 2}
    for member, talk in got.items():
        assert talk == conversing.converse(*talkers[member], tokenizer)
    assert got[1] != got[2]


def test_a_broken_model_fails_by_name(job: Any) -> None:
    net, tokenizer = model.load(str(sample.base_model_path()), "sdpa", "float32", "cpu", False)
    with torch.no_grad():
        net.get_output_embeddings().weight.fill_(float("nan"))
    with pytest.raises(ExamError, match=r"held-out dialogues of medicaldialog is nan.*Lower lr"):
        conversing.converse(job, net, tokenizer)


def test_without_dialogues_nothing_is_measured(job: Any) -> None:
    job = SimpleNamespace(**{**vars(job), "held_out": data.HeldOut()})
    assert conversing.converse(job, None, None) == ({}, [])  # type: ignore[arg-type]
    assert conversing.base_talk(job, None, None) == {}  # type: ignore[arg-type]


@pytest.mark.slow
def test_training_on_dialogues_teaches_them_and_training_on_something_else_does_not(tmp_path: Path) -> None:
    words = ("cutoff=128", "epochs=0.5", "exam.per_sub_exam=1", "exam.test=false", "train.save=false")
    results: dict[str, TrialResult] = {}
    for mix in ("dialogue", "ner"):
        done = run(f"+mix={mix}", *words, "tracker=none", output=tmp_path / mix, cache=tmp_path / "cache")
        assert done.status == 0, done.err[-3000:]
        (folder,) = done.folders()
        results[mix] = from_folder(folder)
        stored = json.loads((folder.path / "result.json").read_text(encoding="utf-8"))["result"]["summary"]
        assert {name: stored[name] for name in results[mix].summary()} == results[mix].summary()
        rows = [json.loads(line) for line in (folder.path / "chat.jsonl").read_text("utf-8").splitlines()]
        assert len(rows) == stored["chat/answers"] == 16
        assert "dialogues held out of training: 7 of 78 medicaldialog, 11 of 119 discmed" in done.out
        assert "conversation loss" in done.out and "sampled answers" in done.out
    taught, other = (results[mix].summary() for mix in ("dialogue", "ner"))
    assert taught["base/chat/loss"] == other["base/chat/loss"]
    assert taught["chat/loss_change"] < -0.1 < 0 < other["chat/loss_change"]
    assert taught["chat/medicaldialog/loss"] < other["chat/medicaldialog/loss"]
    assert taught["chat/loss"] == pytest.approx(taught["base/chat/loss"] + taught["chat/loss_change"])
