"""Words of a command as settings."""

from dataclasses import dataclass

import pytest

from csft.config import choice, count
from csft.errors import SettingError
from csft.words import read_words, word_list


@dataclass
class Settings:
    from_: str = ""
    layout: str = choice("llama", "llama", "original")
    rows: int = count(8, "rows")
    limit: int | None = count(None, "questions, or null")


def test_words_set_fields_and_the_rest_keeps_its_default() -> None:
    assert read_words(Settings, []) == Settings()
    given = ["FROM=a=b", "rows=16", "limit=3", "layout=original"]
    assert read_words(Settings, given) == Settings("a=b", "original", 16, 3)
    assert read_words(Settings, ["from="]).from_ == ""


@pytest.mark.parametrize("nothing", ["", "null", "NONE"])
def test_a_number_may_be_left_open_where_the_field_says_so(nothing: str) -> None:
    assert read_words(Settings, [f"limit={nothing}"]).limit is None
    with pytest.raises(SettingError, match=f"rows={nothing} cannot be used. Allowed: a whole number of rows"):
        read_words(Settings, [f"rows={nothing}"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["frm=x"], "frm=x cannot be used. Allowed: name=value with one of from, layout, rows, limit."),
        (["from_=x"], "from_=x cannot be used. Allowed: name=value"),
        (["from"], "from= cannot be used. Allowed: name=value"),
        (["rows=2", "rows=4"], "rows=4 cannot be used. Allowed: each name once; rows=2 was said."),
        (["from=x", "FROM=x"], "FROM=x cannot be used. Allowed: each name once; from=x was said."),
        (["layout=gguf"], "layout=gguf cannot be used. Allowed: llama | original."),
        (["rows=0"], "rows=0 cannot be used. Allowed: a whole number of rows, at least 1."),
        (["rows=2.5"], "rows=2.5 cannot be used"),
        (["limit=-1"], "limit=-1 cannot be used. Allowed: a whole number of questions, or null, at least 1."),
    ],
)
def test_what_cannot_be_used_is_named(words: list[str], said: str) -> None:
    with pytest.raises(SettingError) as caught:
        read_words(Settings, words)
    assert str(caught.value).startswith(said)


def test_a_list_has_no_empty_parts() -> None:
    assert word_list(" a, b,,c ,") == ["a", "b", "c"]
    assert word_list("") == []
