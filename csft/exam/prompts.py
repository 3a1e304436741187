"""The text of a question as a user would type it, and of an example's answer; the chat format comes later."""

from csft.cmb import Question
from csft.errors import SettingError

# FreedomIntelligence/CMB, workers/base.py: the query without reasoning, and with it.
CMB_TEXT = (
    "以下是中国{exam_type}中{exam_class}考试的一道{question_type}，"
    "不需要做任何分析和解释，直接输出答案选项。\n{question}\n{options}"
)
CMB_REASONED_TEXT = (
    "以下是中国{exam_type}中{exam_class}考试的一道{question_type}，"
    "请分析每个选项，并最后给出答案。\n{question}\n{options}"
)
# CAS-SIAT-XinHai/CollectiveSFT, preprocess/cmb_to_sft.py: instruction, one line break, input.
TRAIN_TEXT = "该问题源自{exam_type}，面向{exam_class}中的{exam_subject}。\n\n\n{question}\n{options}"

ANSWER_PREFIX = "答案是"
ANSWER_END = "。"
PROMPTS = ("cmb", "train")


def question_text(
    question: Question, prompt: str = "cmb", official_quirks: bool = False, reasoned: bool = False
) -> str:
    """The question in the exam's official words (`cmb`) or in those the model was trained on (`train`).

    `official_quirks` leaves out every option shorter than two characters, as CMB's own runner does,
    real ones such as `7` included; without it only blank options are left out. `reasoned` asks for an
    analysis of every option, for which the training text has no words.
    """
    if prompt not in PROMPTS:
        raise SettingError("exam.prompt", prompt, " or ".join(PROMPTS))
    fields = _fields(question)
    if prompt == "train":
        return TRAIN_TEXT.format(options=_lines(question.offered, ": ") + "\n", **fields)
    options = question.offered
    if official_quirks:
        options = {letter: text for letter, text in question.options.items() if len(text) > 1}
    words = CMB_REASONED_TEXT if reasoned else CMB_TEXT
    return words.format(options=_lines(options, ". "), **fields)


def answer_text(question: Question, reasoned: bool = False) -> str:
    """How an example is answered (workers/base.py; the training texts end the same way)."""
    if reasoned:
        return f"{question.explanation}所以{ANSWER_PREFIX}{question.answer}{ANSWER_END}"
    return f"{ANSWER_PREFIX}{question.answer}{ANSWER_END}"


def _lines(options: dict[str, str], separator: str) -> str:
    return "\n".join(f"{letter}{separator}{text}" for letter, text in options.items())


def _fields(question: Question) -> dict[str, str]:
    return {
        "exam_type": question.exam_type,
        "exam_class": question.exam_class,
        "exam_subject": question.exam_subject,
        "question_type": question.question_type,
        "question": question.question,
    }
