"""What is screened out, and what is not."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from csft.cmb import Question, read_questions
from csft.data import Alpaca
from csft.data.screen import ExamIndex, normalise, screen
from csft.rejects import Rejects


def question(stem: str, **options: str) -> Question:
    text = options or {"A": "甲", "B": "乙"}
    return Question(1, "医师考试", "执业医师", "", "单项选择题", stem, text, "A")


STEM = "男，45岁。突发胸痛3小时，心电图示ST段抬高，首选的治疗是"
EXAMS = ExamIndex(
    {
        "test": [
            question(STEM, A="溶栓", B="观察"),
            question("胃破裂", A="手术治疗", B="保守治疗"),
            question("下列哪项说法是正确的", A="肝大", B="脾大"),
            question("下列哪项说法是正确的", A="发热", B="咳嗽"),
        ],
        "select": [question("引起大叶性肺炎最常见的病原体是", A="肺炎链球菌", B="病毒")],
    }
)


def run(records: Iterable[Alpaca]) -> tuple[list[Alpaca], Rejects]:
    rejects = Rejects()
    return list(screen(records, EXAMS, rejects)), rejects


@pytest.mark.parametrize(
    ("instruction", "text", "split"),
    [
        ("", STEM, "test"),
        ("这是考题。", STEM + "\nA: 溶栓\nB: 观察\n", "test"),
        ("男，４５岁。突发胸痛３小时，心电图示ｓｔ段抬高，", "首选的治疗是（　　）。", "test"),
        ("", "男 45岁 突发胸痛3小时 心电图示 ST段抬高 首选的治疗是", "test"),
        ("", "引起大叶性肺炎最常见的病原体是什么？", "select"),
        ("", "胃破裂\nA. 手术治疗\nB. 保守治疗", "test"),
        ("", "下列哪项说法是正确的？\nA：发热\nB：咳嗽", "test"),
    ],
)
def test_an_exam_question_is_caught_however_it_is_set(instruction: str, text: str, split: str) -> None:
    kept, rejects = run([Alpaca(instruction, text, "答案是A。")])
    assert not kept and rejects.counts == {f"overlaps exam {split}": 1}


@pytest.mark.parametrize(
    "text",
    [
        "男，46岁。突发胸痛3小时，心电图示ST段抬高，首选的治疗是",  # another patient
        "我父亲胃破裂住院了，怎么护理",  # a short stem inside other text
        "下列哪项说法是正确的？\nA：腹痛\nB：腹泻",  # a stem that recurs, with options of its own
    ],
)
def test_other_questions_stay(text: str) -> None:
    kept, rejects = run([Alpaca(text, "", "答案是A。")])
    assert len(kept) == 1 and not rejects.total


def test_an_exam_question_in_the_history_is_caught() -> None:
    kept, rejects = run([Alpaca("谢谢", "", "不客气", history=((STEM, "溶栓"),))])
    assert not kept and rejects.counts["overlaps exam test"] == 1


def test_doubles_and_empty_answers_are_counted_with_their_place() -> None:
    a, b = Alpaca("问", "", "答"), Alpaca("问", "", "答二")
    kept, rejects = run([a, b, a, Alpaca("", "问", "答"), Alpaca("问三", "", " \n")])
    assert kept == [a, b]
    assert rejects.counts == {"exact duplicate": 2, "empty output": 1}
    assert rejects.examples["exact duplicate"][0] == "record 3: 问"


def test_the_same_words_split_otherwise_between_turns_are_no_double() -> None:
    records = [Alpaca("c", "", "d", history=(("a", "b"),)), Alpaca("c", "", "d", history=(("ab", ""),))]
    assert len(run(records)[0]) == 2


def test_text_that_no_file_can_hold_is_set_aside() -> None:
    kept, rejects = run([Alpaca("坏\ud800字", "", "答"), Alpaca("问", "", "答")])
    assert len(kept) == 1 and rejects.counts == {"not valid Unicode": 1}


def test_normalising_keeps_letters_and_digits_alone() -> None:
    assert normalise("Ａ．Vitamin-Ｂ１₂（①）　㎎\n") == "avitaminb121mg"


@pytest.mark.parametrize("before", range(7))
def test_a_stem_is_found_wherever_it_stands(before: int) -> None:
    assert EXAMS.split_in("字" * before + "引起大叶性肺炎最常见的病原体是") == "select"
    assert EXAMS.split_in("字" * before + STEM + "字" * before) == "test"


def test_every_real_stem_is_found_in_a_text_that_holds_it(shared: Path) -> None:
    rejects = Rejects()
    rows = list(read_questions(shared / "samples/cnmleqa/CMB-test-choice-question-merge.json", rejects))
    index = ExamIndex({"test": rows})
    for row in rows:
        options = "\n".join(f"{letter}. {text}" for letter, text in row.options.items())
        assert index.split_in(f"这是考试题目。{row.question}（　）\n{options}") == "test"


def test_the_index_hash_follows_the_questions() -> None:
    one, two = question("甲状腺功能亢进的典型表现是"), question("甲状腺功能减退的典型表现是")
    assert ExamIndex({"test": [one]}).hash != ExamIndex({"test": [two]}).hash
    assert ExamIndex({"test": [one, two]}).hash == ExamIndex({"test": [two, one]}).hash
