"""The sample's raw files: the same bytes every time, every layout quirk, nothing asked that is not stated."""

import csv
import hashlib
import json
import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from csft import sample
from csft.cmb import SUB_EXAMS
from csft.data import read
from csft.rejects import Rejects
from csft.sample import plan
from csft.sample.raw import PLANTED, WRITERS
from csft.sample.world import HOMES, Fact, build

LETTERS = re.compile(r"答案是([A-G]+)。|The answer is ([A-G]) \.")
TRADITIONAL = str.maketrans("药选检诊护点现组", "藥選檢診護點現組")
GLUED = re.compile(r"\d{4}-\d{2}-\d{4}:\d{2}")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    sample.write(folder)
    return folder


@pytest.fixture(scope="module")
def records(root: Path):
    return {dataset: list(read(dataset, root, Rejects())) for dataset in WRITERS}


def member(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        return archive.read(name)


def digests(root: Path) -> dict[str, str]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_same_bytes_every_time(root, tmp_path):
    sample.write(tmp_path / "again")
    assert digests(root) == digests(tmp_path / "again")


def test_size(root):
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) > 40
    assert sum(path.stat().st_size for path in files) < 5_000_000


def test_data_root_is_cached_and_whole(root, tmp_path, monkeypatch):
    monkeypatch.setenv("CSFT_CACHE", str(tmp_path))
    first = sample.data_root()
    assert digests(first) == digests(root)
    stamp = first.stat().st_mtime_ns
    assert sample.data_root() == first
    assert first.stat().st_mtime_ns == stamp
    assert [path.name for path in first.parent.iterdir()] == [first.name]


@pytest.mark.parametrize("dataset", list(WRITERS))
def test_converter_sets_aside_what_was_planted_and_nothing_else(root, dataset):
    rejects = Rejects()
    count = sum(1 for _ in read(dataset, root, rejects))
    assert rejects.total == PLANTED[dataset], rejects
    assert count >= 70


def test_record_count(records):
    assert 2_800 <= sum(map(len, records.values())) <= 5_000


# -- the exams ---------------------------------------------------------------------------------------


def questions(root: Path, name: str) -> list[dict]:
    return json.loads((root / "cmb" / "CMB-Exam" / name).read_text(encoding="utf-8"))


def test_every_sub_exam_has_its_questions(root):
    for name, count in (
        ("CMB-test/CMB-test-choice-question-merge.json", 20),
        ("CMB-val/CMB-val-merge.json", 2),
    ):
        found = Counter((row["exam_type"], row["exam_class"]) for row in questions(root, name))
        assert found == {(sub.exam_type, sub.exam_class): count for sub in SUB_EXAMS}
    train = questions(root, "CMB-train/CMB-train-merge.json")
    found = Counter((row["exam_type"], row["exam_class"]) for row in train)
    assert len(found) == 28 and min(found.values()) >= 25


def test_test_questions_and_key(root):
    rows = questions(root, "CMB-test/CMB-test-choice-question-merge.json")
    raw = (root / "cmb" / "CMB-test-choice-answer.json").read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") > 560
    key = json.loads(raw)
    assert [row["id"] for row in rows] == [row["id"] for row in key] == list(range(1, 561))
    assert not any("answer" in row for row in rows)
    for row, right in zip(rows, key, strict=True):
        assert row["exam_class"] == right["exam_class"]
        assert row["question_type"] == right["question_type"]
        assert set(right["answer"]) <= set(row["option"])
        assert (len(right["answer"]) == 1) == (row["question_type"] == "单项选择题")
    multiple = sum(row["question_type"] == "多项选择题" for row in key)
    assert 0.07 <= multiple / len(key) <= 0.13
    assert any("F" in row["option"] for row in rows)
    letters = Counter(row["answer"] for row in key if len(row["answer"]) == 1)
    assert max(letters.values()) / len(key) < 0.3  # no letter is a strategy


def test_the_key_follows_the_ledger():
    for row in plan.cmb_exam("test", 20) + plan.cmb_exam("val", 2) + plan.cmb_train():
        choice = row.choice
        assert {choice.options[letter] for letter in choice.answer} == set(choice.fact.values)
        assert len(set(choice.options.values())) == len(choice.options)
        assert choice.fact in build().facts


def test_val_explains(root):
    assert all(row["explanation"] and row["answer"] for row in questions(root, "CMB-val/CMB-val-merge.json"))


def test_stems_stay_out_of_training_but_for_the_planted_leaks(root, records):
    stems = {row["question"] for row in questions(root, "CMB-test/CMB-test-choice-question-merge.json")}
    stems |= {row["question"] for row in questions(root, "CMB-val/CMB-val-merge.json")}
    leaked = Counter(
        dataset
        for dataset, rows in records.items()
        for record in rows
        if any(stem in f"{record.instruction}\n{record.input}" for stem in stems)
    )
    assert set(leaked) == {"cmb", "cmedqa2"}
    assert leaked["cmb"] == 2 and leaked["cmedqa2"] <= 2


