"""Answers by likelihood: one forward pass over `{prompt}答案是` reads the option letters.

Single choice: the letter with the highest log-probability among those offered.

Several answers: greedy decoding held to answers that can be written. The candidates are all non-empty
sets of the offered letters in ascending order, tokenised as the training text `答案是{letters}。` is; from
`答案是` on, the most likely token that leads on to a candidate is taken, until the `。` that ends one; keys
and values of the prompt are kept meanwhile. Where every letter is one token this is: the best letter, then
the best later letter for as long as it beats the `。`.
"""

import math
from collections.abc import Sequence
from typing import Any

from csft.cmb import Question
from csft.errors import NotNumbersError
from csft.exam.splits import id_list
from csft.exam.tokens import AnswerTree, answer_tree, letter_ids, prefix_ids
from csft.rows import Begun, Rows

Reading = tuple[str, dict[str, float]]  # letters, log-probability of each way to begin


class LetterReader:
    """Reads letters off a causal LM; remembers how this tokenizer writes every set of letters."""

    def __init__(self, net: Any, tokenizer: Any) -> None:
        self.net, self.tokenizer = net, tokenizer
        self.prefix = prefix_ids(tokenizer)
        self._trees: dict[str, AnswerTree] = {}
        self._names: dict[int, str] = {}

    def read(self, questions: Sequence[Question], asked: Begun) -> list[Reading]:
        """Letters and log-probabilities of each question, by its prompt."""
        nodes = [self._tree(question) for question in questions]
        kept = not all(question.single for question in questions)
        opened = asked._replace(prompts=[[*ids, *self.prefix] for ids in asked.prompts])
        rows = Rows(self.net, opened, kept, pad_id(self.tokenizer))
        values = self._values(rows.start(), nodes, questions)
        started = [{self._name(token): value for token, value in one.items()} for one in values]
        going = list(range(len(questions)))
        while True:
            written = [self._descend(nodes, row, one) for row, one in zip(going, values, strict=True)]
            on = [place for place, row in enumerate(going) if nodes[row].children]
            if not on:
                return [(node.letters, start) for node, start in zip(nodes, started, strict=True)]
            if len(on) < len(going):
                rows.select(on)
            going = [going[place] for place in on]
            logits_B1V = rows.feed([written[place] for place in on], reading=1)
            values = self._values(
                logits_B1V, [nodes[row] for row in going], [questions[row] for row in going]
            )

    def _descend(self, nodes: list[AnswerTree], row: int, values: dict[int, float]) -> list[int]:
        """Take a row's best token, and what follows without a choice; give the tokens."""
        token = max(values, key=lambda one: values[one])  # the first of equals: the lower letter
        nodes[row], taken = nodes[row].children[token], [token]
        while len(nodes[row].children) == 1:
            ((token, nodes[row]),) = nodes[row].children.items()
            taken.append(token)
        return taken

    def _values(
        self, logits_B1V: Any, nodes: Sequence[AnswerTree], questions: Sequence[Question]
    ) -> list[dict[int, float]]:
        """Natural log-probabilities, among all words, of the tokens that each row's node allows next."""
        tokens = sorted({token for node in nodes for token in node.children})
        logits_BV = logits_B1V[:, -1].float()
        logprobs_BT = (logits_BV[:, tokens] - logits_BV.logsumexp(-1, keepdim=True)).tolist()
        read = []
        for values, node in zip(logprobs_BT, nodes, strict=True):
            value_of = dict(zip(tokens, values, strict=True))
            read.append({token: value_of[token] for token in node.children})
        check_numbers([any(map(math.isnan, values.values())) for values in read], questions)
        return read

    def _tree(self, question: Question) -> AnswerTree:
        letters = "".join(question.offered)
        name = letters if question.single else f"{letters} in sets"
        if name not in self._trees:
            self._trees[name] = self._single(letters) if question.single else self._several(letters)
        return self._trees[name]

    def _single(self, letters: str) -> AnswerTree:
        """No `。` to wait for: a single choice is over with its letter."""
        ids = letter_ids(self.tokenizer, letters)
        return AnswerTree({token: AnswerTree(letters=letter) for letter, token in ids.items()})

    def _several(self, letters: str) -> AnswerTree:
        return answer_tree(self.tokenizer, letters)

    def _name(self, token: int) -> str:
        if token not in self._names:
            self._names[token] = self.tokenizer.decode([token]).strip()
        return self._names[token]


def check_numbers(broken: Sequence[bool], questions: Sequence[Question]) -> None:
    """Raise NotNumbersError with the ids of questions whose logits are not numbers."""
    ids = [question.id for question, bad in zip(questions, broken, strict=True) if bad]
    if ids:
        raise NotNumbersError(
            f"The model's logits are NaN on {len(ids)} of {len(questions)} questions of a batch "
            f"(ids {id_list(ids)}): its weights or its precision are broken, nothing was scored."
        )


def pad_id(tokenizer: Any) -> int:
    """Any id will do for what no real token sees."""
    return int(tokenizer.pad_token_id or 0)
