"""Several adapters sit one exam: each answers as it does alone, whatever becomes of the others."""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from exam_helpers import make_question
from several_adapters import Adapter, put_together

from csft import model
from csft.cmb import Question
from csft.errors import NotNumbersError
from csft.exam import Asking, KeptAnswers, Paper, Prediction, stream_paper, stream_together
from csft.model.joint import Joint
from csft.model.together import Together

RANKS = {4: 2, 7: 8, 5: 3}  # by member


def adapters(base: Any, strength: float = 0.5) -> tuple[Together, dict[int, Any]]:
    """Members whose answers differ, each by itself and all in one."""
    each = {member: Adapter(rank, 2 * rank, strength / rank) for member, rank in RANKS.items()}
    return put_together(base, each)


@pytest.fixture
def members(net: Any) -> tuple[Together, dict[int, Any]]:
    return adapters(net)


@pytest.fixture
def paper(questions: list[Question], wrap: Any) -> Paper:
    return Paper(questions, wrap, Asking(), batch_tokens=1500)


def alone(nets: dict[int, Any], tokenizer: Any, paper: Paper) -> dict[int, dict[int, Prediction]]:
    return {member: by_id(stream_paper(net, tokenizer, paper)) for member, net in nets.items()}


def by_id(batches: Any) -> dict[int, Prediction]:
    return {one.id: one for batch in batches for one in batch}


def joined(steps: Iterator[Any]) -> dict[int, dict[int, Prediction]]:
    got: dict[int, dict[int, Prediction]] = {}
    for step in steps:
        for member, answers in step.items():
            before = got.setdefault(member, {})
            assert not before.keys() & {one.id for one in answers}
            before |= {one.id: one for one in answers}
    return got


def check_equal(got: dict[int, Prediction], expected: dict[int, Prediction]) -> None:
    assert got.keys() == expected.keys()
    for number, one in expected.items():
        assert (got[number].letters, got[number].text) == (one.letters, one.text)
        assert got[number].logprobs == pytest.approx(one.logprobs, abs=1e-4)


