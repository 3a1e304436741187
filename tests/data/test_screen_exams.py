"""Exam questions inside training texts: which are recognised, and what is not taken for one."""

from pathlib import Path

import pytest

from csft.cmb import Question, read_questions
from csft.data.screen import ExamIndex, normalise
from csft.data.screen.plain import plain
from csft.rejects import Rejects


def question(stem: str, **options: str) -> Question:
    text = options or {"A": "甲", "B": "乙"}
    return Question(1, "医师考试", "执业医师", "", "单项选择题", stem, text, "A")


STEM = "男，45岁。突发胸痛3小时，心电图示ST段抬高，首选的治疗是"
DRUGS = {"A": "多巴酚丁胺", "B": "硝酸甘油", "C": "阿司匹林", "D": "尿激酶原"}
EXAMS = ExamIndex(
    {
        "test": [
            question(STEM, A="溶栓", B="观察"),
            question("胃破裂", A="手术治疗", B="保守治疗"),
            question("下列哪项说法是正确的", A="肝大", B="脾大"),
            question("下列哪项说法是正确的", A="发热", B="咳嗽"),
            question("能够增强心肌收缩力的药物是", **DRUGS),
            question("属于抗血小板聚集的药物是", **DRUGS),
        ],
        "select": [question("引起大叶性肺炎最常见的病原体是", A="肺炎链球菌", B="病毒")],
    }
)


@pytest.mark.parametrize(
    ("text", "split"),
    [
        (STEM, "test"),
        (f"这是考题。\n{STEM}\nA: 溶栓\nB: 观察\n", "test"),
        ("男，４５岁。突发胸痛３小时，心电图示ｓｔ段抬高，\n首选的治疗是（　　）。", "test"),
        ("男 45岁 突发胸痛3小时 心电图示 ST段抬高 首选的治疗是", "test"),
        ("引起大叶性肺炎最常见的病原体是什么？", "select"),
        ("胃破裂\nA. 手术治疗\nB. 保守治疗", "test"),
        ("下列哪项说法是正确的？\nA：发热\nB：咳嗽", "test"),
        ("男，46岁。突发胸痛3小时，心电图示ST段抬高，首选的治疗是", None),  # another patient
        ("我父亲胃破裂住院了，怎么护理", None),  # a short stem inside other text
        ("下列哪项说法是正确的？\nA：腹痛\nB：腹泻", None),  # a stem that recurs, with other options
        ("", None),
    ],
)
def test_a_stem_is_caught_however_it_is_set(text: str, split: str | None) -> None:
    assert EXAMS.split_in(text) == split


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("男，46岁。突发胸痛3小时，心电图示ST段抬高，首选的治疗是\nA: 溶栓\nB: 观察", "test"),
        ("可以增强心肌收缩力的药物\nA. 尿激酶原\nB. 阿司匹林\nC. 硝酸甘油\nD. 多巴酚丁胺", "test"),
        ("可以增强心肌收缩力的药物 A.尿激酶原 B.阿司匹林 C.硝酸甘油 D.多巴酚丁胺", "test"),
        ("会损伤肾小管的药物\nA. 多巴酚丁胺\nB. 硝酸甘油\nC. 阿司匹林\nD. 尿激酶原", None),  # options alone
        ("属于抗生素的药物是\nA. 青霉素\nB. 头孢菌素", None),
        ("医生让我吃阿司匹林和硝酸甘油，家里还有尿激酶原和多巴酚丁胺，这些药物能一起吃吗", None),
        ("大叶性肺炎严重吗", None),
    ],
)
def test_words_that_agree_are_caught_in_any_order(text: str, split: str | None) -> None:
    assert EXAMS.split_in(text, overlap=0.7) == split


@pytest.mark.parametrize("before", range(7))
def test_a_stem_is_found_wherever_it_stands(before: int) -> None:
    assert EXAMS.split_in("字" * before + "引起大叶性肺炎最常见的病原体是") == "select"
    assert EXAMS.split_in("字" * before + STEM + "字" * before) == "test"


def test_a_question_too_short_to_be_known_by_its_words_matches_nothing_else() -> None:
    exams = ExamIndex({"test": [question("正确的是", A="一", B="二"), question("是", A="对", B="错")]})
    assert exams.split_in("下列正确的是\nA. 一\nB. 三", overlap=0.5) is None
    assert ExamIndex({}).split_in(STEM, overlap=0.5) is None


def test_the_search_for_overlaps_misses_nothing(shared: Path) -> None:
    """What leads to a question's candidates must not lose any: each is compared with its own question too."""
    index = ExamIndex({"test": _real(shared)})
    questions = [question for _, question in index.rows if len(question.question) > 20]
    shortened = [[q.question[:-2], *list(q.offered.values())[1:]] for q in questions]
    _, share = index.overlap(0.6).find(plain(["\n".join(lines) for lines in shortened]))
    for question, lines, found in zip(questions, shortened, share.tolist(), strict=True):
        whole = _triples([question.question, *question.offered.values()])
        own = len(whole & _triples([*lines, "".join(lines)])) / len(whole)
        assert found >= own - 1e-6 or own < 0.6, question
    assert (share > 0).sum() > 500


def _triples(texts: list[str]) -> set[str]:
    plain_texts = map(normalise, texts)
    return {t[at : at + 3] for t in plain_texts for at in range(max(len(t) - 2, 1 if t else 0))}


def test_the_index_hash_follows_the_questions() -> None:
    one, two = question("甲状腺功能亢进的典型表现是"), question("甲状腺功能减退的典型表现是")
    other = question("甲状腺功能亢进的典型表现是", A="心悸", B="乏力")
    assert len({ExamIndex({"test": [q]}).hash for q in (one, two, other)}) == 3
    assert ExamIndex({"test": [one, two]}).hash == ExamIndex({"test": [two, one]}).hash


def _real(shared: Path) -> list[Question]:
    path = shared / "samples/cnmleqa/CMB-test-choice-question-merge.json"
    return list(read_questions(path, Rejects()))
