"""Our own reading of a written answer: it wants letters that stand alone, and does not guess.

It finds every option letter that stands as a word of its own, joins neighbours to runs, and asks of each run
how the text around it speaks of it:

    不选A，因为B超阳性，故选C、D。      A wrong · B超 a term, no option · CD choice

Then the strongest kind of statement counts: an answer said to be one, a choice, what the text opens with,
verdicts on options, letters merely named. Statements that disagree give nothing, unless the last one says
that it concludes or corrects.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

LETTERS = "ABCDEFG"
BEFORE, AFTER, GAP = 24, 16, 12  # characters looked at around letters and between two of them

_TRADITIONAL = str.maketrans(
    "選擇項為應該確錯誤對無與兩個認維細組級類鏈環區帶還題問則",
    "选择项为应该确错误对无与两个认维细组级类链环区带还题问则",
)
_CLEANING = (
    (re.compile(r"\\f?boxed\s?\{"), "答案是"),
    (re.compile(r"\\[A-Za-z]+|\\.|[\"“”‘’`*#$]|__|(?<![a-z])'|'(?![a-z])"), ""),
    (re.compile(r"[^\S\n]+"), " "),
    (re.compile(r" ?\n[ \n]*"), "\n"),
)
# A base model goes on with a question of its own; what it answers to that is not meant.
_NEXT = re.compile(
    r"<\|im_|</s>|\n(?:以下是中国|该问题源自|下一题|(?:题目|问题|用户|(?i:question|user|human)):)"
)

_OPEN, _CLOSE, _OPTION = r"[ \n:=>({\[【「『<《]*", r"[ )}\]】」』>》]*", "(?:选项|[两三四五六]?项)?"
_WORD = re.compile(r"(?<![A-Za-z0-9_°\-])(?:[A-G]++|[a-g]++)(?![A-Za-z0-9_\-])")
_JOINED = re.compile(
    rf"{_CLOSE}{_OPTION} ?(?:[、&/+和与及]|以及|,? ?and|[,、]?[也还]应?选){_OPEN}(?:选项|[Oo]ption )?{_OPEN}"
)
_NEAR = re.compile(rf"{_CLOSE}[,;.。]?[ \n]?(?:\(?\d\d?[.、)] ?|[-•] ?)?{_OPEN}")
_CLEAR = re.compile(  # what follows a letter that is only near the one before, if both are one answer
    rf"{_CLOSE}{_OPTION}(?:$|[\n,、;!]|[.。] ?(?:$|\n|[A-G](?![A-Za-z]))|[均都和与及A-G]|正确|对|and)"
)
_EITHER = re.compile(
    r" ?[,、]? ?(?:或者?|还是|要么|就是|也可能|or|→|->|~|至|到) ?(?:选?项|option|选|是|为)* ?"
)

_TERM_BEFORE = re.compile(
    r"(?:维生素|维他命|因子|血型[为是]?|辅酶|球蛋白|肝炎|补体"
    r"|(?i:vitamin|hepatitis|group|type|factor|grade|class|stage)) ?$"
)
_TERM_AFTER = re.compile(
    r" ?(?:[超型群族级期类组链环波峰带区臂段肽]|细胞|淋巴|反应|二聚|蛋白|抗[原体]|因子|病毒|受体|选择素"
    r"|比[值例])| (?!(?:is|are|and|or|because|since|as|but|not)\b)[a-z]"
)
_ASKED = re.compile(rf"{_CLOSE}{_OPTION}(?:正确|对)?[吗呢?]")
_DENIED = re.compile(
    r"(?:不(?:应该?|建议|[能该宜要会得再]|可以?|(?:正确|对|符合)的?|属于|考虑|支持|推荐)*"
    r"(?:[选是为有]|选择|答案|选项|包括)*"
    r"|(?<!除)非选?|(?<![分鉴性区])别选?|[勿莫]选?|误(?:选|认为|以为)|排除[了掉]?|除[了去]?"
    r"|错误?的?(?:选项|答案)?(?:[是有为]|包括)?"
    r"|(?:\bnot|n't|\bexcept|\bthan|wrong \w+ (?:is|are))(?: be| choose)?)"
    rf"(?:选项)?(?: option)?{_OPEN}$"
)
_WRONG = re.compile(
    rf"{_CLOSE}{_OPTION}[ :(]*(?:[均都是为也可应]|可以)*(?:错|误|有误|无关|排除|[×✗✘❌]"
    r"|不(?:正确|[对符可能妥]|成立|恰当|合适|考虑|准确|选(?!择?[A-G]))"
    r"|(?:is|are) (?:wrong|incorrect|false|not))"
)
_RIGHT = re.compile(
    rf"{_CLOSE}{_OPTION}[ :(]*(?:[均都是为也最更]|才是)*"
    r"(?:正确|符合|合适|恰当|(?<=[均都])是(?=$|[,.。])|对(?=$|[的,.。;、! )\n])|[√✓✔]"
    r"|(?:is|are) (?:the )?(?:correct|right|true|best|answer))"
)
_ANSWER = re.compile(
    r"(?:答案|正确的?选?项|正确的?(?=[是为有包])|(?i:answers?|choice|(?:correct|best) option))"
    r"[】\])]?(?:选项)?(?:最?可能|大概)?(?:应该?|应当|就|只能|分别)?"
    r"(?:选择|[是为选即有]|包括|(?: ?(?:is|are|would|should|be|likely))+)?"
    rf"{_OPEN}(?:选?项|[第选]|option )?{_OPEN}$"
)
_CHOICE = re.compile(
    r"(?:(?<!首)选择?(?:的?[是为])?|选项[是为]?|而是|应该?[是为]|结论|回答"
    r"|(?i:option|choose|select|pick|it is|it's))"
    rf"{_OPEN}(?:选项|option )?{_OPEN}$"
)
_IS = re.compile(
    rf"(?:(?:最可能|(?<!可能))(?<!因)[是为]|所以|因此|故|\b(?i:therefore|thus|hence|so)\b,?){_OPEN}$"
)
_START = re.compile(rf"[>\-•]? ?{_OPEN}(?:\d\d?[.、)] ?)?{_OPEN}")
_OPENS = re.compile(rf"{_OPTION}(?:$|[\n .,、:;!()}}\]】」』>》<。]|而|因)")
_ENDS = re.compile(rf"{_CLOSE}{_OPTION}(?:$|[\n.,、:;!(<。])")
_LOWER_ENDS = re.compile(rf"{_CLOSE}{_OPTION}(?:$|[\n,、;!<。]|[.:](?! ?[a-z]))")
_LIST_GOES_ON = re.compile(r"[)\]】 ]?[.:、( ]|[)\]】]")
_LIST_ENDS = re.compile(r"。(?!\n)|解析|分析|因为|理由|答案")
_MENDS = r"不对|哦不|错了|更正|纠正|修正|改[为选]|抱歉|\b(?i:wait|sorry|actually)\b"
_MEND = re.compile(_MENDS)
_TURN = re.compile(rf"{_MENDS}|重新|综上|最终|因此|所以|故|结论|而是|\b(?i:final|therefore|thus|so|hence)\b")
_DOUBT = re.compile(
    r"[错不除非误无没或若?→~至到]|可能|还是|要么|之间|如果|(?i:not\b|n't\b|\bor\b|except|wrong|incorrect)"
)


@dataclass(frozen=True, slots=True)
class _Run:
    """Letters in a row, "" for alternatives (`A或B`), and where; `said` is how the text speaks of them."""

    letters: str
    start: int
    end: int
    said: str = ""
    listed: bool = False


def careful(text: str, multiple: bool) -> str:
    """The letters, sorted and once; "" where the text names none for certain."""
    text = _clean(text)
    runs = [run for run in (replace(run, said=_said(text, run)) for run in _runs(text)) if run.said]
    runs = [_with_list(text, runs, place, multiple) for place in range(len(runs))]
    opening = [run for run in runs[:1] if run.said == "opening"]
    answers, choices = ([run for run in runs if run.said == said] for said in ("answer", "choice"))
    mended = [run for run in choices[-1:] if answers and _MEND.search(text, answers[-1].end, run.start)]
    if stated := answers + mended or choices:
        return _one(_last_word(text, [run for run in opening if not run.listed] + stated), multiple)
    if opening:
        restated = opening[0].listed and set(opening[0].letters) >= set("ABCDE")  # the question's own list
        return "" if restated else _one(opening[0].letters, multiple)
    return _one(_judged(text, runs, multiple), multiple)


def _clean(text: str) -> str:
    """One writing for what can be written in several; without thoughts and the model's own next question."""
    text = re.split(r"</think(?:ing)?>", text)[-1]
    text = re.split(r"<think(?:ing)?>", text, maxsplit=1)[0]  # never closed: cut off before any answer
    text = unicodedata.normalize("NFKC", text).translate(_TRADITIONAL)
    for pattern, instead in _CLEANING:
        text = pattern.sub(instead, text)
    text = text.strip()
    following = _NEXT.search(text)
    head = text[: following.start()] if following else text
    return head if _WORD.search(head) else text


