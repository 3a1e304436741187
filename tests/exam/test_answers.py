"""A golden list of hard outputs, read by CMB's own rule and by the careful one."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csft.cmb import MULTIPLE, SINGLE
from csft.errors import SettingError
from csft.exam import read_answer, read_answers

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
    ("选A，也选C", M, "AC", "AC"),
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

# (text, question type, what a careful person without the question reads; "" where that is not certain)
# fmt: off
CAREFUL = [
    # full width
    ("答案：Ｂ。", S, "B"), ("（Ｄ）", S, "D"), ("ＡＣＥ", M, "ACE"), ("Ａ．发热", S, "A"), ("选Ｃ", S, "C"),
    ("ｂ", S, "B"), ("答案是Ⓑ。", S, "B"), ("【Ａ】【Ｃ】", M, "AC"),
    # joined
    ("A、C", S, ""), ("A,C", M, "AC"), ("A;C;D", M, "ACD"), ("A/C", M, "AC"), ("A+C", M, "AC"),
    ("A & C", M, "AC"), ("A以及D", M, "AD"), ("A B D", M, "ABD"), ("A\nC\nD", M, "ACD"), ("A.B.C.", M, "ABC"),
    ("A.B.C.", S, ""), ("A。B。C。", S, ""), ("答案：(A)(C)", M, "AC"), ("答案：(A)(C)", S, ""),
    ("【A】、【D】", M, "AD"), ("1. A\n2. C", M, "AC"), ("- A\n- D", M, "AD"), ("选项A和选项D", M, "AD"),
    ("A、B、C三项", M, "ABC"), ("A，B，C均正确", M, "ABC"), ("答案是B/C", S, ""), ("答案分别是A、C", M, "AC"),
    ("应选ABD三项。", M, "ABD"), ("正确的有：A、B、D。", M, "ABD"), ("正确的选项包括A、C和E。", M, "ACE"),
    ("符合题意的是BD", M, "BD"), ("综上所述，BCE正确", M, "BCE"),
    ("答案：A. 发热；C. 咳嗽；D. 乏力。", M, "ACD"), ("答案：A. 发热；C. 咳嗽", S, ""),
    ("答案为A（肺炎）和C（哮喘）", M, "AC"), ("A 发热\nC 咳嗽", M, "AC"), ("1. A. 发热\n2. C. 咳嗽", M, "AC"),
    ("A. 不稳定型心绞痛\nC. 心力衰竭", M, "AC"),
    # repeated
    ("答案是A、A、B。", M, "AB"), ("答案是BB。", S, "B"), ("BBBBBB", S, "B"), ("B。B。B。B。", S, "B"),
    ("答案是A。答案是A。答案是A。", S, "A"), ("AABBCC", M, "ABC"),
    # lower case
    ("答案是 b", S, "B"), ("answer: c", S, "C"), ("(d)", S, "D"), ("d.", S, "D"), ("选c", S, "C"),
    ("acd", M, "ACD"), ("bad", M, ""), ("选b超检查", S, ""), ("b. 肺炎", S, "B"), ("a and c", M, "AC"),
    # inside words
    ("VitC", S, ""), ("维生素 D 缺乏", S, ""), ("维生素A、D", M, ""), ("EB病毒感染", M, ""),
    ("CD4+T细胞减少", M, ""), ("A/G比值倒置", M, ""), ("AB型血", M, ""), ("AB型血，选C", S, "C"),
    ("体温38.5℃", S, ""), ("CEA", M, ""), ("PaCO2升高，故选B", S, "B"), ("HBsAg(+)", S, ""),
    ("ECG示ST段抬高", S, ""), ("D-二聚体升高", S, ""), ("E选择素", S, ""), ("G蛋白偶联受体", S, ""),
    ("CT检查", S, ""), ("血型为A，Rh阳性", S, ""), ("C肽释放试验", S, ""), ("Vitamin C deficiency", S, ""),
    ("Hepatitis B", S, ""), ("The answer is a viral infection.", S, ""),
    # explanation
    ("答案：B。解析：A型题，正确答案应为B。", S, "B"), ("B\n解析：故选B", S, "B"),
    ("D. 支气管炎\n\nA. 不符合题意", S, "D"), ("D\n\nA选项错误", S, "D"), ("答案是B，A错误", S, "B"),
    ("答案是A，C。", M, "AC"), ("答案：B\nA. 不符合\nB. 符合", M, "B"), ("答案：D（支气管炎）", S, "D"),
    ("答案：B 肺炎", S, "B"), ("答案是B肺炎。", S, "B"), ("B 肺炎", S, "B"), ("B：肺炎", S, "B"),
    ("B、肺炎", S, "B"), ("B选项", S, "B"), ("B项", S, "B"), ("ABDE（C错误）", M, "ABDE"),
    ("答案是ABC，不包括D、E", M, "ABC"), ("我认为B是正确的", S, "B"), ("最可能的诊断是C。", S, "C"),
    ("选B比较合适", S, "B"), ("新生儿肺炎最常见的是（B）", S, "B"), ("应该是B选项", S, "B"),
    ("本题的正确答案是选项A。", S, "A"), ("答案是第B项", S, "B"), ("【答案】D【解析】A错误", S, "D"),
    ("故D正确。", S, "D"), ("所以B选项是正确的。", S, "B"), ("故选：B.", S, "B"), ("选择 (B)", S, "B"),
    ("答案 B", S, "B"), ("答案\nB", S, "B"), ("答案可能是B。", S, "B"), ("E（以上都不是）", S, "E"),
    ("我的结论：C", S, "C"),
    # restated
    ("A. 肺炎\nB. 肺结核\nC. 哮喘\nD. 支气管炎\n答案：C", S, "C"),
    ("A. 肺炎\nB. 肺结核\nC. 哮喘\nD. 支气管炎\n故选D", S, "D"), ("A. 肺炎\nB. 肺结核\nC. 哮喘", S, ""),
    ("A. 发热\nB. 咳嗽\nC. 乏力\nD. 头痛\nE. 腹泻", M, ""), ("A.肺炎 B.结核 C.哮喘 正确答案：B", S, "B"),
    ("题目：病因是？\n选项：A. 甲 B. 乙 C. 丙\n因此，正确答案为B。", S, "B"),
    ("A选项：错误。B选项：正确。C选项：错误。", S, "B"), ("A错误；B错误；C错误；故D正确。", S, "D"),
    ("A× B√ C×", S, "B"), ("A、B、D正确，C、E错误", M, ""), ("A对，C对，D对", M, "ACD"),
    ("A正确，B正确", S, ""), ("选项A正确，选项C错误，故选A", S, "A"), ("A. 肺炎。\nB. 肺结核。", S, ""),
    # negation, correction, doubt
    ("不能选A，应选D", S, "D"), ("不是C而是B", S, "B"), ("A不选，选B", S, "B"), ("非A，选C", S, "C"),
    ("选A是错误的，应选C", S, "C"), ("A、B均可排除，选C", S, "C"), ("我选择B，而不是C", S, "B"),
    ("选B而非C", S, "B"), ("B而不是A", S, "B"), ("B，不是C", S, "B"), ("排除法选B", S, "B"),
    ("答案是A→B", S, ""), ("A→B", M, ""), ("答案是B或C", S, ""), ("A或C", M, ""),
    ("可能是A，也可能是B", S, ""), ("不是A就是B", S, ""), ("要么A要么B", S, ""), ("选A还是选B？", S, ""),
    ("选A吗？", S, ""), ("如果是病毒选A，如果是细菌选B", S, ""), ("选A或者选B", S, ""),
    ("错误的是B。", S, ""), ("答案不是A", S, ""), ("答案是除A以外的选项", M, ""), ("介于A和B之间", S, ""),
    ("不确定，选C", S, "C"), ("选A？不对，应选B。", S, "B"), ("答案是A。答案是B。", S, ""),
    ("答案是A。重新分析，答案是C。", S, "C"), ("第1题：A\n第2题：B", S, ""), ("B。但也有人选C", S, ""),
    ("答案是A-D。", M, ""), ("不难看出选B", S, "B"), ("正确答案不包括A", M, ""),
    # above
    ("以上都对", M, ""), ("以上都对，选E", S, "E"), ("A、B、C都对，选D", S, "D"),
    ("ABCD都对，故选E。", S, "E"), ("以上选项均正确", M, ""), ("全选", M, ""), ("E. 以上都对", S, "E"),
    ("答案是E，以上均不正确。", S, "E"), ("答案：无", S, ""), ("没有正确答案", S, ""), ("第2个", S, ""),
    ("选第二项", S, ""), ("答案是2。", S, ""),
    # JSON, LaTeX, markup
    ('{"answer": "B"}', S, "B"), ('{"answer": ["A", "C"]}', M, "AC"), ("{'answer': 'b'}", S, "B"),
    ('{"答案": "D"}', S, "D"), ('{"id": 3, "model_answer": "E"}', S, "E"),
    ('```json\n{"answer": "C"}\n```', S, "C"), ('{"reason": "B超示结石", "answer": "A"}', S, "A"),
    ('["A", "C"]', M, "AC"), ('{"answer": null}', S, ""), ('{"A": "错误", "B": "正确"}', S, "B"),
    ("<answer>B</answer>", S, "B"), (r"$\boxed{B}$", S, "B"), (r"\boxed{A, C}", M, "AC"),
    (r"\boxed{B. 肺结核}", S, "B"), (r"最终答案是 $\boxed{\mathrm{E}}$。", S, "E"), (r"\boxed{}", S, ""),
    (r"\boxed{DNA}", S, ""), ("**正确答案：** B", S, "B"), ("### 答案\n**D**", S, "D"),
    ("- **C. 哮喘**", S, "C"), ("> B", S, "B"), ("`A`", S, "A"), ("答案是“B”。", S, "B"), ("「C」", S, "C"),
    ("B<|im_end|>", S, "B"), ("<think>应该选B", S, ""), ("<think>选A？</think>\n\n答案：C", S, "C"),
    ("答案是B。\n以下是中国护理考试的一道单项选择题\n答案是C。", S, "B"),
    # English
    ("The answer is C because A is wrong.", S, "C"), ("I think it's B.", S, "B"),
    ("Both A and C are correct.", M, "AC"), ("Choose B, not C.", S, "B"),
    ("I would choose option D.", S, "D"), ("None of the above", S, ""),
    ("Correct answer: (B) pneumonia", S, "B"), ("B) pneumonia", S, "B"),
    ("The answer is not A. It is B.", S, "B"), ("A is correct", S, "A"),
    ("The answers are A, B, and D.", M, "ABD"), ("A and B are incorrect, so the answer is C.", S, "C"),
    ("Final answer: D", S, "D"), ("I cannot determine the answer.", S, ""),
    ("A good question, but I can't answer.", S, ""), ("A or B", S, ""),
    # Traditional
    ("答案為B。", S, "B"), ("選D", S, "D"), ("選A、C", M, "AC"), ("選B不選C", S, "B"),
    ("正確選項為A", S, "A"), ("答案應為D", S, "D"), ("錯誤的是B，所以答案為C", S, "C"), ("維生素C", S, ""),
    ("無法確定", S, ""),
    # nothing
    ("\n\n", S, ""), ("。", S, ""), ("答案", S, ""), ("答案是。", S, ""),
    ("很抱歉，我无法提供医疗建议。", S, ""), ("作为AI语言模型，我不能回答。", M, ""), ("请提供选项。", S, ""),
    ("正确", S, ""), ("答案是ABH。", M, ""), ("选X", S, ""), ("答案：见解析", S, ""),
    # reasoning and whole replies
    ("根据题意，患者最可能的诊断为支气管哮喘，因此选C。", S, "C"),
    ("首先，A选项描述的是心衰；其次，B选项描述的是肺炎；综合考虑，C选项更符合题意。", S, "C"),
    ("这道题考查的是维生素B1缺乏。缺乏维生素B1可致脚气病，所以正确答案是D、脚气病。", S, "D"),
    ("答案是：D.维生素K", S, "D"), ("答案是C。解析：维生素D缺乏导致佝偻病，维生素A缺乏导致夜盲。", S, "C"),
    ("B\n\n以下是中国医师考试中执业医师考试的一道单项选择题。\nA. 甲\nB. 乙\n答案是A。", S, "B"),
    ("患者为A型血，需输同型血。选A。", S, "A"), ("A、C、D、E均为其临床表现，B不是。", M, ""),
    ("A、C、D、E均为其临床表现，B不是，故选B。", S, "B"),
    ("本题选择错误的一项，B项描述错误，故本题选B。", S, "B"), ("B项错误，当选。", S, ""),
    ("错误选项为D，故选D。", S, "D"), ("答案：CE。因为C和E属于β受体阻滞剂。", M, "CE"),
    ("正确答案：ABCE\n\nA：正确。\nB：正确。\nC：正确。\nD：错误。\nE：正确。", M, "ABCE"),
    ("A：正确\nB：正确\nC：错误\nD：正确\nE：错误\n所以选ABD", M, "ABD"), ("正确答案: A, C, E.", M, "ACE"),
    ("Answer: A and C", M, "AC"), ("The correct answer is option B: pneumonia.", S, "B"),
    ("B is the correct answer.", S, "B"),
    ("Based on the symptoms, the most likely diagnosis is (C) asthma.", S, ""), ("C. asthma", S, "C"),
    ("The answer is (A), since vitamin B12 deficiency causes anemia.", S, "A"),
    ("Let me think. A is wrong. B is wrong. Therefore, D.", S, "D"),
    (r"So the final answer is $\boxed{\text{B}}$.", S, "B"), ("**最终答案：ABD**", M, "ABD"),
    ("## 答案：C\n\n### 解析\n- A. 错误\n- B. 错误", S, "C"), ("答案为：A、B、D、E（除C外）", M, "ABDE"),
    ("您好，根据您提供的信息，答案应该是B。希望对您有帮助！", S, "B"), ("应选择A项。", S, "A"),
    ("考虑为AD（阿尔茨海默病），选B", S, "B"), ("DIC的早期表现，选E", S, "E"), ("ACEI类药物", S, ""),
    ("ABCDE五项都是", M, "ABCDE"), ("A,B,C,D", M, "ABCD"), ("A B C D E", M, "ABCDE"),
    ("答案是 A 、 C 、 D 。", M, "ACD"), ("答案是A、C、D以及E。", M, "ACDE"), ("答案：A C D", M, "ACD"),
    ("选ACD，不选BE。", M, "ACD"), ("选：A，C，D", M, "ACD"), ("我会选A和D", M, "AD"), ("A和D正确", M, "AD"),
    ("B选项中的DNA是错误的，因此应选C选项。", S, "C"), ("这个问题没有标准答案，可能是A、B或C。", S, ""),
    ("抱歉，题目不完整，无法给出A-E中的答案。", S, ""), ("正确答案是哪个？A还是B？", S, ""),
    ("答案是B吗？", S, ""), ("C（首选青霉素）", S, "C"), ("答案是C,首选B超", S, "C"),
    ("首选检查是B超", S, ""), ("选择题的答案是B", S, "B"), ("单选题：B", S, "B"), ("A1型题，答案C", S, "C"),
    ("答案：D 解析：A、B、C均不正确", S, "D"), ("答案是E,A、B、C、D均不正确", S, "E"),
    ("E，因为A、B、C、D都不对", S, "E"), ("B；", S, "B"), ("（1）A（2）C", M, "AC"),
    ("患者Hb 60g/L，WBC 3.0×10^9/L，选D", S, "D"), ("选择D. 支气管炎", S, "D"), ("D 。", S, "D"),
    ("\tC\t", S, "C"), ("我觉得是A。但是B也有道理，不过还是选A。", S, "A"),
    ("答案是B。\n\n用户：下一题\n助手：答案是A。", S, "B"), ("答案B正确", S, "B"), ("只有B正确", S, "B"),
    ("只有A和C正确", M, "AC"), ("除了B，其他都是错的", S, ""), ("C。\n\n注意：A也可考虑", S, "C"),
    ("应首选A药", S, ""), ("E区", S, ""), ("b和c", M, "BC"), ("ab", M, "AB"), ("选ad", M, "AD"),
    ("cad", M, ""), ("答案是D，即维生素C", S, "D"), ("答案即C", S, "C"), ("答：B", S, "B"),
    ("正解：B", S, "B"), ("参考答案：D", S, "D"), ("标准答案为 E ", S, "E"), ("正确的是A", S, "A"),
    ("正确的一项是B", S, "B"), ("符合的是：C", S, "C"), ("A. 甲 B. 乙 C. 丙 D. 丁 E. 戊 选C", S, "C"),
    ("不选B", S, ""), ("A不是，B不是，C不是，D是", S, ""), ("【正确答案】ACD", M, "ACD"),
    ("[ANSWER]B[/ANSWER]", S, "B"), ("答案：`C`", S, "C"), ("#### B", S, "B"), ("A.\n\n", S, "A"),
    ("选项 B 是最合适的答案。", S, "B"), ("选项B、D是正确的。", M, "BD"),
    ("乙肝病毒属于DNA病毒，答案选A。", S, "A"), ("本题为B型题。", S, ""), ("这是一道A2型题，选：C", S, "C"),
    ("F", S, "F"), ("G", S, "G"), ("AF", M, "AF"), ("答案是AC。答案是AC", M, "AC"),
    ("答案是AC。所以答案是ACD。", M, "ACD"), ("答案：A\n\n分析：该患者…故排除B、C。D选项为干扰项。", S, "A"),
    ("A选项描述的是急性期，B选项描述的是慢性期，因此B更合适。", S, "B"),
    ("根据病史，首先考虑A、B两项，其中B的可能性最大。", S, ""), ("B项为正确答案。", S, "B"),
    ("C是正确答案", S, "C"), ("正确答案就是D", S, "D"), ("答案显然是C", S, "C"), ("答案应当为B。", S, "B"),
    ("本题答案：E。", S, "E"), ("所以应选B、C、E三项", M, "BCE"), ("ABC都是正确的，D是错误的。", M, ""),
    ("以上说法中，A、B、C正确。", M, "ABC"), ("下列属于抗生素的有A、C。", M, "AC"),
    ("选项A、B、D、E均属于，选项C不属于。", M, ""), ("答案是ABDE，C属于外科。", M, "ABDE"),
    ("我不确定，但我猜是C。", S, "C"), ("抱歉，我之前说错了，答案应该是D。", S, "D"),
    ("答案是A，哦不，是B。", S, "B"), ("答案是：\n\nB", S, "B"), ("答案:\nB. 肺炎\n\n解析:\nA. 错误", S, "B"),
    ("B。\nA. 错误，因为\nC. 错误，因为", S, "B"), ("A\nB\nC\nD", S, ""), ("A\nA\nA", S, "A"),
    ("B B", S, "B"), ("C\n\nC", S, "C"), ("肝炎病毒包括A、B、C、D、E型", M, ""),
    ("甲肝、乙肝疫苗（B）", S, "B"), ("维生素C（选项B）", S, "B"), ("B族维生素，选C项", S, "C"),
    ("该药为β-内酰胺类，选A", S, "A"), ("T3、T4升高，FT4降低，答案E", S, "E"), ("C3、C4降低", S, ""),
    ("IgA、IgG升高", S, ""), ("血清AFP", S, ""), ("A.B", M, "AB"), ("A...", S, "A"), ("A……", S, "A"),
    ("A？B？C？", S, ""), ("ABCDEFG", M, "ABCDEFG"), ("选DE", M, "DE"), ("the answer is b.", S, "B"),
    ("ANSWER: B", S, "B"), ("Ans. is 'b' i.e., pneumonia", S, ""),
    ("Option A and Option C are right", M, "AC"), ("I'd say C", S, "C"),
    ("A. Because the patient has fever.", S, "A"), ("It's either A or B.", S, ""), ("All except D", M, ""),
    ("Not B", S, ""), ("B is incorrect.", S, ""), ("The answer is 'D'.", S, "D"), ("D: because", S, "D"),
    ("(A) and (C)", M, "AC"), ("Answer = C", S, "C"), ("choice C", S, "C"),
]
# fmt: on


@pytest.mark.parametrize(("text", "question_type", "official", "careful"), GOLDEN)
def test_golden(text: str, question_type: str, official: str, careful: str) -> None:
    assert read_answer(text, question_type) == official
    assert read_answer(text, question_type, rule="careful") == careful


@pytest.mark.parametrize(("text", "question_type", "careful"), CAREFUL)
def test_what_a_careful_person_reads(text: str, question_type: str, careful: str) -> None:
    assert read_answer(text, question_type, rule="careful") == careful
    assert read_answer(text, question_type) == cmb_says(text, question_type)


def test_there_are_enough_hard_outputs() -> None:
    cases = [case[:2] for case in GOLDEN + CAREFUL]
    assert len(set(cases)) == len(cases) >= 400


HEADS = [noun + verb for noun in ("答案", "正确选项") for verb in ("是", "：", "为", "应该是", "应该为")]


def cmb_says(text: str, question_type: str) -> str:
    """CMB's rule once more, by looking at one place after the other instead of a pattern."""
    meant = text
    for place in range(len(text)):
        heads = [
            noun + verb for noun in ("答案", "正确选项") for verb in ("是", "：", "为", "应该是", "应该为")
        ]
        if said := [head for head in heads if text.startswith(head, place)]:
            (head,) = said
            meant = text[place + len(head) :].replace(".", "。").split("。")[0]
            break
    letters = [sign for sign in meant if "A" <= sign <= "G"]
    return "".join(letters if question_type == M else letters[:1])


