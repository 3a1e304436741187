"""Figures as PNG and SVG files."""

import shutil
import struct

import pytest

from csft.report import stills
from csft.report.page import Chart, Page, Section, Text

needs_browser = pytest.mark.skipif(stills.installed() is None, reason="neither Chromium nor Chrome is here")


def page(*names):
    from plotly.graph_objects import Figure

    half = [{}, {"half": True}]
    charts = [
        Chart(
            name, Figure({"data": [{"type": "bar", "y": [1, 2]}], "layout": {"meta": half[at % 2]}}), "Bars."
        )
        for at, name in enumerate(names)
    ]
    return Page("A page", "of a test", (Section("one", "One", (Text(("Words.",)), *charts)),))


@needs_browser
def test_each_figure_is_written_in_both_forms_as_wide_as_it_stands_in_the_page(tmp_path):
    written = stills.write(page("wide", "narrow"), tmp_path / "figures")
    assert sorted(one.name for one in tmp_path.glob("figures/*")) == sorted(one.name for one in written)
    assert {one.name for one in written} == {"wide.png", "wide.svg", "narrow.png", "narrow.svg"}
    for name, width in (("wide", stills.WIDTH), ("narrow", stills.HALF)):
        picture = (tmp_path / "figures" / f"{name}.png").read_bytes()
        assert picture[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", picture[16:24]) == (2 * width, 2 * stills.HEIGHT)
        drawing = (tmp_path / "figures" / f"{name}.svg").read_text("utf-8")
        assert drawing.startswith("<svg") and f'width="{width}"' in drawing


@pytest.mark.parametrize(
    ("browser", "said"),
    [(None, "none is installed"), (shutil.which("true"), "does not run here (BrowserFailedError)")],
)
def test_without_a_browser_that_runs_there_are_no_files_and_one_line_says_so(
    browser, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(stills, "installed", lambda: browser)
    assert stills.write(page("wide"), tmp_path / "figures") == []
    (line,) = capsys.readouterr().out.splitlines()
    assert said in line and not (tmp_path / "figures").exists()


def test_a_page_without_figures_needs_no_browser(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(stills, "installed", lambda: None)
    assert stills.write(page(), tmp_path) == [] and capsys.readouterr().out == ""