def _runs(text: str) -> list[_Run]:
    """Every word made of option letters, those that the text joins as one."""
    runs: list[_Run] = []
    for word in _WORD.finditer(text):
        run = _Run(word[0].upper(), word.start(), word.end())
        letters = _both(text, runs[-1], run) if runs else None
        runs.append(run if letters is None else replace(run, letters=letters, start=runs.pop().start))
    return runs


def _both(text: str, left: _Run, right: _Run) -> str | None:
    """The letters of two runs that are one answer, "" if they are alternatives, None if they are apart."""
    if right.start - left.end > GAP or text[left.start].islower() != text[right.start].islower():
        return None
    gap, after = text[left.end : right.start], text[right.end : right.end + AFTER]
    if _EITHER.fullmatch(gap):
        return ""
    anew = "," in gap and right.letters < left.letters[-1:] and after.startswith("、")  # E, A、B wrong
    if _JOINED.fullmatch(gap) or (_NEAR.fullmatch(gap) and _CLEAR.match(after) and not anew):
        return left.letters and "".join(dict.fromkeys(left.letters + right.letters))
    return None


def _said(text: str, run: _Run) -> str:
    """How the text speaks of a run; "" when it is a term, a question or not clearly an option at all."""
    before, after = text[max(0, run.start - BEFORE) : run.start], text[run.end : run.end + AFTER]
    lower, row = text[run.start].islower(), text[run.start : run.end].upper()
    word = row.isascii() and row.isalpha() and list(row) != sorted(row)  # CEA, BAD: rather than CA as answer
    if lower and (word or not _LOWER_ENDS.match(after)):
        return ""
    if _TERM_BEFORE.search(before) or _TERM_AFTER.match(after) or _ASKED.match(after):
        return ""
    first = run.start < BEFORE and _START.fullmatch(before)
    line = before.endswith("\n") and _OPENS.match(after)
    kinds = (
        ("wrong", _DENIED.search(before) or _WRONG.match(after)),
        ("answer", _ANSWER.search(before)),
        ("right", not lower and _RIGHT.match(after)),
        ("choice", _CHOICE.search(before)),
        ("choice", _IS.search(before) and _ENDS.match(after) and not after.startswith("(")),
        ("opening", first and not word and _OPENS.match(after)),
        ("plain", not lower and not word and (line or _ENDS.match(after))),
    )
    return next((kind for kind, found in kinds if found), "")


