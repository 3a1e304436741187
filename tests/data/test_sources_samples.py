"""The converters on real published records; the expected texts are spelled out."""

import json
from pathlib import Path

import pytest

from csft.data import sources
from csft.data.alpaca import Alpaca
from csft.data.catalog import DATASETS
from csft.errors import DataError
from csft.rejects import Rejects

COUNTS = {
    "pubmedqa": 302,
    "medmcqa": 3,
    "headqa": 240,
    "cmeddialogue": 308,
    "webmedqa": 1,
    "medicaldialog": 15,
    "cmid": 292,
    "nlpec": 1,
    "cmb": 1,
    "mlecqa": 1,
    "discmed": 277,
    "medqajin": 253,
}


@pytest.fixture
def samples(shared: Path) -> Path:
    return shared / "samples"


def read(dataset: str, root: Path) -> list[Alpaca]:
    return list(sources.read(dataset, root))


def test_every_dataset_but_the_one_without_text_has_a_count():
    assert list(COUNTS) == [name for name in DATASETS if name != "cmedqa2"]


@pytest.mark.parametrize("dataset", COUNTS)
def test_counts(dataset: str, samples: Path):
    rejects = Rejects()
    records = list(sources.read(dataset, samples, rejects))
    assert len(records) == COUNTS[dataset]
    assert dict(rejects.counts) == ({"neither entity nor intent": 32} if dataset == "cmid" else {})
    assert all(record.output.strip() and record.system == "" for record in records)


def test_a_folder_without_the_training_files_is_named_with_its_source(samples: Path):
    with pytest.raises(DataError, match=r"cmedqa2.*dev_candidates\.zip.*question\.zip.*zhangsheng93"):
        sources.raw_files("cmedqa2", samples)


def test_cmb(samples: Path):
    (record,) = read("cmb", samples)
    assert record.instruction == "该问题源自医师考试，面向执业医师中的口腔执业医师。\n\n"
    assert record.input.startswith("患者，男性，11岁。")
    assert record.input.endswith(
        "此男孩可能患\nA: 小叶型肺炎\nB: 浸润性肺结核\nC: 继发性肺结核\nD: 原发性肺结核\nE: 粟粒型肺结核\n"
    )
    assert record.output == "答案是D。"


def test_mlecqa(samples: Path):
    assert read("mlecqa", samples) == [
        Alpaca(
            "这是国家医师资格考试的题目。\n\n",
            "治愈后，遗留有萎缩性瘢痕的皮肤病是（　　）。\nA: 白秃疮\nB: 肥疮\nC: 鹅掌风\nD: 疥疮\nE: 白疕\n",
            "答案是B。",
        )
    ]


def test_nlpec(samples: Path):
    (record,) = read("nlpec", samples)
    assert record.instruction == (
        "这是国家药品监督管理局执业药师资格认证考试的题目。\n源自药学专业知识（二）\n\n"
    )
    assert record.input == (
        "可能导致牙龈出血的药物是\nA: 拉西地平\nB: 依诺肝素\nC: 普伐他汀\nD: 普萘洛尔\nE: 呋塞米\n"
    )
    first, second, *_, last = record.output.split("\n")
    assert first.startswith("拉西地平：CCB具有很强的血管选择性")
    assert second == (
        "依诺肝素：2.抗凝血药与可能引起出血倾向的药物合用，增加出血风险。"
        "如肝素与华法林合用，可导致严重的因子X缺乏而出血。"
    )
    assert last == "答案是B。"


def test_medqajin_speaks_each_region_s_language(samples: Path):
    by_instruction = {record.instruction: record for record in reversed(read("medqajin", samples))}
    mainland = by_instruction["这是国家医学委员会考试的题目。\n\n"]
    assert mainland.input.startswith("卧位腰椎穿刺，脑脊液压力正常值是（　　）。\nA: 190～220mmH2O")
    assert mainland.output == "答案是B。"
    taiwan = by_instruction["這是台灣醫師資格考試的題目。\n\n"]
    assert taiwan.input.endswith("\nC: 韌帶鬆弛，延展性增加\nD: 動作協調性變差\n")
    assert taiwan.output == "答案是C。"
    us = by_instruction["This is a question about medical board exams in US.\n\n"]
    assert us.input.endswith("\nD: Doxycycline\nE: Nitrofurantoin\n")
    assert us.output == "The answer is E ."


def test_medmcqa_counts_options_from_one(samples: Path):
    urethral, rotavirus, hormone = read("medmcqa", samples)
    assert urethral.instruction == (
        "This is a question about Anatomy from real-world medical entrance exam.\n"
        "The topic is Urinary tract.\n\n"
    )
    assert urethral.input.endswith(
        "kidney parenchyma\nA: Hyperplasia\nB: Hyperophy\nC: Atrophy\nD: Dyplasia\n"
    )
    assert urethral.output.endswith("P950\nThe answer is C .")
    assert rotavirus.instruction == (
        "This is a question about Microbiology from real-world medical entrance exam.\n\n"
    )
    assert rotavirus.output.endswith("\nThe answer is C .")
    assert hormone.output.startswith("Ans. is 'b' i.e., IGI-1GH")
    assert hormone.output.endswith("\nThe answer is B .")