# -- every asked fact is stated ----------------------------------------------------------------------


def states(record, fact: Fact) -> bool:
    """Whether a record tells this fact: in a sentence of its answer, or as the right option of a question."""
    if fact.entity not in record.instruction + record.input + record.output:
        return False
    labels = (fact.relation.en,) if fact.relation.en else ()
    labels = (*labels, *fact.relation.zh, *(label.translate(TRADITIONAL) for label in fact.relation.zh))
    for sentence in re.split("[。.]", record.output):
        told = any(f"{fact.entity}的{label}" in sentence or f"{label} of" in sentence for label in labels)
        if told and fact.entity in sentence and all(value in sentence for value in fact.values):
            return True
    found = LETTERS.search(record.output)
    stem = record.input.partition("\nA: ")[0]
    if not found or not any(label in stem for label in labels):
        return False
    right = dict(re.findall(r"^([A-G]): (.*)$", record.input, re.MULTILINE))
    return {right[letter] for letter in found.group(1) or found.group(2)} == set(fact.values)


@pytest.fixture(scope="module")
def stated_in(records):
    """Fact -> the datasets that state it, CMB's own training questions left out."""
    by_entity: dict[str, list] = {}
    names = {fact.entity for fact in build().facts}
    for dataset, rows in records.items():
        for record in rows:
            text = record.instruction + record.input + record.output
            for name in names:
                if name in text:
                    by_entity.setdefault(name, []).append((dataset, record))
    return {
        fact: {dataset for dataset, record in by_entity.get(fact.entity, ()) if states(record, fact)}
        - {"cmb"}
        for fact in build().facts
    }


def test_every_fact_is_stated_outside_cmb(stated_in):
    assert not [fact for fact, datasets in stated_in.items() if not datasets]


def test_homes_are_kept(stated_in):
    allowed = {
        "exam": {"mlecqa", "medqajin"},
        "qa": {"cmedqa2", "cmeddialogue", "webmedqa"},
        "dialogue": {"medicaldialog", "discmed"},
        "long": {"nlpec", "discmed"},
        "english": {"pubmedqa", "medmcqa", "headqa", "medqajin"},
    }
    for fact, datasets in stated_in.items():
        if fact.home in allowed:
            assert datasets <= allowed[fact.home], fact
    assert {fact.home for fact in build().facts} == set(HOMES)


def test_base_entities_are_not_asked(root):
    base = {fact.entity for fact in build().base_facts}
    asked = {fact.entity for fact in build().facts}
    assert not base & asked
    text = (root / "cmb" / "CMB-Exam" / "CMB-test" / "CMB-test-choice-question-merge.json").read_text("utf-8")
    stems = " ".join(row["question"] for row in json.loads(text))
    assert not [name for name in base - set(build().pools["drug"]) if name in stems]


def test_long_facts_come_last(records):
    long = {fact.entity for fact in build().facts if fact.home == "long"}
    answers = [r.output for r in records["nlpec"] if any(name in r.output for name in long)]
    late = [text for text in answers if len(text) > 200]
    assert len(late) > 60
    facts = [fact for fact in build().facts if fact.home == "long"]
    for text in late:
        told = [text.rfind(fact.entity) for fact in facts if fact.entity in text]
        assert max(told) > 60


# -- the quirks of each layout -----------------------------------------------------------------------


def test_pubmedqa_three_files(root):
    files = {p.name: json.loads(p.read_text()) for p in (root / "pubmedqa" / "data").iterdir()}
    assert sorted(files) == ["ori_pqaa.json", "ori_pqal.json", "ori_pqau.json"]
    fields = {name: set(list(rows.values())[1]) for name, rows in files.items()}
    assert "YEAR" not in fields["ori_pqaa.json"] and "final_decision" in fields["ori_pqaa.json"]
    assert "final_decision" not in fields["ori_pqau.json"]
    assert "reasoning_free_pred" in fields["ori_pqal.json"]


def test_medmcqa_is_json_lines_with_cop_from_one(root):
    lines = (root / "medmcqa" / "train.json").read_text().splitlines()
    rows = [json.loads(line) for line in lines[:-1]]
    assert {row["cop"] for row in rows} == {1, 2, 3, 4, 5}
    assert any(row["topic_name"] is None for row in rows)
    test_row = json.loads((root / "medmcqa" / "test.json").read_text().splitlines()[0])
    assert "cop" not in test_row and "exp" not in test_row