def _with_list(text: str, runs: Sequence[_Run], place: int, multiple: bool) -> _Run:
    """A statement with the further options of a list that it begins: `B. … C. …`, letters rising."""
    run, end = runs[place], runs[place].end
    if run.said not in ("answer", "choice", "opening"):
        return run
    for item in runs[place + 1 : place + len(LETTERS)]:
        gap = text[end : item.start]
        over = _LIST_ENDS.search(gap) or ("\n" in gap and not multiple and run.said != "opening")
        if over or item.said != "plain" or not _LIST_GOES_ON.match(gap) or gap[-1] not in " \n,;、(和及与":
            break
        if not run.letters[-1:] < item.letters[:1] or len(item.letters) > 1:
            break
        run, end = replace(run, letters=run.letters + item.letters, listed=True), item.end
    return run


def _last_word(text: str, statements: Sequence[_Run]) -> str:
    """What all statements say; of several, the last if it concludes or corrects the others, else ""."""
    last = statements[-1]
    others = [run for run in statements if set(run.letters) != set(last.letters)]
    return last.letters if not others or _TURN.search(text, others[-1].end, last.start) else ""


def _judged(text: str, runs: Sequence[_Run], multiple: bool) -> str:
    """The letters that are called right, or the only ones named at all if nothing speaks against them."""
    right, wrong, plain = (
        [run.letters for run in runs if run.said == said] for said in ("right", "wrong", "plain")
    )
    if right:
        # Of several answers, those called right and those called wrong may be either what was asked for.
        other = set("".join(plain)) - set("".join(right)) | set("".join(right)) & set("".join(wrong))
        return "" if other or (multiple and wrong) else "".join(right)
    return plain[0] if len(set(plain)) == 1 and not wrong and not _DOUBT.search(text) else ""


def _one(letters: str, multiple: bool) -> str:
    found = "".join(sorted(set(letters)))
    return found if multiple or len(found) == 1 else ""
