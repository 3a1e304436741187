"""How the sample speaks: frames for stems, questions, answers, and the padding of long explanations.

A statement and a stem share one phrase, `{entity}的{label}是`, after which comes the value or the options: a
tiny model can then carry a fact from a dialogue into an exam. The frames around it differ from use to use.
"""

from random import Random

from csft.sample.world import Fact

# What stands before the shared phrase in a stem; `{e}` is the entity. Every kind of frame has one list for
# illnesses and one for all else. A vignette is hardly ever told twice, so that no question of CMB-train
# contains another; plain frames are for the other exam sets. Test frames occur in no training question.
Frames = tuple[tuple[str, ...], tuple[str, ...]]

VIGNETTES: Frames = (
    (
        "{who}，确诊为{e}。",
        "{who}，{span}来不适，考虑与{e}有关。",
        "{who}，因{sign}就诊，诊断涉及{e}，",
        "某院{season}{span}内收治{e}{age}例，",
        "第{age}题，{season}复习{e}时应记住，",
    ),
    (
        "第{age}题，{season}复习{e}时应记住，",
        "{season}测验第{age}题考到{e}，",
        "{who}，{span}来学习{e}。",
        "教材第{age}页，{season}讲到{e}，",
    ),
)
PLAIN_FRAMES: Frames = (
    ("", "关于{e}的叙述，", "教材指出，", "复习{e}时应记住，", "{who}，患{e}。"),
    ("", "关于{e}的叙述，", "教材指出，", "复习{e}时应记住，"),
)
TEST_FRAMES: Frames = (
    (
        "{season}查房时讨论{e}，",
        "下列与{e}相符的一项中，",
        "{who}，{span}前转入病区，病历写有{e}。",
        "考官提到{e}，问到",
        "实习生整理笔记：",
    ),
    ("{season}小组讨论{e}，", "下列与{e}相符的一项中，", "考官在{span}前提到{e}，问到", "实习生整理笔记："),
)
ENDS = ("", "", "（　　）。", "（　　）", "？")
QUESTIONS: Frames = (
    (
        "{e}的{l}是什么？",
        "请问{e}的{l}是什么",
        "医生您好，{who}，检查说是{e}，想知道{e}的{l}是什么",
        "{who}，{span}来{sign}，医院说和{e}有关，{e}的{l}是什么呢？",
        "最近听说{e}，{e}的{l}是什么？谢谢",
        "家里人得了{e}，{season}加重，{e}的{l}是什么？",
    ),
    (
        "{e}的{l}是什么？",
        "请问{e}的{l}是什么",
        "您好，{who}，{season}听人说起{e}，想知道{e}的{l}是什么",
        "最近听说{e}，{e}的{l}是什么？谢谢",
        "{span}前看到{e}，没有记住，{e}的{l}是什么？",
    ),
)
OPENINGS = ("", "", "您好，", "你好，根据描述，", "病情分析：", "您好，这个情况不用紧张。", "指导意见：")
CLOSINGS = ("", "", "祝您早日康复。", "希望对您有帮助。", "如有不适请及时复诊。", "平时注意休息。")
SIGNS = ["乏力", "低热", "头晕", "失眠", "食欲差", "心慌", "口干", "腰酸", "怕冷", "多梦"]
SEASONS = ["春季", "夏季", "秋季", "冬季", "上周", "昨日", "上月", "近期"]
SPANS = ["两天", "三天", "一周", "十天", "半月", "一月", "三月", "半年", "一年"]
PEOPLE = ("患者", "男", "女", "患儿", "老人", "孕妇", "工人", "学生", "农民", "教师")

