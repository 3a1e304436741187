"""Records that several datasets hold."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from csft.data import Alpaca, Dialogue, HeldOut
from csft.data.doubles import Doubles, across
from csft.data.screen import ExamIndex, ScreenRules
from csft.data.screened import Screened, screened

Compare = Callable[..., dict[str, Doubles]]

STEM = "妊娠期糖尿病患者经饮食控制后血糖仍然不能达标时，应当首选的治疗药物是"
CMB = Alpaca("源自医师考试。", f"{STEM}\nA: 胰岛素\nB: 二甲双胍\n", "答案是A。")
MLEC = Alpaca("医师资格考试的题目。", f"{STEM}（　）\nA: 二甲双胍\nB: 胰岛素\n", "答案是B。")
FIRST, SECOND = ("头疼了好几天，应该怎么办才好呢", "先休息，多喝水。"), ("还是疼得厉害", "那就来医院看看。")
TALK = [Alpaca(FIRST[0], "", FIRST[1]), Alpaca(SECOND[0], "", SECOND[1], (FIRST,))]
SAID = [
    Alpaca(FIRST[0] + "？", "", FIRST[1]),
    Alpaca(SECOND[0], "", SECOND[1], ((FIRST[0] + "？", FIRST[1]),)),
]
OWN = Alpaca("只有这里有的问题", "", "只有这里有的回答")


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compare:
    """Screen records given by dataset and compare the datasets; what was asked for is in `compare.asked`."""

    def run(
        rules: ScreenRules | None = None, held_out: HeldOut | None = None, **records: list[Alpaca]
    ) -> dict[str, Doubles]:
        monkeypatch.setattr("csft.data.screened.sources.raw_files", lambda *_: [])
        monkeypatch.setattr("csft.data.screened.sources.read", lambda name, *_: iter(records[name]))
        keys = {name: f"{name}-{hash((tuple(given), rules))}" for name, given in records.items()}
        monkeypatch.setattr("csft.data.screened.screened_key", lambda name, *_: keys[name])

        def find(name: str) -> Screened:
            asked.append(name)
            return screened(name, tmp_path, tmp_path, keys[name], ExamIndex({}), rules)

        return across(keys, find, tmp_path, rules, held_out)

    asked: list[str] = []
    run.asked = asked  # type: ignore[attr-defined]
    return run


def test_the_first_in_the_catalogue_keeps_and_says_so(compare: Compare) -> None:
    found = compare(mlecqa=[OWN, MLEC], cmb=[CMB], discmed=[*SAID, OWN], medicaldialog=[OWN, *TALK])
    assert {name: one.rows.tolist() for name, one in found.items()} == {
        "medicaldialog": [],
        "cmb": [],
        "mlecqa": [0, 1],
        "discmed": [0, 1, 2],
    }
    assert found["discmed"].counts == {"near duplicate of medicaldialog": 2, "duplicate of medicaldialog": 1}
    assert found["mlecqa"].pool(4).tolist() == [2, 3]
    listing = found["mlecqa"].listing
    assert listing is not None
    assert [json.loads(line) for line in listing.read_text(encoding="utf-8").splitlines()] == [
        {
            "record": 1,
            "reason": "duplicate of medicaldialog",
            "text": OWN.instruction,
            "matches": f"medicaldialog record 1: {OWN.instruction}",
            "similarity": 1.0,
        },
        {
            "record": 2,
            "reason": "near duplicate of cmb",
            "text": f"医师资格考试的题目。 {STEM}（ ） A: 二甲双胍 B: 胰岛素",
            "matches": f"cmb record 1: 源自医师考试。 {STEM} A: 胰岛素 B: 二甲双胍",
            "similarity": 1.0,
        },
    ]


def test_without_near_duplicates_only_the_same_goes(compare: Compare) -> None:
    found = compare(ScreenRules(near_duplicates=None), cmb=[CMB, OWN], mlecqa=[MLEC, OWN])
    assert found["mlecqa"].rows.tolist() == [1] and found["cmb"].rows.tolist() == []


def test_numbers_in_the_list_are_those_of_reading(compare: Compare) -> None:
    found = compare(cmb=[OWN, OWN, CMB], mlecqa=[MLEC])
    assert found["mlecqa"].listing is not None
    assert "cmb record 3:" in found["mlecqa"].listing.read_text(encoding="utf-8")


def test_what_is_known_is_not_compared_again(compare: Compare, tmp_path: Path) -> None:
    one = compare(cmb=[CMB], mlecqa=[MLEC])
    compare.asked.clear()  # type: ignore[attr-defined]
    again = compare(mlecqa=[MLEC], cmb=[CMB])
    assert compare.asked == [] and again["mlecqa"].rows.tolist() == one["mlecqa"].rows.tolist()  # type: ignore[attr-defined]
    (rows,) = tmp_path.glob("doubles/*/mlecqa.npy")
    rows.write_bytes(b"")
    assert compare(cmb=[CMB], mlecqa=[MLEC])["mlecqa"].rows.tolist() == [0]


def test_a_dataset_alone_or_empty_has_no_doubles(compare: Compare) -> None:
    assert compare(cmb=[CMB])["cmb"].pool(1).tolist() == [0]
    found = compare(cmb=[], mlecqa=[MLEC], discmed=[])
    assert {name: len(one.rows) for name, one in found.items()} == {"cmb": 0, "mlecqa": 0, "discmed": 0}


def test_held_out_dialogues_and_what_repeats_them_are_drawn_from_no_dataset(compare: Compare) -> None:
    third = Alpaca("那要带什么呢", "", "带上病历。", (FIRST, SECOND))
    start = Alpaca("完全不同的另一个问题", "", "完全不同的另一个回答", (FIRST,))
    held_out = HeldOut((Dialogue("discmed", (FIRST, SECOND), (1, 2)),))
    found = compare(
        held_out=held_out, discmed=[OWN, *TALK], medicaldialog=[*SAID, OWN], cmb=[*TALK, third, CMB, start]
    )
    assert {name: one.rows.tolist() for name, one in found.items()} == {
        "medicaldialog": [0, 1],
        "cmb": [0, 1, 2],  # the third turn goes on after the whole of the dialogue
        "discmed": [0, 1, 2],
    }
    assert found["medicaldialog"].counts == {"near duplicate of a held-out dialogue": 2}
    assert found["cmb"].counts == {"held-out dialogue": 3}
    assert found["discmed"].counts == {"held-out dialogue": 2, "duplicate of medicaldialog": 1}
    alone = compare(held_out=held_out, discmed=[OWN, *TALK])["discmed"]
    assert alone.pool(3).tolist() == [0] and alone.listing is not None
    assert "held-out dialogues record 2: " in alone.listing.read_text(encoding="utf-8")
    assert compare(ScreenRules(near_duplicates=None), held_out, discmed=SAID)["discmed"].rows.tolist() == []
