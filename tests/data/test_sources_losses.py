"""What is counted beside the records: topics, what kept records lose, and what stays as it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from csft.data import sources
from csft.data.alpaca import Alpaca
from csft.rejects import Rejects

BLANK, LAST = "blank option not offered", "unanswered last turn left out"


def put(path: Path, *lines: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(
        line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines
    )
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


def read(dataset: str, root: Path) -> tuple[list[Alpaca], Rejects]:
    rejects = Rejects()
    return list(sources.read(dataset, root, rejects)), rejects


def test_webmedqa_topics_are_answer_lines(tmp_path: Path) -> None:
    put(tmp_path / "webmedqa/medQA.train.txt", "科\t1\t1\t问\t答", *["科\t0\t1\t问\t别"] * 4, "坏")
    records, rejects = read("webmedqa", tmp_path)
    assert (len(records), rejects.topics, rejects.total) == (1, 6, 1)


def test_cmedqa2_topics_are_training_questions(tmp_path: Path) -> None:
    put(tmp_path / "cmedqa2/question.csv", "question_id,content", "1,问", "2,问", "3,问")
    put(tmp_path / "cmedqa2/answer.csv", "ans_id,question_id,content", "1,1,答", "2,1,答", "3,2,答", "4,3,答")
    put(tmp_path / "cmedqa2/train_candidates.csv", "question_id,pos_ans_id,neg_ans_id", "1,1,3", "2,3,1")
    records, rejects = read("cmedqa2", tmp_path)
    assert (len(records), rejects.topics) == (3, 2)


def test_topics_of_the_others_are_their_rows_those_left_out_included(tmp_path: Path) -> None:
    row = {"originalText": "疼", "entities": [], "label_4class": ["'其他'"], "label_36class": ["'多问'"]}
    put(tmp_path / "cmid/CMID.json", row, {**row, "label_4class": ["'病症'"]})
    records, rejects = read("cmid", tmp_path)
    assert (len(records), rejects.topics) == (1, 2)
    put(tmp_path / "medicaldialog/train_data.json", [["病人：一", "医生：二"] * 3, ["病人：一"]])
    records, rejects = read("medicaldialog", tmp_path)
    assert (len(records), rejects.topics, rejects.total) == (3, 2, 1)


def test_blank_options_are_noted_with_their_place(tmp_path: Path) -> None:
    good = {"qtext": "问", "options": {"A": "甲", "B": " ", "C": ""}, "answer": "A"}
    put(tmp_path / "mlecqa/TCM_train.json", good, {**good, "answer": "B"})
    records, rejects = read("mlecqa", tmp_path)
    assert len(records) == 1
    assert rejects.counts == {"answer outside the options": 1}
    assert rejects.notes == {BLANK: 2}  # those of the kept record alone
    assert rejects.examples[BLANK] == ["mlecqa/TCM_train.json:1"] * 2
    assert str(rejects) == f"1 set aside: 1 answer outside the options; of kept records: 2 {BLANK}"


def test_cmb_notes_blank_options(tmp_path: Path) -> None:
    row = {"exam_type": "x", "exam_class": "y", "exam_subject": "z", "question": "问", "answer": "A",
           "question_type": "单项选择题", "option": {"A": "甲", "B": " ", "C": None}}  # fmt: skip
    put(tmp_path / "cmb/CMB-train-merge.json", [row, {**row, "answer": "B"}])
    records, rejects = read("cmb", tmp_path)
    assert [record.input for record in records] == ["问\nA: 甲\n"]
    assert (rejects.notes, rejects.topics) == ({BLANK: 2}, 2)


def test_nlpec_keeps_the_passages_of_the_options_that_are_offered(tmp_path: Path) -> None:
    row = {"questionText": "问", "option": ["甲", "", "丙"], "answer": ["3"], "context": ["一", "二", "三"]}
    put(tmp_path / "nlpec/train.json", row)
    (record,), rejects = read("nlpec", tmp_path)
    assert record.input == "问\nA: 甲\nC: 丙\n"
    assert record.output == "甲：一\n丙：三\n答案是C。"
    assert rejects.notes == {BLANK: 1}


def test_an_empty_answer_costs_its_pair_and_an_empty_question_nothing(tmp_path: Path) -> None:
    talk = ["病人：一", "医生：二", "病人：三", "医生：", "病人：", "医生：六", "病人：七"]
    put(tmp_path / "medicaldialog/train_data.json", [talk])
    records, rejects = read("medicaldialog", tmp_path)
    assert records == [
        Alpaca("一", "", "二"),
        Alpaca("", "", "六", (("一", "二"), ("三", ""))),
    ]
    assert rejects.counts == {"empty answer": 1}
    assert rejects.notes == {LAST: 1}


def test_discmed_keeps_what_stands_before_a_bad_turn(tmp_path: Path) -> None:
    said = [("user", "一"), ("assistant", "二"), ("user", "三"), ("assistant", "四"), ("doctor", "五")]
    turns = [{"role": role, "content": text} for role, text in said]
    put(tmp_path / "discmed/DISC-Med-SFT_released.jsonl", {"conversation": turns})
    records, rejects = read("discmed", tmp_path)
    assert [record.output for record in records] == ["二"]  # the second answer may have gone on
    assert rejects.counts == {"role is neither user nor assistant": 1}


@pytest.mark.parametrize(
    "text", ["<|im_end|>\n<|im_start|>assistant", "</s>", "a\x00b\x1b[0m", "\u200b。", "😀"]
)
def test_markers_and_control_characters_stay_text(text: str, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "问"}, {"role": "assistant", "content": text}]
    put(tmp_path / "discmed/DISC-Med-SFT_released.jsonl", {"conversation": turns})
    put(tmp_path / "cmeddialogue/Data_数据/x/x.csv", "department,title,ask,answer", f'科,题,问,"{text}"')
    for dataset in ("discmed", "cmeddialogue"):
        (record,), rejects = read(dataset, tmp_path)
        assert record.output == text
        assert not rejects.total


def test_headqa_is_stripped_as_the_hub_s_loader_does(tmp_path: Path) -> None:
    row = {"qid": "1", "qtext": " Q\n", "ra": "1 ", "answers": [{"aid": 1, "atext": "a "}]}
    exams = {"E": {"category": "biology ", "data": [row]}}
    put(tmp_path / "headqa/train_HEAD_EN.json", {"exams": exams})
    (record,), _ = read("headqa", tmp_path)
    assert record.instruction.startswith("This is a question about biology from")
    assert (record.input, record.output) == ("Q\nA: a\n", "The answer is A .")


HEAD = "\nid={}\nhttp://x\n\nDoctor faculty\n某科\n"
STORY = (
    "\nDescription\n疾病：\n感冒 \n病情描述（发病时间、主要症状、就诊医院等）：\n三天了\n还没好\n"
    "想得到怎样的帮助：\n吃药\n"
)
TALK = "\nDialogue\n医生：\n休息。\n病人：\n谢谢\n病人：\n再问\n医生：\n好。\n\n好的。\n病人：\n再见\n"


@pytest.mark.parametrize(
    ("block", "pairs", "rejects", "notes"),
    [
        (STORY + TALK, [("感冒，三天了\n还没好", "休息。"), ("谢谢再问", "好。\n好的。")], {}, {LAST: 1}),
        (STORY.replace("（发病时间、主要症状、就诊医院等）：\n", "：") + "\nDialogue\n医生：\n好\n",
         [("感冒，三天了\n还没好", "好")], {}, {}),
        (TALK, [("谢谢再问", "好。\n好的。")], {},
         {"doctor's opening without a question left out": 1, LAST: 1}),
        (STORY + "\nDialogue\n病人:\n咳\n医生:\n停\n\nDiagnosis and suggestions\n住院\n"
         "\nDialogue\n病人：\n好\n医生：\n嗯\n",
         [("感冒，三天了\n还没好咳", "停"), ("好", "嗯")], {}, {}),
        (STORY + "\nDialogue\n病人：\n在吗\n", [], {"patient turns alone": 1}, {}),
        (STORY, [], {"no dialogue": 1}, {}),
        ("\nDialogue\n医生：\n回访\n", [], {"no answered turn": 1}, {}),
        (STORY + "\nDialogue\n医生：\n\ud800\n", [], {"not valid Unicode": 1}, {}),
    ],
)  # fmt: skip
def test_raw_consultations(
    block: str, pairs: list[tuple[str, str]], rejects: dict[str, int], notes: dict[str, int], tmp_path: Path
) -> None:
    good = HEAD.format(2) + "\nDialogue\n病人：\n疼\n医生：\n药\n"
    put(tmp_path / "medicaldialog/2010.txt", HEAD.format(1) + block + good)
    records, found = read("medicaldialog", tmp_path)
    assert [(record.instruction, record.output) for record in records] == [*pairs, ("疼", "药")]
    assert (dict(found.counts), found.topics) == (rejects, 2)
    assert found.notes == notes


def test_a_text_file_that_is_no_consultation_is_counted(tmp_path: Path) -> None:
    put(tmp_path / "medicaldialog/2010.txt", HEAD.format(1), "Dialogue", "病人：", "疼", "医生：", "药")
    put(tmp_path / "medicaldialog/LICENSE.txt", "All rights reserved")
    records, rejects = read("medicaldialog", tmp_path)
    assert len(records) == 1
    assert rejects.examples == {"text file without a consultation": ["medicaldialog/LICENSE.txt"]}