FILLER = (
    "首先要了解病史，包括起病时间、加重因素和既往用药。",
    "其次应注意查体，观察面色、呼吸、脉搏和体温的变化。",
    "一般来说，轻症患者可以门诊随访，重症患者需要住院观察。",
    "生活上应规律作息，避免熬夜，保持心情舒畅。",
    "饮食宜清淡，多饮温水，少食辛辣油腻之品。",
    "化验结果要结合临床，不能只看一项指标就下结论。",
    "如果出现高热或意识改变，应当立即到急诊处理。",
    "用药期间需要定期复查，必要时调整剂量。",
    "家属应当配合医护人员，做好记录和陪护工作。",
    "不同年龄的患者表现不完全一样，需要个别分析。",
    "既往文献对此已有讨论，观点大体一致。",
    "教材在这一章里列出了几个容易混淆的概念。",
    "做题时要先排除明显错误的选项，再比较余下的选项。",
    "本题属于记忆类题目，考查的是基本概念。",
    "注意区分原发与继发两种情况，处理原则并不相同。",
    "康复期可以适当活动，但不要过度劳累。",
)
FILLER_EN = (
    "A careful history and a physical examination come first.",
    "Mild cases may be followed as outpatients, severe cases need admission.",
    "Laboratory results should be read together with the clinical picture.",
    "The textbook chapter lists several conditions that are easily confused.",
    "Age and earlier treatment change the course in many patients.",
    "Follow-up visits are planned according to the severity.",
    "Several studies have discussed this point with similar results.",
    "Rest and fluids are advised for every patient.",
)
FRAMES_EN = (
    "",
    "A {age}-year-old patient is diagnosed with {e}. ",
    "About {e}: ",
    "A {age}-year-old {job} with {e} comes to the clinic. ",
    "In a ward round {e} is discussed. ",
)
QUESTIONS_EN = (
    "What is the {l} of {e}?",
    "In patients with {e}, what is the {l} of {e}?",
    "Does the literature agree on the {l} of {e}?",
    "A {age}-year-old {job} asks about {e}. What is the {l} of {e}?",
)
OPENINGS_EN = ("", "", "Our results are clear. ", "In this study, ", "These findings are consistent. ")
JOBS = ("farmer", "teacher", "nurse", "driver", "student", "worker")


def label(fact: Fact, rng: Random) -> str:
    """One of the two Chinese names of the fact's relation; the first is the usual one."""
    return fact.relation.zh[0] if rng.random() < 0.7 else fact.relation.zh[1]


def joined(values: tuple[str, ...]) -> str:
    """甲、乙和丙."""
    return values[0] if len(values) == 1 else "、".join(values[:-1]) + "和" + values[-1]


def statement(fact: Fact, rng: Random) -> str:
    """The Chinese sentence that states the fact."""
    verb = "包括" if fact.relation.several else "是"
    values = tuple(rng.sample(fact.values, len(fact.values)))
    return f"{fact.entity}的{label(fact, rng)}{verb}{joined(values)}。"


def statement_en(fact: Fact) -> str:
    """The English sentence that states the fact; only relations with an English label have one."""
    return f"The {fact.relation.en} of {fact.entity} is {fact.values[0]}."


def stem(fact: Fact, rng: Random, frames: Frames) -> str:
    """A Chinese exam question without its options."""
    verb = "包括" if fact.relation.several else "是"
    frame = _fill(rng.choice(_fitting(frames, fact)), fact, rng)
    return f"{frame}{fact.entity}的{label(fact, rng)}{verb}{rng.choice(ENDS)}"


def stem_en(fact: Fact, rng: Random) -> str:
    """An English exam question without its options."""
    return f"{_fill(rng.choice(FRAMES_EN), fact, rng)}The {fact.relation.en} of {fact.entity} is"


def question(fact: Fact, rng: Random) -> str:
    """A patient's question about the fact."""
    text = _fill(rng.choice(_fitting(QUESTIONS, fact)), fact, rng)
    return text.replace("是什么", "包括什么") if fact.relation.several else text


def question_en(fact: Fact, rng: Random) -> str:
    """A reader's question about the fact."""
    return _fill(rng.choice(QUESTIONS_EN), fact, rng)


def answer(fact: Fact, rng: Random) -> str:
    """A short answer that states the fact."""
    return rng.choice(OPENINGS) + statement(fact, rng) + rng.choice(CLOSINGS)


def answer_en(fact: Fact, rng: Random) -> str:
    """A short English answer that states the fact."""
    return rng.choice(OPENINGS_EN) + statement_en(fact)


def long_answer(said: str, rng: Random, sentences: int, filler: tuple[str, ...] = FILLER) -> str:
    """`sentences` sentences of padding, and only then `said`: a cut-off shorter than the padding loses it."""
    padding = [rng.choice(filler) for _ in range(sentences)]
    return (" " if filler is FILLER_EN else "").join([*padding, said])


def _fitting(frames: Frames, fact: Fact) -> tuple[str, ...]:
    return frames[0 if fact.relation.subject.endswith("disease") else 1]


def _fill(frame: str, fact: Fact, rng: Random) -> str:
    return frame.format(
        e=fact.entity,
        l=fact.relation.en if frame in QUESTIONS_EN else label(fact, rng),
        who=f"{rng.choice(PEOPLE)}，{rng.randint(6, 79)}岁",
        age=rng.randint(6, 79),
        job=rng.choice(JOBS),
        season=rng.choice(SEASONS),
        span=rng.choice(SPANS),
        sign=rng.choice(SIGNS),
    )
