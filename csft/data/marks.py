"""Where in a text its lettered options and the sentence that states the answer begin.

Both stand at the end of their piece, so a cut-off takes them first: the token store keeps how many tokens
they are, and a truncation report can say how many records lose them.
"""

import re
from itertools import pairwise

_OPTION = re.compile(r"^([A-Z]): ", re.MULTILINE)
_STATEMENT = re.compile(r"^(?:答案是[A-Z]+。|The answer is [A-Z]+ \.)\s*\Z", re.MULTILINE)


def options_begin(question: str) -> int | None:
    """Character where the lettered options at a question's end begin; None when there are fewer than two.

    An option's text may hold line breaks, and a blank option has no line: letters rise, no more is asked.
    """
    if not question.endswith("\n"):
        return None
    lines = list(_OPTION.finditer(question))
    first = len(lines) - 1
    for before, line in pairwise(reversed(lines)):
        if line[1] >= before[1]:
            break
        first -= 1
    return lines[first].start() if len(lines) - first >= 2 else None


def statement_begins(answer: str) -> int | None:
    """Character where the answer's last line states the letters, as multiple-choice sets do; None if not."""
    found = _STATEMENT.search(answer) if answer.rstrip().endswith((".", "。")) else None
    return found.start() if found else None