@pytest.mark.parametrize("protocol", ["logits", "generate", "cot"])
@pytest.mark.parametrize("worth", [10**6, 60])  # nothing is shared, most beginnings are
def test_each_answers_as_alone(
    members: Any, tokenizer: Any, wrap: Any, protocol: str, worth: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr("csft.exam.batching.WORTH_TOKENS", worth)
    together, nets = members
    asked = [make_question(28 * n + n % 2, ["A", "BCD", "C", "AB"][n // 2 % 4]) for n in range(20)]
    paper = Paper(asked, wrap, Asking(protocol, max_new_tokens=9), batch_tokens=1500, rounds=2)
    expected = alone(nets, tokenizer, paper)
    got = joined(stream_together(Joint(together), dict.fromkeys(nets), tokenizer, paper))
    for member in nets:
        check_equal(got[member], expected[member])
    texts = {tuple((one.letters, one.text) for one in answers.values()) for answers in expected.values()}
    assert len(texts) == len(nets)


def test_one_may_leave_and_the_others_go_on(members: Any, tokenizer: Any, paper: Paper) -> None:
    together, nets = members
    takers: Any = dict.fromkeys(nets)
    steps = stream_together(Joint(together), takers, tokenizer, paper)
    first = next(steps)
    assert first.keys() == nets.keys()
    del takers[7]
    together.leave(7)
    rest = joined(steps)
    assert rest.keys() == {4, 5}
    expected = alone(nets, tokenizer, paper)
    for member in (4, 5):
        check_equal({**rest[member], **{one.id: one for one in first[member]}}, expected[member])


@pytest.mark.parametrize("protocol", ["logits", "generate"])
def test_one_whose_logits_are_no_numbers_fails_alone(
    members: Any, tokenizer: Any, questions: list[Question], wrap: Any, protocol: str
) -> None:
    together, nets = members
    with torch.no_grad():
        next(weights for name, weights in nets[4].named_parameters() if "lora_B" in name).fill_(torch.nan)
    paper = Paper(questions, wrap, Asking(protocol, max_new_tokens=4), batch_tokens=1500)
    takers: Any = dict.fromkeys(nets)
    steps = stream_together(Joint(together), takers, tokenizer, paper)
    first = next(steps)
    assert isinstance(first.pop(4), NotNumbersError) and takers.keys() == {7, 5}
    got = joined(iter([first, *steps]))
    del nets[4]
    expected = alone(nets, tokenizer, paper)
    for member in (7, 5):
        check_equal(got[member], expected[member])


def test_kept_answers_come_first_and_are_not_asked_again(
    members: Any, tokenizer: Any, paper: Paper, tmp_path: Path, monkeypatch: Any
) -> None:
    together, nets = members
    expected = alone(nets, tokenizer, paper)
    kept = {member: KeptAnswers(tmp_path / f"{member}.jsonl", "key") for member in nets}
    first = next(stream_paper(nets[7], tokenizer, paper, kept[7]))
    asked: list[int] = []
    plain = Joint.__call__

    def counted(self: Joint, *, owners: Any, **inputs: Any) -> Any:
        asked.extend(owners)
        return plain(self, owners=owners, **inputs)

    monkeypatch.setattr(Joint, "__call__", counted)
    single = Paper([one for one in paper.questions if one.single], paper.wrap, Asking(), batch_tokens=1500)
    steps = stream_together(Joint(together), dict(kept), tokenizer, single)
    known = next(steps)
    ids = {one.id for one in single.questions if one.id is not None}
    assert known == {7: [one for one in sorted(first, key=lambda one: one.id) if one.id in ids]}
    got = joined(steps)
    assert asked.count(4) == asked.count(5) == len(single.questions)
    assert asked.count(7) == len(single.questions) - len(known[7])
    for member in nets:  # all are on the disk, and are what they are alone
        check_equal(
            {number: one for number, one in kept[member].read().items() if number in ids},
            {number: one for number, one in expected[member].items() if number in ids},
        )
    assert got[7].keys().isdisjoint({one.id for one in known[7]})


def test_a_batch_for_all_is_no_larger_than_one_for_one(
    members: Any, tokenizer: Any, paper: Paper, monkeypatch: Any
) -> None:
    together, nets = members
    sizes = []
    plain = Joint.__call__

    def measured(self: Joint, *, owners: Any, **inputs: Any) -> Any:
        sizes.append((len(owners), inputs["input_ids"].numel()))
        return plain(self, owners=owners, **inputs)

    monkeypatch.setattr(Joint, "__call__", measured)
    few = Paper(paper.questions, paper.wrap, paper.asking, batch_tokens=700, batch_rows=4)
    list(stream_together(Joint(together), dict.fromkeys(nets), tokenizer, few))
    assert max(rows for rows, _ in sizes) == 4
    assert max(tokens for _, tokens in sizes) <= 700


def test_the_sample_exam(tmp_path: Path) -> None:
    from csft import data, sample
    from csft.config import Exam
    from csft.splits import gather

    base, tokenizer = model.load(str(sample.base_model_path()), "sdpa", "float32", "cpu", False)
    together, nets = adapters(base, strength=0.6)
    asked = gather(Exam(test=False), sample.data_root(), sample.data_root() / "cmb", tmp_path)["select"]
    assert len(asked) > 150 and {one.single for one in asked} == {True, False}
    paper = Paper(asked, partial(data.prompt_ids, tokenizer, "intern2"), Asking())
    expected = alone(nets, tokenizer, paper)
    got = joined(stream_together(Joint(together), dict.fromkeys(nets), tokenizer, paper))
    for member in nets:
        check_equal(got[member], expected[member])
    letters = [[one.letters for _, one in sorted(answers.items())] for answers in expected.values()]
    for one, other in pairwise(letters):
        assert sum(a != b for a, b in zip(one, other, strict=True)) > len(asked) / 10
