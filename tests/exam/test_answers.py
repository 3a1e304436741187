"""A golden list of hard outputs, read by CMB's own rule and by the careful one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csft.cmb import MULTIPLE, SINGLE
from csft.errors import SettingError
from csft.exam import read_answer

S, M = SINGLE, MULTIPLE

# (text, question type, official, careful)
GOLDEN = [
    # the trained form, and its variations
    ("答案是B。", S, "B", "B"),
    ("答案是BCD。", M, "BCD", "BCD"),
    ("答案是：B。", S, "B", "B"),
    ("答案：C", S, "C", "C"),
    ("答案：C.", S, "C", "C"),
    ("答案为D。", S, "D", "D"),
    ("正确选项是E。", S, "E", "E"),
    ("正确选项为：A", S, "A", "A"),
    ("答案应该是C。", S, "C", "C"),
    ("所以答案是AE。", M, "AE", "AE"),
    ("答案是B", S, "B", "B"),
    # bare letters
    ("D", S, "D", "D"),
    ("ABD", M, "ABD", "ABD"),
    ("B. 乙肝", S, "B", "B"),
    ("(C)", S, "C", "C"),
    ("【D】", S, "D", "D"),
    ("  A\n", S, "A", "A"),
    ("C、", S, "C", "C"),
    ("选项C", S, "C", "C"),
    # full-width letters and signs
    ("Ｂ", S, "", "B"),
    ("答案是Ｃ。", S, "", "C"),
    ("答案是ＡＢＤ。", M, "", "ABD"),
    ("答案：Ａ、Ｃ", M, "", "AC"),
    # several letters, joined
    ("A、C", M, "AC", "AC"),
    ("A, C, D", M, "ACD", "ACD"),
    ("A，C", M, "AC", "AC"),
    ("A和C", M, "AC", "AC"),
    ("答案是A、B和E。", M, "ABE", "ABE"),
    ("答案是A B C。", M, "ABC", "ABC"),
    ("答案是CA。", M, "CA", "AC"),
    ("答案是AAB。", M, "AAB", "AB"),
    ("ABCDE均正确", M, "ABCDE", "ABCDE"),
    ("答案：\nA. 发热\nC. 咳嗽", M, "A", "AC"),
    ("A. 发热\nC. 咳嗽\nD. 乏力", M, "ACD", "ACD"),
    # several letters where one is asked for: never guessed
    ("答案是AB。", S, "A", ""),
    ("A和B都有可能", S, "A", ""),
    ("ACD", S, "A", ""),
    # lower case where it is safe
    ("b", S, "", "B"),
    ("答案是b。", S, "", "B"),
    ("a,c", M, "", "AC"),
    ("a patient with fever", S, "", ""),
    ("答案是b超检查。", S, "", ""),
    # letters inside words and terms
    ("DNA病毒", S, "D", ""),
    ("VitC缺乏", S, "C", ""),
    ("维生素C缺乏症", S, "C", ""),
    ("B超检查", S, "B", ""),
    ("答案是B型超声，选C。", S, "B", "C"),
    ("DNA是遗传物质，选B", S, "D", "B"),
    ("患者CEA升高，答案是D。", S, "D", "D"),
    ("AFP升高提示肝癌，故选E。", S, "A", "E"),
    ("A型肝炎的答案是D。", S, "D", "D"),
    ("C反应蛋白升高", S, "C", ""),
    ("凝血因子为B细胞产生", S, "B", ""),
    # explanation after and before the answer
    ("答案是B。因为A选项错误，C选项也不对。", S, "B", "B"),
    ("B。因为A错误。", S, "B", "B"),
    ("D\n\n解析：A项属于内科，B项属于外科。", S, "D", "D"),
    ("分析：A错，B错，C对。所以答案是C。", S, "C", "C"),
    ("A项不对，B项不对，故选C。", S, "A", "C"),
    ("因此选D。", S, "D", "D"),
    ("本题应选E。", S, "E", "E"),
    # negation and correction
    ("选B不选C", S, "B", "B"),
    ("不选A，选D", S, "A", "D"),
    ("排除A、B、C，选E", S, "A", "E"),
    ("答案不是A，而是B。", S, "A", "B"),
    ("错误答案是A，正确答案是B。", S, "A", "B"),
    ("答案是A。不对，答案是B。", S, "A", "B"),
    ("A不正确", S, "A", ""),
    ("选B因为它最常见", S, "B", "B"),
    ("选A，也选C", M, "AC", ""),
    ("选A、C，不选B", M, "ACB", "AC"),
    ("D抗原阳性", S, "D", ""),
    ("除A外都对", M, "A", ""),
    ("A对，B错", M, "AB", ""),
    # English and markup
    ("The answer is B .", S, "B", "B"),
    ("The correct answer is (D).", S, "D", "D"),
    ("Answer: C", S, "A", "C"),
    ("Option E", S, "E", "E"),
    ("**答案：B**", S, "B", "B"),
    ("**C**", S, "C", "C"),
    (r"\boxed{D}", S, "D", "D"),
    (r"最终答案：\boxed{\text{ACE}}", M, "ACE", "ACE"),
    ("<think>可能是A或B</think>C", S, "A", "C"),
    # nothing to read
    ("", S, "", ""),
    ("   ", S, "", ""),
    ("无法判断", S, "", ""),
    ("对不起，我无法回答这个问题。", M, "", ""),
    ("以上都不是", S, "", ""),
    ("肺炎", S, "", ""),
    ("答案是肺炎。", S, "", ""),
    ("答案是以下。B", S, "", "B"),
    ("A 错误", S, "A", ""),
    ("C项正确，A项错误。", S, "C", "C"),
    ("Sorry, As an AI model I cannot answer.", S, "A", ""),
    ("H", S, "", ""),
    ("答案是H。", S, "", ""),
]


@pytest.mark.parametrize(("text", "question_type", "official", "careful"), GOLDEN)
def test_golden(text: str, question_type: str, official: str, careful: str) -> None:
    assert read_answer(text, question_type) == official
    assert read_answer(text, question_type, rule="careful") == careful


def test_there_are_enough_hard_outputs() -> None:
    assert len({(text, kind) for text, kind, *_ in GOLDEN}) == len(GOLDEN) >= 60


@given(st.text(), st.sampled_from([S, M]))
def test_any_text_is_read_without_a_crash(text: str, question_type: str) -> None:
    careful = read_answer(text, question_type, rule="careful")
    official = read_answer(text, question_type)
    assert set(official) | set(careful) <= set("ABCDEFG")
    assert list(careful) == sorted(set(careful))
    if question_type == S:
        assert max(len(official), len(careful)) <= 1


@given(st.sets(st.sampled_from("ABCDEFG"), min_size=1))
def test_the_trained_form_is_read_back(letters: set[str]) -> None:
    answer = "".join(sorted(letters))
    for rule in ("official", "careful"):
        assert read_answer(f"答案是{answer}。", M, rule=rule) == answer


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(SettingError, match=r"exam\.answer_rule=strict .*official or careful"):
        read_answer("A", S, rule="strict")
