"""Answers by likelihood: one forward pass over `{prompt}答案是` reads the option letters.

Single choice: the letter with the highest log-probability among those offered.

Several answers: greedy decoding held to answers that can be written. The candidates are all non-empty
sets of the offered letters in ascending order, tokenised as the training text `答案是{letters}。` is; from
`答案是` on, the most likely token that leads on to a candidate is taken, one forward pass each, until the
`。` that ends one. Where every letter is one token this is: the best letter, then the best later letter
for as long as it beats the `。`.

Rows are padded on the right and need no mask: a causal model's real tokens never see what follows them.
"""

import math
from collections.abc import Sequence
from typing import Any

from csft.cmb import Question
from csft.errors import ExamError
from csft.exam.splits import id_list
from csft.exam.tokens import AnswerTree, answer_tree, letter_ids, prefix_ids


class LetterReader:
    """Reads letters off a causal LM; remembers how this tokenizer writes every set of letters."""

    def __init__(self, net: Any, tokenizer: Any) -> None:
        self.net, self.tokenizer = net, tokenizer
        self.prefix = prefix_ids(tokenizer)
        self._trees: dict[str, AnswerTree] = {}
        self._names: dict[int, str] = {}

    def read(
        self, questions: Sequence[Question], prompts: Sequence[list[int]]
    ) -> list[tuple[str, dict[str, float]]]:
        """(letters, log-probability of each way to begin) per question."""
        ids = [question.id for question in questions]
        paths = [[*prompt, *self.prefix] for prompt in prompts]
        nodes = [self._tree(question) for question in questions]
        first = self._step(paths, nodes, ids)
        started = [{self._name(token): value for token, value in values.items()} for values in first]
        going = self._descend(range(len(questions)), nodes, paths, first)
        while going:
            values = self._step(
                [paths[row] for row in going], [nodes[row] for row in going], [ids[row] for row in going]
            )
            going = self._descend(going, nodes, paths, values)
        return [(node.letters, start) for node, start in zip(nodes, started, strict=True)]

    def _descend(
        self,
        rows: Sequence[int],
        nodes: list[AnswerTree],
        paths: list[list[int]],
        values: Sequence[dict[int, float]],
    ) -> list[int]:
        """Take each row's best token, and what follows without a choice; the rows not yet at an end."""
        for row, value in zip(rows, values, strict=True):
            token = max(value, key=lambda one: value[one])  # the first of equals: the lower letter
            nodes[row] = nodes[row].children[token]
            paths[row].append(token)
            while len(nodes[row].children) == 1:
                ((token, nodes[row]),) = nodes[row].children.items()
                paths[row].append(token)
        return [row for row in rows if nodes[row].children]

    def _step(
        self, paths: list[list[int]], nodes: list[AnswerTree], ids: Sequence[int | None]
    ) -> list[dict[int, float]]:
        """Log-probabilities of the tokens that each row's node allows next."""
        tokens = sorted({token for node in nodes for token in node.children})
        logprobs_BT = next_logprobs(self.net, paths, _pad_id(self.tokenizer), tokens)
        read = []
        for values, node in zip(logprobs_BT, nodes, strict=True):
            value_of = dict(zip(tokens, values, strict=True))
            read.append({token: value_of[token] for token in node.children})
        broken = [ids[row] for row, values in enumerate(read) if any(map(math.isnan, values.values()))]
        if broken:
            raise ExamError(
                f"The model's logits are NaN on {len(broken)} of {len(ids)} questions of a batch "
                f"(ids {id_list(broken)}): its weights or its precision are broken, nothing was scored."
            )
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


def next_logprobs(
    net: Any, rows: Sequence[list[int]], pad_id: int, tokens: Sequence[int]
) -> list[list[float]]:
    """Natural log P(token comes next) per row and token (B, T), among the whole vocabulary, in float32.

    The head runs only at positions where some row ends: (B, U, V) with U distinct lengths.
    """
    import torch

    ends = [len(row) - 1 for row in rows]
    ids_BL = torch.full((len(rows), max(ends) + 1), pad_id, dtype=torch.long)
    for place, row in enumerate(rows):
        ids_BL[place, : len(row)] = torch.tensor(row)
    kept, which_B = torch.unique(torch.tensor(ends), return_inverse=True)
    logits_BUV = net(
        input_ids=ids_BL.to(net.device), use_cache=False, logits_to_keep=kept.to(net.device)
    ).logits
    device = logits_BUV.device
    logits_BV = logits_BUV[torch.arange(len(rows), device=device), which_B.to(device)].float()
    picked_BT = logits_BV[:, torch.tensor(tokens, device=device)]
    logprobs_BT: list[list[float]] = (picked_BT - logits_BV.logsumexp(-1, keepdim=True)).tolist()
    return logprobs_BT


def _pad_id(tokenizer: Any) -> int:
    """Any id will do for what no real token sees."""
    return int(tokenizer.pad_token_id or 0)
