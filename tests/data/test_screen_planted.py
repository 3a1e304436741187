"""Copies of exam questions planted in a training set, and how many of each kind are caught."""

import random
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from csft.cmb import Question, read_questions
from csft.data.screen import ExamIndex
from csft.data.screen.plain import plain
from csft.rejects import Rejects

FILLER = "的了在与及为所应可"
FULL = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def written(stem: str, options: list[str]) -> str:
    return "\n".join(
        [f"{stem}（　）", *(f"{letter}. {text}" for letter, text in zip("ABCDEFG", options, strict=False))]
    )


def options_of(question: Question) -> list[str]:
    return list(question.offered.values())


def reworded(stem: str, every: int) -> str:
    """Each so-manieth character dropped, replaced, or followed by another one."""
    draw, out = random.Random(stem), []
    for number, sign in enumerate(stem, 1):
        kept = [sign, draw.choice(FILLER)]
        out += [sign] if number % every else draw.choice([[], kept[1:], kept])
    return "".join(out)


# kind -> how it is made, and the least share of copies that must be caught
KINDS: dict[str, tuple[Callable[[Question], str], float]] = {
    "exact": (lambda q: written(q.question, options_of(q)), 1.0),
    "stem alone": (lambda q: q.question, 0.98),
    "otherwise punctuated": (
        lambda q: written(
            "".join("；" if unicodedata.category(s)[0] == "P" else s for s in q.question), options_of(q)
        ),
        1.0,
    ),
    "full width": (lambda q: written(q.question.translate(FULL), options_of(q)), 0.99),
    "options reordered": (lambda q: written(q.question, options_of(q)[::-1]), 0.99),
    "options reordered, one letter in 25 changed": (
        lambda q: written(reworded(q.question, 25), options_of(q)[::-1]),
        0.97,
    ),
    "one letter in 12 changed": (lambda q: written(reworded(q.question, 12), options_of(q)), 0.97),
    "one letter in 8 changed": (lambda q: written(reworded(q.question, 8), options_of(q)), 0.7),
    "one letter in 4 changed": (lambda q: written(reworded(q.question, 4), options_of(q)), 0.0),
    "last option lost": (lambda q: written(q.question[:-1], options_of(q)[:-1]), 0.95),
    "half of the stem": (lambda q: q.question[: len(q.question) // 2], 0.0),
}


@pytest.fixture(scope="module")
def exams(shared: Path) -> ExamIndex:
    path = shared / "samples/cnmleqa/CMB-test-choice-question-merge.json"
    return ExamIndex({"test": list(read_questions(path, Rejects()))})


@pytest.mark.parametrize("kind", KINDS)
def test_planted_copies_of_real_questions_are_caught(kind: str, exams: ExamIndex) -> None:
    plant, least = KINDS[kind]
    hits = exams.find(plain([f"考试题目。\n{plant(question)}" for _, question in exams.rows]), 0.7)
    share = (hits.row >= 0).mean()
    print(f"{kind:45} {100 * hits.exact.mean():6.1f} % exact {100 * share:6.1f} % caught")
    assert share >= least


WRITTEN_BY_HAND = [
    (
        "女，28岁。停经50天，突发下腹剧痛2小时，伴头晕、肛门坠胀感，首先考虑的诊断是",
        ["异位妊娠破裂", "急性阑尾炎", "卵巢囊肿蒂扭转", "急性盆腔炎", "先兆流产"],
        "女性，28岁，停经50天，突然下腹剧痛2小时，伴有头晕和肛门坠胀，首先应考虑的诊断为",
        "一位二十八岁的女士七周没来例假，两小时前肚子突然痛得厉害，头发晕，总想解大便，她最可能得了什么病",
    ),
    (
        "长期应用糖皮质激素突然停药后，最可能出现的不良后果是",
        ["反跳现象及停药症状", "诱发感染", "骨质疏松", "消化道出血", "高血压"],
        "长期使用糖皮质激素，突然停药以后最可能发生的不良后果是",
        "病人吃了很久的激素，一下子不吃了，会怎么样",
    ),
    (
        "下列关于流行性脑脊髓膜炎传播途径的叙述，正确的是",
        ["主要经呼吸道飞沫传播", "经水和食物传播", "经蚊虫叮咬传播", "经血液传播", "经皮肤接触传播"],
        "以下有关流行性脑脊髓膜炎传播途径的说法，正确的是",
        "流脑是怎样从一个人传给另一个人的",
    ),
]


@pytest.mark.parametrize(("stem", "options", "light", "heavy"), WRITTEN_BY_HAND)
def test_light_paraphrases_are_caught_and_heavy_ones_are_not(
    stem: str, options: list[str], light: str, heavy: str
) -> None:
    question = Question(1, "", "", "", "", stem, dict(zip("ABCDE", options, strict=True)), "A")
    index = ExamIndex({"test": [question]})
    for order in (options, options[::-1]):
        assert index.split_in(written(light, order)) is None
        assert index.split_in(written(light, order), 0.7) == "test"
    assert index.split_in(heavy, 0.7) is None  # other words: what no comparison of words can find
