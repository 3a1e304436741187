"""The report as a reader has it: in Chromium, wide and narrow, light and dark, by keyboard and on paper."""

import re

import pytest
from made_study import TRIALS, study

from csft.report import html, stills, study_page
from csft.report.figures.style import DARK, INK
from csft.report.page import Chart, Code, Page, Points, Section, Text
from csft.report.table import Column, Table

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

EVIL = "</script><script>window.ran = true</script><img src=x onerror='window.ran = true'>"
WIDE, PHONE = {"width": 1400, "height": 1000}, {"width": 360, "height": 740}
DRAWN = ".plot[data-drawn]"
UNDRAWN = "document.querySelectorAll('.plot:not([data-drawn])').length"


@pytest.fixture(scope="module")
def browser():
    path = stills.installed()
    if path is None:
        pytest.skip("neither Chromium nor Chrome is here")
    with sync_api.sync_playwright() as tool:
        opened = tool.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    html.write(study_page.page(*study()), path)
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A page without figures, which opens faster."""
    rows = [
        (f"trial {at}", at % 7 / 3 if at % 4 else None, "diverged" if at % 5 == 0 else "") for at in range(24)
    ]
    table = Table("trials", "All trials", (Column("name"), Column("score", 2), Column("why")), rows)
    blocks = (Text(("A text.",)), Code("python -m csft.run lr='1e-3'"), table)
    path = tmp_path_factory.mktemp("plain") / "plain.html"
    html.write(Page("A page", "of a test", (Section("one", "One", blocks),)), path)
    return path


@pytest.fixture
def opened(browser, report):
    """Open the report, or another file; at the end there must have been no error and no request."""
    pages, errors, requests, files = [], [], set(), set()

    def open_it(size=WIDE, path=report, **how):
        page = browser.new_page(viewport=size, **how)
        page.on("console", lambda one: errors.append(one.text) if one.type in ("error", "warning") else None)
        page.on("pageerror", lambda one: errors.append(str(one)))
        page.on("request", lambda one: requests.add(one.url))
        page.goto(path.as_uri())
        pages.append(page)
        files.add(path.as_uri())
        return page

    yield open_it
    for page in pages:
        page.close()
    assert errors == []
    assert {url for url in requests if not url.startswith(("data:", "blob:"))} == files


def until(page, expression):
    """Wait for it; playwright's own way of waiting is refused by the page's policy."""
    for _ in range(300):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"in 15 s there was no {expression}")


def drawn(page):
    """All figures, each of which is drawn when it comes near."""
    for plot in page.query_selector_all(".plot"):
        plot.scroll_into_view_if_needed()
    until(page, f"{UNDRAWN} === 0")
    return page.query_selector_all(".plot")


def colour(page, selector, what="color"):
    return page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).{what}")


def rgb(colour):
    return "rgb({}, {}, {})".format(*bytes.fromhex(colour[1:]))


def test_figures_are_drawn_when_they_come_near(opened):
    page = opened()
    first, *_, last = page.query_selector_all(".plot")
    first.scroll_into_view_if_needed()
    page.wait_for_selector(DRAWN)
    assert last.get_attribute("data-drawn") is None
    for plot in drawn(page):
        assert plot.query_selector(".main-svg") and not plot.query_selector(".absent")
    assert page.query_selector("a[href*='plot.ly']") is None, "no way to the plotly cloud"


def test_all_is_there_without_scripts_but_the_figures_whose_words_stand(opened):
    page = opened(java_script_enabled=False)
    assert page.inner_text("#figure-history .absent").startswith("The figure is drawn by JavaScript")
    assert "The best score on select" in page.inner_text("#figure-history figcaption")
    assert page.locator("#table-trials tbody tr").count() == TRIALS
    assert page.locator("button:visible").count() == 0, "none that would do nothing"


def test_a_narrow_page_never_scrolls_sideways_but_its_tables_do(opened):
    page = opened(PHONE)
    plots = drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert all(plot.bounding_box()["width"] <= PHONE["width"] for plot in plots)
    page.locator("#table-trials .box").scroll_into_view_if_needed()
    box = "document.querySelector('#table-trials .box')"
    until(page, f"{box}.scrollWidth > {box}.clientWidth")
    labels = page.text_content("#figure-sub-exams .yaxislayer-above")
    assert "执业医师" in labels and "licensed" not in labels, "Chinese names alone where there is no room"


def test_the_theme_is_the_systems_until_the_reader_chooses_and_figures_follow(opened):
    page = opened(color_scheme="dark")
    page.query_selector(".plot").scroll_into_view_if_needed()
    page.wait_for_selector(".plot[data-drawn^=dark] .legendtext")
    assert colour(page, "body") == rgb(DARK[INK]) == colour(page, ".legendtext", "fill")
    page.get_by_role("button", name="Light theme").click()
    page.wait_for_selector(".plot[data-drawn^=light] .legendtext")
    assert colour(page, "body") == rgb(INK) == colour(page, ".legendtext", "fill")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_a_table_is_sorted_and_searched_by_keyboard(opened, plain):
    page = opened(path=plain)

    def column(place):
        return page.locator(f"tbody tr:not([hidden]) > :nth-child({place})").all_inner_texts()

    head = page.locator("thead th").nth(1)
    head.get_by_role("button", name="score").focus()
    for order in ("descending", "ascending"):
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == order
        numbers = [float(one) for one in column(2) if one != "–"]
        assert numbers == sorted(numbers, reverse=order == "descending") and len(numbers) == 18
        assert column(2)[18:] == ["–"] * 6, "what is not there stands last"
    assert page.inner_text("#said") == "Sorted by score, ascending."
    page.locator("thead th").first.get_by_role("button").press("Space")
    assert head.get_attribute("aria-sort") is None and column(1)[:3] == ["trial 0", "trial 1", "trial 2"]
    page.get_by_label("Search").fill("DIVERGED  trial")
    assert column(1) == [f"trial {at}" for at in range(0, 24, 5)]
    assert page.inner_text(".search span") == "5 of 24 rows"


def test_the_first_stop_of_the_keyboard_leads_past_the_menu(opened, plain):
    page = opened(path=plain)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0, "it shows"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_command_is_copied(opened, plain):
    page = opened(path=plain, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "python -m csft.run lr='1e-3'"


def test_paper_has_every_figure_in_light_colours_and_wide_tables_across(opened):
    page = opened(color_scheme="dark")
    until(page, "window.Plotly")
    paper = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) > 4
    until(page, "document.querySelector('.plot').dataset.drawn.startsWith('dark')")
    sizes = {
        tuple(round(float(one)) for one in box.split()[2:])
        for box in re.findall(rb"/MediaBox\s*\[([^]]*)\]", paper)
    }
    assert sizes == {(595, 842), (842, 595)}
    assert page.evaluate(UNDRAWN) == 0


def test_what_somebody_wrote_into_a_setting_never_runs(opened, tmp_path):
    from plotly.graph_objects import Figure

    bars = Figure({"data": [{"type": "bar", "x": [EVIL], "y": [1]}], "layout": {"title": {"text": EVIL}}})
    table = Table("evil", EVIL, (Column(EVIL), Column("n")), ((EVIL, 1), (EVIL, 2)), (EVIL,))
    blocks = (Text((EVIL,), "answer", ((EVIL, EVIL),)), Points(((EVIL, EVIL),)), Code(EVIL, EVIL))
    chart = Chart("bars", bars, EVIL)
    made_page = Page(EVIL, EVIL, (Section("one", EVIL, (*blocks, table, chart)),))
    html.write(made_page, tmp_path / "evil.html")
    page = opened(path=tmp_path / "evil.html")
    drawn(page)
    assert page.evaluate("window.ran") is None
    assert page.inner_text("h1") == EVIL and page.locator("main img").count() == 0


def test_no_script_runs_that_is_not_the_pages_own(browser, plain, tmp_path):
    whole = plain.read_text("utf-8").replace("</main>", "<script>window.ran = true</script></main>")
    (tmp_path / "open.html").write_text(whole, encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "open.html").as_uri())
    refused = page.evaluate("fetch('https://example.org').then(() => 'came', () => 'refused')")
    assert page.evaluate("window.ran") is None and refused == "refused"
    page.close()


def test_a_browser_that_cannot_unpack_says_so_in_place_of_the_figures(browser, report):
    page = browser.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(report.as_uri())
    page.wait_for_selector(".plot.failed")
    assert "could not be drawn here" in page.inner_text("#figure-history .absent")
    page.close()
