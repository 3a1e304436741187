"""Fixtures of the exam's tests; what they are made of lies in `exam_helpers`."""

from typing import Any

import pytest
from exam_helpers import ANSWERS, make_net, make_question, make_tokenizer, make_wrap

from csft.cmb import Question


@pytest.fixture(scope="session")
def questions() -> list[Question]:
    """24 questions, half of them with several answers, F among them."""
    return [
        make_question(number, ANSWERS[number % 12], "ABCDEF" if "F" in ANSWERS[number % 12] else "ABCDE")
        for number in range(24)
    ]


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return make_tokenizer()


@pytest.fixture
def net(tokenizer: Any) -> Any:
    return make_net(len(tokenizer))


@pytest.fixture(scope="session")
def wrap(tokenizer: Any) -> Any:
    return make_wrap(tokenizer)
