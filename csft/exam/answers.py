"""Which letters a written answer names: CMB's own rule exactly, and a more careful one beside it."""

import re
import unicodedata
from collections.abc import Iterator

from csft.cmb import MULTIPLE
from csft.errors import SettingError

RULES = ("official", "careful")
LETTERS = "ABCDEFG"

# FreedomIntelligence/CMB, src/utils.py: what is said after the first such phrase, up to the sentence's end.
_OFFICIAL = re.compile(r"(?:答案|正确选项)(?:是|：|为|应该是|应该为)(.*?)(?:。|\.|$)", re.DOTALL)


def read_answer(text: str, question_type: str, rule: str = "official") -> str:
    """The letters that `text` answers with, "" when it names none (`careful`: or none for certain).

    `official` keeps letters as they come, repetitions and letters inside words included, and the first
    one of a single choice. `careful` wants letters that stand alone, returns them sorted and once, and
    refuses to choose between several candidates.
    """
    if rule not in RULES:
        raise SettingError("exam.answer_rule", rule, " or ".join(RULES))
    if rule == "official":
        return _official(text, question_type)
    return _careful(text, question_type)


def _official(text: str, question_type: str) -> str:
    found = _OFFICIAL.search(text)
    letters = "".join(sign for sign in (found.group(1) if found else text) if sign in LETTERS)
    return letters if question_type == MULTIPLE else letters[:1]


# --- the careful rule -------------------------------------------------------------------------------

# What follows a letter that is part of a term: B超, A型, C反应蛋白, D二聚体, B细胞, A组, E链, G蛋白 …
_TERM_AFTER = "(?!超|型|群|族|级|期|类|组|链|环|波|峰|带|区|细胞|淋巴|反应|二聚|肽|蛋白|抗[原体]|因子)"
# What stands before one: 维生素C, 维他命E, 因子G, 血型A, 辅酶A, 免疫球蛋白G.
_TERM_BEFORE = "(?<!维生素)(?<!维他命)(?<!因子)(?<!血型)(?<!辅酶)(?<!球蛋白)(?<!肝炎)"
_FREE = rf"{_TERM_BEFORE}(?<![A-Za-z0-9\-+])[A-G](?![A-Za-z0-9\-+]){_TERM_AFTER}(?! [a-z])"
_JOIN = r"\s*(?:[、,;/和与及]|以及|and|&)?\s*"
# One answer: letters in a row (BCD) or joined (B、C和D), not the beginning of a word.
_RUN = (
    rf"{_TERM_BEFORE}(?<![A-Za-z0-9\-+])[A-G](?:{_JOIN}[A-G])*"
    rf"(?![A-Za-z0-9\-+]){_TERM_AFTER}(?! [a-z])"
)
_LOWER_RUN = rf"[a-g](?:{_JOIN}[a-g])*(?=$|[\s。.,;)\]】」:])"
_OPEN = r"[\s:\"'“”‘’(\[【「『<{*#_$]*(?:\\boxed\{|\\text\{)?"

_STRONG = re.compile(
    r"(?P<no>不|非|错误|不正确|不是|并非)?(?:的)?"
    r"(?:答案|正确选项|正确的选项|正确答案|正确的是|\b(?i:answer|correct option|correct choice))"
    rf"(?:应该是|应该为|应该选|应当是|应为|应是|应选|选择|选|是|为|即| is| are)?{_OPEN}"
    rf"(?:选项|选|option )?\s*(?P<run>{_RUN}|{_LOWER_RUN})"
)
_BOXED = re.compile(rf"(?P<no>(?!))?\\boxed\{{(?:\\text\{{)?\s*(?P<run>{_RUN}|{_LOWER_RUN})")
_WEAK = re.compile(
    r"(?P<no>不|勿|别|排除|除|非|误|不应|不能|不该|不可)?"
    r"(?:应选择|应该选|应选|故选|所以选|因此选|选择|选项为|选项是|我选|选|而是|应该是|应为|应是|[Oo]ption)"
    rf"{_OPEN}(?P<run>{_RUN})"
)
_OPENING = re.compile(
    rf"^{_OPEN}(?:选项)?(?P<run>{_RUN})(?!\s*(?:项|选项)?\s*(?:不|错|有误|是错))"
    r"\s*(?:[\s.、,:;)\]】」』>}*#_$。!\"'”’]|项|选项|$)"
)
_BARE_LOWER = re.compile(rf"^{_OPEN}(?P<run>[a-g](?:{_JOIN}[a-g])*)[\s.。)\]】」』>}}*#_$!\"'”’]*$")
_LISTED = re.compile(rf"(?:^|(?<=[\s,;、]))(?P<run>{_FREE})\s*(?=[.:、)])")
_DOUBT = re.compile(
    r"错|不|除|非|排除|误|无|没|或|可能|not\b|n't\b|\bor\b|except|wrong|incorrect", re.IGNORECASE
)
_SPACES = re.compile(r"(\s\s?)\s*")  # long blanks would make the optional joins above slow
_ITEM_AFTER = re.compile(r"\s*[.:)]")


def _careful(text: str, question_type: str) -> str:
    multiple = question_type == MULTIPLE
    text = _SPACES.sub(r"\1", unicodedata.normalize("NFKC", text).rpartition("</think>")[2].strip())
    for runs in (_stated(_BOXED, text), _stated(_STRONG, text, multiple), _opening(text, multiple)):
        for letters in runs:
            return _one(letters, multiple)
    if bare := _BARE_LOWER.match(text):
        return _one(bare["run"].upper(), multiple)
    if chosen := [_one(letters, multiple) for letters in _stated(_WEAK, text)]:
        return "" if multiple and len(set(chosen)) > 1 else chosen[0]
    return _alone(text, multiple)


def _stated(pattern: re.Pattern[str], text: str, listed: bool = False) -> Iterator[str]:
    """Letters of the statements that are not negated, the last one first: an answer may be corrected."""
    for found in reversed(list(pattern.finditer(text))):
        if found["no"] is None:
            yield found["run"].upper() + (_list_after(text[found.end() :]) if listed else "")


def _opening(text: str, multiple: bool) -> Iterator[str]:
    if found := _OPENING.match(text):
        yield found["run"] + (_list_after(text[found.end("run") :]) if multiple else "")


def _list_after(rest: str) -> str:
    """Further options of a written-out list: `B. … C. …` behind a statement, to the end of its sentence."""
    if not _ITEM_AFTER.match(rest):
        return ""
    sentence = re.split(r"。|\n\s*\n|解析|因为|理由", rest, maxsplit=1)[0]
    return "".join(found["run"] for found in _LISTED.finditer(sentence))


def _alone(text: str, multiple: bool) -> str:
    """Letters that stand alone anywhere, if nothing in the text speaks against one of them."""
    letters = "".join(sign for run in re.findall(_RUN, text) for sign in run)
    return "" if _DOUBT.search(text) else _one(letters, multiple)


def _one(run: str, multiple: bool) -> str:
    letters = "".join(sorted(set(run) & set(LETTERS)))
    return letters if multiple or len(letters) == 1 else ""