PIECES = [
    *("答案", "正确选项", "是", "：", ":", "为", "应该", "应该是", "应该为", "答", "案", "正确", "不", "选"),
    *("A", "B", "C", "G", "H", "Ａ", "b", "DNA", "。", ".", "．", "、", " ", "\n", "\\boxed{", "}", "(", ")"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=30)


@given(TEXTS, st.sampled_from([S, M, "", "单选"]))
@example("答案是\nB\n", S)
@example("答案答案是正确选项为A答案是B", M)
@example("答案应该是应该是A", M)
def test_the_official_rule_is_cmbs_own(text: str, question_type: str) -> None:
    assert read_answer(text, question_type) == cmb_says(text, question_type)


@given(TEXTS, st.sampled_from([S, M]))
def test_careful_letters_are_sorted_letters_of_the_text(text: str, question_type: str) -> None:
    letters = read_answer(text, question_type, rule="careful")
    assert list(letters) == sorted(set(letters) & set("ABCDEFG"))
    assert question_type == M or len(letters) <= 1


@given(st.sets(st.sampled_from("ABCDEFG"), min_size=1), st.sampled_from(["", "、", ", ", "和", " "]))
def test_the_trained_form_is_read_back(letters: set[str], between: str) -> None:
    answer = "".join(sorted(letters))
    for rule in ("official", "careful"):
        assert read_answer(f"答案是{between.join(answer)}。", M, rule=rule) == answer


@pytest.mark.parametrize(
    ("texts", "question_type", "answer"),
    [
        (["答案是B。", "答案是A。", "B"], S, "B"),
        (["A", "B", "B", "A"], S, "A"),  # a tie goes to the one seen first
        (["", "不知道", "C"], S, "C"),  # no answer, no vote
        (["", ""], S, ""),
        ([], S, ""),
        (["AB", "A"], S, "A"),
        (["AC", "CA", "AC"], M, "AC"),
    ],
)
def test_several_samples_vote(texts: list[str], question_type: str, answer: str) -> None:
    assert read_answers(texts, question_type) == answer


def test_careful_samples_vote_with_what_is_certain() -> None:
    assert read_answers(["CA", "答案是A、C。", "B或C", "B或C", "B"], M, rule="careful") == "AC"


ENDLESS = [
    *("A", "a ", "A、", "选A", "答案是A。", "A或", "不应", "(", " ", "\n", "\\boxed{", "A. 甲\n", "<think>"),
    *("答案是不是", "A项", "维生素"),
]


@pytest.mark.parametrize("piece", ENDLESS)
def test_endless_repetition_is_read_in_linear_time(piece: str) -> None:
    text = piece * (200_000 // len(piece)) + "x"  # hours, if any pattern were quadratic
    for rule in ("official", "careful"):
        assert set(read_answer(text, M, rule=rule)) <= {"A"}


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(SettingError, match=r"exam\.rule=strict .*official or careful"):
        read_answer("A", S, rule="strict")
