"""What a study's report costs: to build from run folders, and to open.

    nox -s bench -- report
    python tests/bench/report.py [--trials 200] [--select 100] [--test 400] [--rounds 3] [--work FOLDER]

A study of `--trials` trials is made up first (minutes; `--work` keeps it for the next time), with
`--select` and `--test` questions in each of the 28 sub-exams: 400 is CMB's own size, 11,200 questions. Then
the report is built in a process of its own by stages: `read` has database, run folders (checksums verified)
and every answer; `stills` are the PNG and SVG files. Opening is timed in headless Chromium,
from asking for the file until it is loaded, and until its first figure, scrolled to at once, is drawn; the
first time is left out.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import measure

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "report"))

STUDY, DRAWN = "made", ".plotly .main-svg, .js-plotly-plot .main-svg"
BUILT = ("read", "analyse", "page", "html", "tables", "stills")


def child(work: Path, out: Path) -> None:
    """Build the report by stages and write what each took, in seconds, to `out`."""
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        seconds[stage] = round(time.perf_counter() - started, 3)

    from csft.report import command, html, stills, study_page, tables, texts

    with timed("read"):
        data = command.read(command.Settings(study=STUDY, output=str(work)))
    folder = work / "report"
    with stills.opening() as browser:  # as the command does: it opens beside the analysis
        with timed("analyse"):
            found = command.analysed(data)
        with timed("page"):
            page = study_page.page(data, found)
        with timed("html"):
            html.write(page, folder / command.HTML)
        with timed("tables"):
            texts.write(tables.tables(data, found), folder / "tables")
        with timed("stills"):
            browser.write(page, folder / "figures")
    out.write_text(json.dumps(seconds), encoding="utf-8")


def make(work: Path, trials: int, select: int, test: int) -> None:
    """Make the study up, unless it is there."""
    import made_folders
    import optuna

    if (work / STUDY).is_dir():
        return
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    made_folders.study(work, STUDY, trials, select=select, test=test)


def opened(page: Path, rounds: int) -> list[tuple[float, float]]:
    """Seconds from asking for the page until it is loaded, and until its first figure is drawn."""
    from playwright.sync_api import sync_playwright

    chromium, times = shutil.which("chromium"), []
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(rounds + 1):
            tab = browser.new_page()
            started = time.perf_counter()
            tab.goto(page.absolute().as_uri())
            loaded = time.perf_counter() - started
            tab.locator("figure").first.scroll_into_view_if_needed()  # figures are drawn as they come near
            tab.wait_for_selector(DRAWN, state="attached")
            times.append((loaded, time.perf_counter() - started))
            tab.close()
        browser.close()
    return times[1:]


def main() -> None:
    """Build and open, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--select", type=int, default=100, help="questions per sub-exam")
    parser.add_argument("--test", type=int, default=400, help="questions per sub-exam")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="where the study is made, and found again")
    parser.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(*given.child)
        return
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        make(work, given.trials, given.select, given.test)
        runs = [measure.run([sys.executable, __file__, "--child", work]) for _ in range(given.rounds)]
        page = work / "report" / "report.html"
        size, times = page.stat().st_size, opened(page, given.rounds)
    print(measure.environment(), f"\n{given.trials} trials, {28 * given.test:,} test questions\n")
    rows = [(stage, measure.median(runs, stage)) for stage in BUILT]
    rows += [("whole process", measure.median(runs, "wall_s"))]
    rows += [
        ("page loaded", median(one for one, _ in times)),
        ("first figure", median(two for _, two in times)),
    ]
    print(measure.markdown(("stage", "s, median"), rows))
    print(f"\npeak memory {measure.median(runs, 'peak_mb'):,.0f} MB with Chromium, page {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
