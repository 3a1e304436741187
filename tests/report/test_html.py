"""The page as a file: whole, small, closed to the network and to what somebody wrote into a setting."""

import base64
import gzip
import hashlib
import json
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pytest
from made_data import PAPER, made
from made_found import found as found_in
from made_study import study

from csft.report import html, study_page
from csft.report.analysis import Analysis
from csft.report.page import Chart, Code, Folded, Page, Points, Section, Text
from csft.report.table import Column, Table

EVIL = "</script><script>stop()</script><img src=x onerror=stop()>"
NOTHING = Analysis(None, (), (), (), (), (), ())
SECTIONS = (
    "answer", "trials", "effects", "interactions", "importance", "history", "curves", "sub-exams",
    "differences", "truncation", "cost", "conversation", "table2", "claims", "provenance",
)  # fmt: skip


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text before the next."""

    def __init__(self, text):
        super().__init__()
        self.found, self.within = [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append([tag, dict(attributes), ""])
        self.within = True

    def handle_data(self, data):
        if self.within:
            self.found[-1][2] += data

    def handle_endtag(self, tag):
        self.within = False

    def of(self, tag):
        return [(attributes, text) for name, attributes, text in self.found if name == tag]


@cache
def text():
    return html.text(study_page.page(*study()))


def page(*blocks):
    return Page("A page", "of a test", (Section("one", "One", blocks),))


def chart(**layout):
    from plotly.graph_objects import Figure

    return Chart("bars", Figure({"data": [{"type": "bar", "y": [1, 2]}], "layout": layout}), "Two bars.")


def table(*rows, columns=("name", "share")):
    return Table("made", "A table", (Column(columns[0]), *(Column(one, 1) for one in columns[1:])), rows)


def test_a_study_is_told_in_the_order_of_its_questions_and_each_figure_in_words_too():
    elements = Elements(text())
    assert tuple(one["id"] for one, _ in elements.of("section")) == SECTIONS
    assert [one["href"][1:] for one, _ in elements.of("a") if one["href"] != "#content"] == list(SECTIONS)
    names = [one["data-figure"] for one, _ in elements.of("div") if "data-figure" in one]
    assert "sub-exams-base" in names and len(names) == len(set(names))
    assert len(elements.of("figcaption")) == len(names) and all(says for _, says in elements.of("figcaption"))
    _, found = study()
    assert (
        f"{found.winner.scores['select'].percent:.1f}" in text()
        and "Selection used the held-out split select" in text()
    )
    assert "mixes two levels" in text(), "the warning of Table 2"


@pytest.mark.parametrize("settings", [[], [PAPER]])
def test_a_section_that_has_nothing_to_show_says_why(settings):
    data = made(settings=settings, questions=56, chat=None, states=False)
    made_page = study_page.page(data, found_in(data) if settings else NOTHING)
    assert tuple(one.name for one in made_page.sections) == SECTIONS
    by_name = {one.name: one.blocks for one in made_page.sections}
    assert all(by_name.values())
    (said,) = by_name["conversation"]
    assert isinstance(said, Text) and said.paragraphs[0].startswith("No dialogues were held out")


def test_what_nobody_placed_is_shown_at_the_end(monkeypatch):
    monkeypatch.setattr(study_page.table_room, "tables", lambda *_: {"new": table(("a", 1.0))})
    *_, last = study_page.page(*study()).sections
    assert last.name == "more" and [one.title for one in last.blocks] == ["A table"]


def test_the_file_stays_small_and_carries_plotly_once(tmp_path):
    html.write(study_page.page(*study()), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 3_000_000
    (packed,) = [inside for one, inside in Elements(text()).of("script") if one.get("id") == "plotly"]
    source = gzip.decompress(base64.b64decode(packed))
    assert (
        source.startswith(b"/**\n* plotly.js")
        and "plotly" not in html.text(page(Text(("Nothing drawn.",))))[:200]
    )
    assert len(html.text(page(Text(("Nothing drawn.",))))) < 100_000


def test_nothing_may_run_but_the_scripts_of_the_page_and_nothing_be_fetched():
    elements = Elements(text())
    (policy,) = [one["content"] for one, _ in elements.of("meta") if one.get("http-equiv")]
    allowed = set(re.findall(r"'sha256-[^']+'", policy))
    scripts = {
        one.get("id"): inside
        for one, inside in elements.of("script")
        if "type" not in one or one["id"] == "plotly"
    }
    sources = [scripts[None].encode(), gzip.decompress(base64.b64decode(scripts["plotly"]))]
    assert allowed == {
        f"'sha256-{base64.b64encode(hashlib.sha256(source).digest()).decode()}'" for source in sources
    }
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "connect-src" not in policy
    for tag, attributes, _ in elements.found:
        assert not any(
            name in ("src", "srcset", "action", "data") or name.startswith("on") for name in attributes
        ), tag
        assert attributes.get("href", "#").startswith("#")


def test_what_somebody_wrote_into_a_setting_stays_text():
    evil = page(
        Text((EVIL,), "answer", ((EVIL, EVIL),)), Text((EVIL,), "warning"), Points(((EVIL, EVIL),)),
        Code(EVIL, EVIL), table((EVIL, 1.0)), chart(title={"text": EVIL}, xaxis={"title": {"text": EVIL}}),
        Folded(Table("folded", EVIL, (Column(EVIL),), ((EVIL,),), (EVIL,))),
    )  # fmt: skip
    elements = Elements(html.text(replace(evil, title=EVIL, subtitle=EVIL)))
    plain = Elements(html.text(page(chart())))
    assert len(elements.of("script")) == len(plain.of("script")) and not elements.of("img")
    spec = next(inside for one, inside in elements.of("script") if one.get("id") == "data-bars")
    assert json.loads(spec)["layout"]["xaxis"]["title"]["text"] == EVIL


def test_a_table_shows_its_digits_and_sorts_by_what_it_is():
    elements = Elements(html.text(page(table(("a", 0.123456), ("b", None), ("c", 12.5)))))
    assert [inside for _, inside in elements.of("td")] == ["0.1", "–", "12.5"]
    assert [one.get("data-value") for one, _ in elements.of("td")] == ["0.123456", "", None]
    assert [one.get("class") for one, _ in elements.of("th") if one["scope"] == "col"] == [None, "number"]
    assert [inside for one, inside in elements.of("th") if one["scope"] == "row"] == ["a", "b", "c"]


def test_a_table_of_very_many_columns_is_cut_and_says_where_all_are():
    names = tuple(f"trial {at}" for at in range(99))
    elements = Elements(html.text(page(table(("a", *range(98)), columns=names))))
    assert len(elements.of("th")) == 61
    assert "The first 60 of 99 columns; made.csv has all." in [inside for _, inside in elements.of("li")]


def test_charts_that_are_half_as_wide_stand_beside_each_other():
    halves = [replace(chart(meta={"half": True}), name=name) for name in ("left", "right")]
    whole = html.text(page(*halves, chart(title={"text": "A &lt; B"})))
    grid = whole[whole.index('<div class="grid">') :]
    assert grid.index("figure-left") < grid.index("figure-right") < grid.index("figure-bars")
    assert whole.count('class="grid"') == 1 and "A &lt; B</h3>" in whole


def test_a_page_of_a_study_that_runs_says_when_to_look_again(tmp_path):
    html.write(page(Text(("So far.",))), tmp_path / "report.html", again_s=30)
    assert '<html lang="en" data-again="30">' in (tmp_path / "report.html").read_text("utf-8")


def test_a_page_that_cannot_be_made_leaves_the_one_before(tmp_path):
    html.write(page(Text(("Before.",))), tmp_path / "report.html")
    with pytest.raises(KeyError):
        html.write(page("no block"), tmp_path / "report.html")
    assert "Before." in (tmp_path / "report.html").read_text("utf-8")