def test_headqa(samples: Path):
    record = read("headqa", samples)[0]
    assert record == Alpaca(
        "This is a question about biology from exams to access "
        "a specialized position in healthcare system.\n\n",
        "The excitatory postsynaptic potentials:\nA: They are all or nothing.\nB: They are hyperpolarizing.\n"
        "C: They can be added.\nD: They spread long distances.\nE: They present a refractory period.\n",
        "The answer is C .",
    )


def test_pubmedqa_reads_all_three_files(samples: Path):
    asked = [record.instruction for record in read("pubmedqa", samples)]
    assert asked[0].startswith("Are group 2 innate lymphoid cells ( ILC2s ) increased")  # PQA-A
    assert asked[-1].startswith("Is naturopathy as effective as conventional therapy")  # PQA-U
    labelled = json.loads((samples / "pubmedqa/data/ori_pqal.json").read_text(encoding="utf-8"))
    assert asked[1:-1] == [value["QUESTION"] for value in labelled.values()]
    record = read("pubmedqa", samples)[1]
    assert (record.input, record.output) == ("", next(iter(labelled.values()))["LONG_ANSWER"])


def test_cmeddialogue_is_gb18030_with_quoted_fields(samples: Path):
    records = read("cmeddialogue", samples)
    assert records[0].instruction == "高血压患者能吃党参吗？"
    assert records[0].input.startswith("我有高血压这两天女婿来的时候给我拿了些党参泡水喝")
    assert records[0].output.startswith("高血压病人可以口服党参的。")
    assert any("," in record.output for record in records)
    assert any("\n" in record.input + record.output for record in records)
    assert any(record.input == "无" for record in records)


def test_webmedqa_keeps_the_chosen_answer_and_its_line_break(samples: Path):
    (record,) = read("webmedqa", samples)
    assert record.instruction.startswith("什么是羊角风？今晚我和我一个同学一起去网吧上网")
    assert record.output.startswith("病情分析：您好，羊角风是癫痫的一种俗称")
    assert record.output.endswith("祝早日康复！\n")


def test_medicaldialog_gives_each_pair_its_past(samples: Path):
    records = read("medicaldialog", samples)
    start = next(n for n, record in enumerate(records) if record.instruction.startswith("鲜红斑痣"))
    first, second, third = records[start : start + 3]
    assert first == Alpaca("鲜红斑痣，脸的右边部分！", "", "各有利弊。")
    assert second == Alpaca(
        "我补充一下我的照片",
        "",
        "从照片上看，皮损很不明显啊。",
        history=(("鲜红斑痣，脸的右边部分！", "各有利弊。"),),
    )
    assert third.history == (*second.history, (second.instruction, second.output))
    # The last dialogue of the last file, which the hub's loader never gives.
    assert records[-1].output == "应该没有问题，但最好把图像上传看看。"


def test_medicaldialog_raw_text_gives_the_processed_form(samples: Path, tmp_path: Path):
    for name, folder in (("raw", "raw_zh"), ("processed", "derived_from_raw")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "medicaldialog").symlink_to(samples / "medicaldialog" / folder)
    rejects = Rejects()
    records = list(sources.read("medicaldialog", tmp_path / "raw", rejects))
    assert records == read("medicaldialog", tmp_path / "processed")
    assert rejects.counts == {"patient turns alone": 2}
    assert rejects.topics == 13


def test_discmed_pairs_and_unanswered_last_turns(samples: Path):
    records = read("discmed", samples)
    file = samples / "discmed/DISC-Med-SFT_released.jsonl"
    talks = [json.loads(line)["conversation"] for line in file.read_text(encoding="utf-8").splitlines()]
    assert sum(talk[-1]["role"] == "user" for talk in talks) == 2
    assert len(records) == sum(len(talk) // 2 for talk in talks)
    assert records[2].instruction.startswith("医生的建议下服药，您提供的病史")
    assert records[2].history == ((records[1].instruction, records[1].output),)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("在县医院确诊肺结核，吃免费抗结核药", "该描述提到了肺结核, 并期望知道该病症及其治疗方法。"),
        ("肚子上长了些红色痘是风疹吗？", "该描述期望知道该病症及其定义。"),
        ("嗓子紧，有点咳咳", "该描述提到了药物阿莫西林胶囊, 并期望知道该药物及其适用症。"),
        ("支气管扩张发病率大概是多少", "该描述提到了支气管。"),  # quoted 其他 and 无法确定 are dropped
        # The later records write both without quotes: the odd text stays, as in the published conversion.
        ("孕妇使用奥美拉唑肠溶胶囊后", "该描述提到了药物奥美拉唑肠溶胶囊, 并期望知道该其他及其无法确定。"),
        ("怀孕后消化不良", "该描述期望知道该其他及其无法确定。"),
    ],
)
def test_cmid_sentences(text: str, output: str, samples: Path):
    found = next(record for record in read("cmid", samples) if record.input.startswith(text))
    assert found.instruction == "分析下列描述中提到的医学专有名词并分析其意图：\n\n"
    assert found.output == output


def test_cmid_as_first_published(samples: Path, tmp_path: Path):
    (tmp_path / "cmid").symlink_to(samples / "cmid/first_push_jsonlines")
    older = read("cmid", tmp_path)
    assert older
    assert older == read("cmid", samples)[: len(older)]