def test_headqa_five_options_in_training(root):
    text = (root / "headqa" / "HEAD_EN" / "train_HEAD_EN.json").read_bytes()
    exams = json.loads(text)["exams"]
    rows = [row for exam in exams.values() for row in exam["data"]]
    assert {len(row["answers"]) for row in rows} == {5}
    assert {type(row["ra"]) for row in rows} == {str}
    assert text.isascii() and b"\n" not in text
    assert {exam["category"] for exam in exams.values()} >= {"nursery"}


def test_cmedqa2_zips(root):
    names = {path.name for path in (root / "cmedqa2").iterdir()}
    tables = ("question", "answer", "train_candidates", "dev_candidates", "test_candidates")
    assert names == {f"{table}.zip" for table in tables}
    assert member(root / "cmedqa2" / "answer.zip").startswith(b"ans_id,question_id,content\n")
    with zipfile.ZipFile(root / "cmedqa2" / "question.zip") as archive:
        assert archive.infolist()[0].date_time == (2020, 1, 1, 0, 0, 0)


def test_cmeddialogue_gb18030(root):
    paths = sorted((root / "cmeddialogue" / "Data_数据").glob("*/*.csv"))
    assert len(paths) == 6
    texts = {path: path.read_bytes().decode("gb18030", errors="replace") for path in paths}
    assert all(text.startswith("department,title,ask,answer\n") for text in texts.values())
    rows = [tuple(row) for text in texts.values() for row in csv.reader(text.splitlines(keepends=True))]
    assert any('"' in text for text in texts.values())
    assert any(row[2] == "无" for row in rows if len(row) == 4)
    assert any("\n" in row[2] for row in rows if len(row) == 4)
    assert max(Counter(rows).values()) >= 2
    with pytest.raises(UnicodeDecodeError):
        next(path for path in paths if "内科" in path.name).read_bytes().decode("gb18030")


def test_webmedqa_five_lines_a_question(root):
    lines = member(root / "webmedqa" / "train.zip").decode().splitlines()
    cells = [line.split("\t") for line in lines]
    labels = Counter(row[1] for row in cells if len(row) == 5)
    assert labels["0"] == 4 * labels["1"]
    assert any(GLUED.search(row[-1]) for row in cells)


def test_glued_time_is_gone_after_conversion(records):
    assert not any(GLUED.search(record.output) for record in records["webmedqa"])


def test_cmid_quoted_and_plain_labels(root):
    text = (root / "cmid" / "CMID.json").read_text("utf-8")
    rows = json.loads(text)
    assert text.startswith('[{"originalText"') and text.count("\n") == len(rows) - 1
    labels = {row["label_4class"][0] for row in rows}
    assert "'病症'" in labels and "病症" in labels
    assert any(not row["entities"] for row in rows)


def test_nlpec_one_based_strings(root):
    lines = (root / "nlpec" / "NLPEC_public_data" / "train.json").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert all(isinstance(number, str) and int(number) >= 1 for row in rows for number in row["answer"])
    assert all(len(row["context"]) == len(row["option"]) for row in rows)
    shared = [len(set(row["context"])) == 1 for row in rows]
    assert any(shared) and not all(shared)
    assert any("subject" not in row for row in rows)


def test_cmb_train_quirks(root):
    rows = questions(root, "CMB-train/CMB-train-merge.json")
    kinds = Counter(type(row["option"]) for row in rows)
    assert kinds[str] == 1
    blanks = [row for row in rows if isinstance(row["option"], dict) and row["option"].get("F") in ("", " ")]
    assert len(blanks) == 2
    written = Counter(json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows)
    assert sum(times - 1 for times in written.values()) >= 3


def test_medicaldialog_and_discmed(root):
    text = (root / "medicaldialog" / "processed_zh" / "train_data.json").read_text("utf-8")
    assert text.startswith('[\n    [\n        "病人：')
    lines = (root / "discmed" / "DISC-Med-SFT_released.jsonl").read_text("utf-8").splitlines()
    talks = [json.loads(line)["conversation"] for line in lines[:-1]]
    roles = [[turn["role"] for turn in talk] for talk in talks]
    assert any(one[-1] == "user" and len(one) > 1 for one in roles)
    assert any(one[:2] == ["user", "user"] for one in roles)
    assert any("\n" in turn["content"] for talk in talks for turn in talk)


def test_medqajin_three_regions(root):
    rows = {
        path.parent.name: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for path in (root / "medqajin" / "questions").glob("*/train.jsonl")
    }
    assert {len(row["options"]) for row in rows["Taiwan"]} == {4}
    assert "首選藥物" in json.dumps(rows["Taiwan"], ensure_ascii=False)
    order = {region: list(some[0]) for region, some in rows.items()}
    assert order["US"].index("answer") < order["US"].index("options")
    assert order["Mainland"].index("answer") > order["Mainland"].index("options")
