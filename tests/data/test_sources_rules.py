"""Rules of single converters, on small records made for the purpose."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from csft.data import sources
from csft.data.alpaca import Alpaca
from csft.errors import DataError
from csft.rejects import Rejects


def put(root: Path, name: str, content: str | bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def put_lines(root: Path, name: str, *values: Any) -> None:
    put(root, name, "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values))


def put_zip(root: Path, name: str, member: str, content: str) -> None:
    put(root, name, b"")
    with zipfile.ZipFile(root / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)


def read(dataset: str, root: Path) -> tuple[list[Alpaca], dict[str, int]]:
    rejects = Rejects()
    return list(sources.read(dataset, root, rejects)), dict(rejects.counts)


def mcq(**changes: Any) -> dict[str, Any]:
    row = {"question": "Q", "exp": "Because", "cop": 1, "subject_name": "Anatomy", "topic_name": "Skin"}
    return row | {"opa": "a", "opb": "b", "opc": "c", "opd": "d"} | changes


def test_medmcqa_without_explanation_says_the_answer_alone(tmp_path: Path):
    put_lines(tmp_path, "medmcqa/train.json", mcq(exp=None, cop=4), mcq(exp="  "))
    records, rejects = read("medmcqa", tmp_path)
    assert [record.output for record in records] == ["The answer is D .", "The answer is A ."]
    assert rejects == {}


def test_medmcqa_hub_copy_counts_from_zero(tmp_path: Path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "medmcqa/data/train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    parquet.write_table(pa.Table.from_pylist([mcq(cop=0), mcq(cop=3), mcq(cop=-1)]), path)
    records, rejects = read("medmcqa", tmp_path)
    assert [record.output for record in records] == [
        "Because\nThe answer is A .",
        "Because\nThe answer is D .",
    ]
    assert rejects == {"answer outside the options": 1}


def test_medmcqa_hub_copy_under_the_published_name_is_refused(tmp_path: Path):
    put_lines(tmp_path, "medmcqa/train.json", *(mcq(cop=number % 4) for number in range(200)))
    with pytest.raises(DataError, match="counts `cop` from 0"):
        read("medmcqa", tmp_path)


def test_medmcqa_a_single_zero_is_only_a_bad_row(tmp_path: Path):
    put_lines(tmp_path, "medmcqa/train.json", mcq(cop=0), mcq(cop=2))
    records, rejects = read("medmcqa", tmp_path)
    assert len(records) == 1
    assert rejects == {"answer outside the options": 1}


def nlpec(**changes: Any) -> dict[str, Any]:
    return {"questionText": "问", "option": ["甲", "乙"], "answer": ["2"], "context": ["一", "二"]} | changes


def test_nlpec_shared_passage_stands_once(tmp_path: Path):
    put_lines(tmp_path, "nlpec/NLPEC_public_data/train.json", nlpec(context=["同", "同"], answer=["1", "2"]))
    (record,), _ = read("nlpec", tmp_path)
    assert record == Alpaca(
        "这是国家药品监督管理局执业药师资格认证考试的题目。\n\n", "问\nA: 甲\nB: 乙\n", "同\n答案是AB。"
    )


def test_nlpec_separate_passages_follow_their_options(tmp_path: Path):
    put_lines(tmp_path, "nlpec/train.json", nlpec(subject="药学"))
    (record,), _ = read("nlpec", tmp_path)
    assert record.instruction == "这是国家药品监督管理局执业药师资格认证考试的题目。\n源自药学\n\n"
    assert record.output == "甲：一\n乙：二\n答案是B。"


def test_nlpec_bad_answers_and_contexts(tmp_path: Path):
    rows = (
        nlpec(answer=["3"]),
        nlpec(answer=["0"]),
        nlpec(answer=[]),
        nlpec(answer=["B"]),
        nlpec(context=["一"]),
    )
    put_lines(tmp_path, "nlpec/train.json", *rows)
    records, rejects = read("nlpec", tmp_path)
    assert records == []
    assert rejects == {
        "answer outside the options": 2,
        "no answer": 1,
        "answer is not a whole number": 1,
        "options and contexts differ in number": 1,
    }


@pytest.mark.parametrize("packed", [False, True])
def test_webmedqa_removes_glued_dates_and_skips_other_answers(packed: bool, tmp_path: Path):
    text = (
        "内科\t1\t7\t问？\t答案2016-03-0512:30在此，2017-11-2308:05完\n"
        "内科\t0\t7\t问？\t别的\n"
        "内科\t1\t8\t再问\t末行"
    )
    if packed:
        put_zip(tmp_path, "webmedqa/train.zip", "medQA.train.txt", text)
    else:
        put(tmp_path, "webmedqa/medQA.train.txt", text)
    records, rejects = read("webmedqa", tmp_path)
    assert records == [Alpaca("问？", "", "答案在此，完\n"), Alpaca("再问", "", "末行")]
    assert rejects == {}


def test_webmedqa_bad_lines(tmp_path: Path):
    text = (
        "内科\t1\t7\t问\n"
        "内科\t2\t7\t问\t答\n"
        "内科\t1\t7\t\t答\n"
        "内科\t1\t7\t问\t2016-03-0512:30\n"
        "内科\t1\t7\t好\t好\r\n"
    )
    put(tmp_path, "webmedqa/medQA.train.txt", text)
    records, rejects = read("webmedqa", tmp_path)
    assert records == [Alpaca("好", "", "好\n")]
    assert rejects == {
        "not five columns": 1,
        "label is neither 0 nor 1": 1,
        "empty question": 1,
        "empty answer": 1,
    }


QUESTION = 'question_id,content\n1,"头疼,怎么办"\n2,咳嗽\n3,测试集\n'
ANSWER = "ans_id,question_id,content\n10,1,多休息\n11,2,喝水\n12,1,按时吃药\n13,3,不训练\n14,9,孤儿\n"
CANDIDATES = "question_id,pos_ans_id,neg_ans_id\n1,10,11\n1,12,11\n2,11,10\n9,14,10\n"


@pytest.mark.parametrize("packed", [False, True])
def test_cmedqa2_gives_every_answer_of_a_training_question(packed: bool, tmp_path: Path):
    for name, text in [("question", QUESTION), ("answer", ANSWER), ("train_candidates", CANDIDATES)]:
        if packed:
            put_zip(tmp_path, f"cmedqa2/{name}.zip", f"{name}.txt", text)
        else:
            put(tmp_path, f"cmedqa2/{name}.csv", text)
    records, rejects = read("cmedqa2", tmp_path)
    assert [(record.instruction, record.output) for record in records] == [
        ("头疼,怎么办", "多休息"),
        ("咳嗽", "喝水"),
        ("头疼,怎么办", "按时吃药"),
    ]
    assert rejects == {"answer to a question that is not there": 1}


def test_cmedqa2_needs_its_three_tables(tmp_path: Path):
    put(tmp_path, "cmedqa2/question.csv", QUESTION)
    put(tmp_path, "cmedqa2/answer.csv", ANSWER)
    with pytest.raises(DataError, match=r"holds answer\.csv, question\.csv\. Expected: .*train_candidates"):
        read("cmedqa2", tmp_path)


def test_cmedqa2_header_must_have_its_columns(tmp_path: Path):
    for name in ("question", "answer", "train_candidates"):
        put(tmp_path, f"cmedqa2/{name}.csv", "id,text\n1,2\n")
    with pytest.raises(
        DataError, match=r"train_candidates\.csv has no column question_id.*'id,text'|id, text"
    ):
        read("cmedqa2", tmp_path)


DIALOGUE = "cmeddialogue/Data_数据/IM_内科/内科.csv"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig"])
def test_cmeddialogue_encodings_and_both_headers(encoding: str, tmp_path: Path):
    put(tmp_path, DIALOGUE, "department,title,question,answer\n内科,题,问,答\n".encode(encoding))
    assert read("cmeddialogue", tmp_path) == ([Alpaca("题", "问", "答")], {})


def test_cmeddialogue_keeps_the_good_lines_around_a_bad_byte(tmp_path: Path):
    head, good = "department,title,ask,answer\n".encode("gb18030"), "内科,题,问,答\n".encode("gb18030")
    put(tmp_path, DIALOGUE, head + good + "内科,".encode("gb18030") + b"\xff\x81\n" + good)
    records, rejects = read("cmeddialogue", tmp_path)
    assert len(records) == 2
    assert rejects == {"not valid in the file's encoding": 1}


def test_cmeddialogue_bad_rows(tmp_path: Path):
    text = "department,title,ask,answer\n内科,题,问\n内科,,,答\n内科,题,问,\n内科,题,,答\n内科,题\r题,问,答\n"
    put(tmp_path, DIALOGUE, text.encode("gb18030"))
    records, rejects = read("cmeddialogue", tmp_path)
    assert records == [Alpaca("题", "", "答")]
    assert rejects == {
        "wrong number of columns": 1,
        "empty title and ask": 1,
        "empty answer": 1,
        "not CSV": 1,
    }


def test_medicaldialog_odd_turns_and_broken_order(tmp_path: Path):
    talks = [
        ["病人：一", "医生：二", "病人：没有回答"],
        ["病人：一", "医生：二", "医生：三", "病人：四"],
        ["医生：先说", "病人：好"],
        ["病人：独白"],
        ["病人：他说病人：疼", "医生：好"],
    ]
    put(tmp_path, "medicaldialog/train_data.json", json.dumps(talks, ensure_ascii=False, indent=4))
    records, rejects = read("medicaldialog", tmp_path)
    assert [(record.instruction, record.output) for record in records] == [
        ("一", "二"),
        ("一", "二"),
        ("他说疼", "好"),
    ]
    assert rejects == {"turns do not alternate 病人： 医生：": 2, "no answered turn": 1}


def talk(*turns: tuple[str, str]) -> dict[str, Any]:
    return {
        "_id": "1",
        "source": "x",
        "conversation": [{"role": role, "content": text} for role, text in turns],
    }


def test_discmed_joins_neighbours_and_gives_an_opening_assistant_an_empty_question(tmp_path: Path):
    rows = (
        talk(("user", " 疼"), ("user", "三天了 "), ("assistant", "嗯"), ("assistant", "休息")),
        talk(("assistant", "您好"), ("user", "头疼"), ("assistant", "休息"), ("user", "谢谢")),
    )
    put_lines(tmp_path, "discmed/DISC-Med-SFT_released.jsonl", *rows)
    records, rejects = read("discmed", tmp_path)
    assert records == [
        Alpaca("疼 三天了", "", "嗯 休息"),
        Alpaca("", "", "您好"),
        Alpaca("头疼", "", "休息", (("", "您好"),)),
    ]
    assert rejects == {}


def test_discmed_bad_dialogues(tmp_path: Path):
    rows = (
        talk(("system", "你是"), ("user", "疼")),
        talk(("user", "疼")),
        talk(),
        talk(("user", "疼"), ("assistant", " ")),
        {"conversation": None},
        {"conversation": ["疼"]},
        [],
    )
    put_lines(tmp_path, "discmed/DISC-Med-SFT_released.jsonl", *rows)
    records, rejects = read("discmed", tmp_path)
    assert records == []
    assert rejects == {
        "role is neither user nor assistant": 1,
        "no answered turn": 2,
        "empty answer": 1,
        "no conversation": 1,
        "turn is not an object": 1,
        "record is not an object": 1,
    }


def cmid(entities: list[Any], primary: str, secondary: str) -> dict[str, Any]:
    return {
        "originalText": "肺炎吃药",
        "entities": entities,
        "label_4class": [primary],
        "label_36class": [secondary],
    }


LUNG = {"label_type": "疾病和诊断", "start_pos": 0, "end_pos": 2}
DRUG = {"label_type": "药物", "start_pos": 3, "end_pos": 4}


@pytest.mark.parametrize(
    ("row", "output"),
    [
        (cmid([LUNG, DRUG], "'病症'", "'定义'"), "该描述提到了肺炎，药物药, 并期望知道该病症及其定义。"),
        (cmid([LUNG], "'病症'", "'多问'"), "该描述提到了肺炎, 并期望知道该病症。"),
        (cmid([], "'病症'", "'无法确定'"), "该描述期望知道该病症。"),
        (cmid([LUNG], "'其他'", "'对比'"), "该描述提到了肺炎期望知道对比。"),
        (cmid([], "'其他'", "'对比'"), "该描述期望知道对比。"),
        (cmid([LUNG], "'其他'", "'多问'"), "该描述提到了肺炎。"),
        (cmid([], "其他", "多问"), "该描述期望知道该其他及其多问。"),
    ],
)
def test_cmid_sentence_by_case(row: dict[str, Any], output: str, tmp_path: Path):
    put(tmp_path, "cmid/CMID.json", json.dumps([row], ensure_ascii=False))
    (record,), _ = read("cmid", tmp_path)
    assert record.output == output


def test_cmid_left_out_and_bad(tmp_path: Path):
    rows = [
        cmid([], "'其他'", "'无法确定'"),
        cmid([LUNG | {"end_pos": 9}], "'病症'", "'定义'"),
        cmid([LUNG | {"start_pos": True}], "'病症'", "'定义'"),
        cmid([LUNG | {"label_type": "别的"}], "'病症'", "'定义'"),
        cmid([LUNG], "'病症'", "'定义'") | {"label_4class": "病症"},
    ]
    put_lines(tmp_path, "cmid/CMID.json", *rows)
    records, rejects = read("cmid", tmp_path)
    assert records == []
    assert rejects == {
        "neither entity nor intent": 1,
        "entity outside the text": 2,
        "unknown entity type": 1,
        "label_4class is not a list": 1,
    }


def test_options_are_sorted_and_blank_ones_left_out(tmp_path: Path):
    row = {"qtext": "问", "options": {"C": "丙", "A": "甲", "B": " "}, "answer": "C"}
    put(tmp_path, "mlecqa/TCM_train.json", json.dumps([row, row | {"answer": "B"}]))
    records, rejects = read("mlecqa", tmp_path)
    assert records == [Alpaca("这是国家医师资格考试的题目。\n\n", "问\nA: 甲\nC: 丙\n", "答案是C。")]
    assert rejects == {"answer outside the options": 1}


def test_cmb_reads_the_hub_s_option_strings_and_leaves_blank_options_out(tmp_path: Path):
    row = {
        "exam_type": "药师考试",
        "exam_class": "初级药师",
        "exam_subject": "药学",
        "question": "问",
        "answer": "AC",
        "question_type": "多项选择题",
        "option": "{'C': '丙', 'A': '甲', 'B': ' '}",
    }
    put(tmp_path, "cmb/CMB-Exam/CMB-train/CMB-train-merge.json", json.dumps([row, row | {"answer": "F"}]))
    records, rejects = read("cmb", tmp_path)
    assert records == [
        Alpaca("该问题源自药师考试，面向初级药师中的药学。\n\n", "问\nA: 甲\nC: 丙\n", "答案是AC。")
    ]
    assert sum(rejects.values()) == 1


def test_headqa_bad_questions_leave_the_rest(tmp_path: Path):
    good = {
        "qid": "1",
        "qtext": "Q",
        "ra": "2",
        "answers": [{"aid": 2, "atext": "b"}, {"aid": 1, "atext": "a"}],
    }
    bad = [good | {"ra": "3"}, good | {"answers": []}, good | {"answers": [{"aid": 3, "atext": "c"}]}, 7]
    exams = {"E": {"category": "nursery", "data": [*bad, good]}, "F": [], "G": {"data": [good]}}
    put(tmp_path, "headqa/train_HEAD_EN.json", json.dumps({"exams": exams}))
    records, rejects = read("headqa", tmp_path)
    assert [(record.input, record.output) for record in records] == [("Q\nA: a\nB: b\n", "The answer is B .")]
    assert rejects == {
        "answer outside the options": 1,
        "no options": 1,
        "option numbers are not 1, 2, 3, …": 1,
        "record is not an object": 1,
        "exam is not an object": 1,
        "no category": 1,
    }


def test_pubmedqa_answer_missing(tmp_path: Path):
    put(
        tmp_path,
        "pubmedqa/ori_pqau.json",
        '{"1": {"QUESTION": "q?"}, "2": {"QUESTION": "q?", "LONG_ANSWER": "a"}}',
    )
    assert read("pubmedqa", tmp_path) == ([Alpaca("q?", "", "a")], {"no LONG_ANSWER": 1})
