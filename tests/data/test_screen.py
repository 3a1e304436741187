"""What is screened out of one dataset, what is not, and what is told of it."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from csft.cmb import Question
from csft.data import Alpaca
from csft.data.left_out import LeftOut
from csft.data.parquet import read_parquet
from csft.data.screen import ExamIndex, ScreenRules, sift
from csft.errors import SettingError

STEM = "男，45岁。突发胸痛3小时，心电图示ST段抬高，首选的治疗是"
EXAMS = ExamIndex(
    {"test": [Question(7, "医师考试", "执业医师", "", "单项选择题", STEM, {"A": "溶栓", "B": "观察"}, "A")]}
)
RULES = ScreenRules()
LONG = (
    "我最近一个月总是觉得头晕乏力，早上起床的时候特别明显，有时候还会恶心，量过几次血压都在正常范围里，"
    "以前没有得过什么大病，家里老人有糖尿病，请问医生这种情况应该去医院挂哪个科室，需要做哪些检查才能查清楚"
)
ADVICE = (
    "您好，根据您的描述，这种情况首先考虑与睡眠不足和颈椎问题有关，建议您先到神经科就诊，完善头部和颈部的"
    "影像检查，同时复查血常规和血糖，平时注意休息，避免长时间低头看手机，如果症状持续加重请及时到医院复诊"
)


@dataclass
class Outcome:
    kept: list[Alpaca]
    counts: dict[str, int]
    lines: list[dict[str, Any]]


Screen = Callable[..., Outcome]


@pytest.fixture
def screen(tmp_path: Path) -> Screen:
    def run(records: Iterable[Alpaca], rules: ScreenRules = RULES, exams: ExamIndex = EXAMS) -> Outcome:
        with (tmp_path / "left_out.jsonl").open("w", encoding="utf-8") as file:
            left_out = LeftOut(file)
            count = sift(records, tmp_path, exams, rules, left_out)
        kept = list(read_parquet(tmp_path / "records.parquet"))
        assert count == len(kept)
        lines = (tmp_path / "left_out.jsonl").read_text(encoding="utf-8").splitlines()
        return Outcome(kept, dict(left_out.counts), [json.loads(line) for line in lines])

    return run


def talk(*turns: tuple[str, str]) -> list[Alpaca]:
    return [Alpaca(turn[0], "", turn[1], turns[:number]) for number, turn in enumerate(turns)]


def test_doubles_and_empty_answers_are_listed_with_their_place(screen: Screen) -> None:
    a, b = Alpaca("问", "", "答"), Alpaca("问", "", "答二")
    found = screen([a, b, a, Alpaca("", "问", "答"), Alpaca("问三", "", " \n")])
    assert found.kept == [a, b]
    assert found.counts == {"empty output": 1, "exact duplicate": 2}
    assert found.lines[0] == {"reason": "empty output", "place": "record 5: 问三"}
    double = {"reason": "exact duplicate", "text": "问", "matches": "record 1: 问", "similarity": 1.0}
    assert found.lines[1:] == [{"record": 3, **double}, {"record": 4, **double}]


def test_the_same_words_split_otherwise_between_turns_are_no_exact_double(screen: Screen) -> None:
    records = [Alpaca("c", "", "d", history=(("a", "b"),)), Alpaca("c", "", "d", history=(("ab", ""),))]
    assert len(screen(records, ScreenRules(near_duplicates=None)).kept) == 2


def test_text_that_no_file_can_hold_is_set_aside(screen: Screen) -> None:
    found = screen([Alpaca("坏\ud800字", "", "答"), Alpaca("问", "", "答")])
    assert len(found.kept) == 1 and found.counts == {"not valid Unicode": 1}


def test_a_text_without_end_is_set_aside(screen: Screen) -> None:
    found = screen([Alpaca("问", "", "哈" * 1_000_000), Alpaca("问", "", "哈" * 999_999)])
    assert len(found.kept) == 1 and found.counts == {"longer than 1,000,000 characters": 1}


def test_whatever_a_record_holds_comes_out_again(screen: Screen) -> None:
    records = [
        Alpaca("一", "二\n", "三\0", (("四", ""), ("", "五")), "六"),
        Alpaca("", "", "7"),
        Alpaca("😀𠮷", "\r", " 8 "),
    ]
    assert screen(records).kept == records
    assert screen([]).kept == []


def test_an_exam_question_is_told_with_the_record(screen: Screen) -> None:
    reordered = "男，45岁。突发胸痛3小时，心电图提示ST段抬高，首选治疗是\nA. 观察\nB. 溶栓"
    found = screen(
        [Alpaca("考题", STEM, "答案是A。"), Alpaca("考题", reordered, "答案是B。"), Alpaca("问", "", "答")]
    )
    assert [line["reason"] for line in found.lines] == ["overlaps exam test", "near exam test"]
    assert found.lines[0]["matches"] == f"test 7: {STEM}" and found.lines[0]["similarity"] == 1
    assert 0.7 <= found.lines[1]["similarity"] < 1
    assert len(screen([Alpaca("考题", reordered, "答案是B。")], ScreenRules(exam_overlap=None)).kept) == 1


def test_a_dialogue_goes_from_the_turn_that_gives_an_exam_away(screen: Screen) -> None:
    records = talk(("你好", "您好"), (STEM, "溶栓"), ("谢谢", "不客气"))
    found = screen(records)
    assert found.kept == records[:1] and found.counts == {"overlaps exam test": 2}


@pytest.mark.parametrize(
    ("other", "advice"),
    [
        (LONG.replace("，", " "), ADVICE),
        (LONG + "？", ADVICE.replace("，", "；")),
        (LONG + "谢谢", ADVICE),
        (LONG, ADVICE.replace("您好", "你好")),
    ],
    ids=["blanks", "punctuation", "thanks", "greeting"],
)
def test_near_duplicates_go_and_say_whom_they_match(screen: Screen, other: str, advice: str) -> None:
    found = screen([Alpaca("先", "", "来"), Alpaca(LONG, "", ADVICE), Alpaca(other, "", advice)])
    assert len(found.kept) == 2 and found.counts == {"near duplicate": 1}
    assert found.lines[0]["matches"].startswith("record 2: 我最近") and found.lines[0]["similarity"] >= 0.9
    assert len(screen([Alpaca(LONG, "", ADVICE), Alpaca(other, "", advice)], ScreenRules(None)).kept) == 2


@pytest.mark.parametrize(
    ("other", "advice"),
    [
        (LONG, ADVICE[::-1]),  # another answer to the same question
        (LONG[::-1], ADVICE),  # the same answer to another question
        (LONG.replace("会恶心", "不恶心"), ADVICE),  # a negation
        (LONG + "我45岁", ADVICE),  # a figure that the other lacks
        (LONG.replace("应该", "可以").replace("医院", "诊所").replace("头晕", "胸闷"), ADVICE),  # below 0.9
    ],
    ids=["answer", "question", "negation", "figure", "words"],
)
def test_what_says_something_else_stays(screen: Screen, other: str, advice: str) -> None:
    assert len(screen([Alpaca(LONG, "", ADVICE), Alpaca(other, "", advice)]).kept) == 2


OPTIONS = "A: 胰岛素\nB: 二甲双胍\nC: 阿卡波糖\n"
SHUFFLED = "A: 阿卡波糖\nB: 胰岛素\nC: 二甲双胍\n"
ASKED = "妊娠期糖尿病患者经饮食控制后血糖仍然不能达标时，应当首选的治疗药物是"


@pytest.mark.parametrize(
    ("instruction", "question", "answer", "same"),
    [
        ("来自另一场考试。", f"{ASKED}\n{OPTIONS}", "答案是A。", True),
        ("考题。", f"{ASKED}（　）\n{SHUFFLED}", "答案是B。", True),
        ("考题。", f"{ASKED}\n{OPTIONS}", "答案是B。", False),
        ("考题。", f"{ASKED}\n{SHUFFLED}", "答案是A。", False),
        ("考题。", f"{ASKED}\n{OPTIONS.replace('阿卡波糖', '格列本脲')}", "答案是A。", False),
        ("考题。", f"{ASKED.replace('首选', '不选')}\n{OPTIONS}", "答案是A。", False),
        ("考题。", f"{ASKED}\n{OPTIONS}", f"{ADVICE}\n答案是A。", False),
    ],
    ids=["exam", "order", "letter", "order and letter", "option", "negation", "explanation"],
)
def test_choice_questions_are_the_same_when_options_and_answers_are(
    screen: Screen, instruction: str, question: str, answer: str, same: bool
) -> None:
    first = Alpaca("考题。", f"{ASKED}\n{OPTIONS}", "答案是A。")
    assert len(screen([first, Alpaca(instruction, question, answer)]).kept) == (1 if same else 2)


def test_an_instruction_in_common_makes_nothing_alike(screen: Screen) -> None:
    task = "分析下列描述中提到的医学专有名词并分析其意图，按照给定的格式输出结果"
    records = [Alpaca(task, text, "该描述期望知道治疗方法。") for text in ("感冒怎么治", "腹泻怎么治")]
    assert len(screen(records, ScreenRules(0.7)).kept) == 2


def test_a_dialogue_stands_or_falls_as_a_whole(screen: Screen) -> None:
    first = talk((LONG, ADVICE), ("还要注意什么", "多休息"), ("谢谢", "不客气"))
    again = talk((LONG + "？", ADVICE), ("还要注意什么", "多休息。"), ("谢谢！", "不客气"))
    other = talk((LONG, ADVICE[:60]), ("还要注意什么", "清淡饮食，按时服药，一周之后回来复查血压"))
    found = screen([*first, *again, *other])
    assert found.kept == [*first, *other]
    assert [line["record"] for line in found.lines] == [4, 5, 6]
    assert {line["matches"] for line in found.lines} == {"record 3: 谢谢"}


def test_outcomes_do_not_depend_on_batches_or_processes(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(1)
    words = ["".join(map(chr, draw.integers(0x4E00, 0x4F00, 6))) for _ in range(40)]
    texts = ["，".join(draw.choice(words, 30)) for _ in range(150)]
    texts += [text + "谢" for text in texts[::3]]
    records = [record for text in texts for record in talk((text, text[::-1]), (text[:9], text))]
    whole = screen(records)
    assert whole.counts["near duplicate"] == 100
    monkeypatch.setattr("csft.data.screen.conversations.BATCH_RECORDS", 16)
    monkeypatch.setattr("csft.data.screen.sieve.cores", lambda: 2)
    assert screen(records) == whole


@pytest.mark.parametrize("wrong", [0.0, 0.4, 1.1, float("nan")])
def test_rules_name_the_setting(wrong: float) -> None:
    with pytest.raises(SettingError, match="near_duplicates"):
        ScreenRules(near_duplicates=wrong)
    with pytest.raises(SettingError, match="exam_overlap"):
        ScreenRules(exam_overlap=wrong)
