"""The figures of a page as PNG and SVG files, drawn by kaleido in an installed Chromium."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from csft.console import say
from csft.files import whole_file
from csft.report.page import Chart, Page

if TYPE_CHECKING:
    from kaleido import Kaleido

WIDTH, HALF, HEIGHT = 1000, 640, 420  # pixels, of which a PNG has twice as many
FORMATS = {"png": {"scale": 2}, "svg": {"scale": 1}}
TABS = 4  # drawing beside each other
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
MISSING = "no PNG and SVG files: Chromium or Chrome draws them, and none is installed"


def write(page: Page, folder: Path) -> list[Path]:
    """Write `<figure>.png` and `<figure>.svg`, each whole; without a browser none, which is said."""
    with opening() as browser:
        return browser.write(page, folder)


class Browser:
    """A browser that opens at once, beside other work, and draws one page when it is asked to."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[list[Chart], Path]] = SimpleQueue()
        self._path = installed()
        # In a thread: who calls may have an event loop of their own, as notebooks do.
        self._aside = ThreadPoolExecutor(1)
        self._drawn = self._aside.submit(asyncio.run, self._draw(self._path)) if self._path else None

    def write(self, page: Page, folder: Path) -> list[Path]:
        """As `csft.report.stills.write`."""
        charts = list(_charts(page))
        if self._drawn is None:
            if charts:
                say(f"figures      {MISSING}")
            return []
        from choreographer import errors

        broken = (errors.BrowserFailedError, errors.BrowserClosedError, errors.BrowserDepsError, TimeoutError)
        self._asked.put((charts, folder))
        try:
            return self._drawn.result()
        except broken as error:
            say(f"figures      no PNG and SVG files: {self._path} does not run here ({type(error).__name__})")
            return []

    def close(self) -> None:
        """Close it, also where nothing was asked for."""
        self._asked.put(([], Path()))
        self._aside.shutdown()

    async def _draw(self, path: str) -> list[Path]:
        from kaleido import Kaleido

        # MathJax would be fetched from the network, and nothing here needs it.
        async with Kaleido(n=min(TABS, os.cpu_count() or 1), mathjax=False, path=path) as drawing:
            charts, folder = await asyncio.to_thread(self._asked.get)
            tasks = [_drawn(drawing, chart, folder, form) for chart in charts for form in FORMATS]
            return list(await asyncio.gather(*tasks))


def opening() -> "closing[Browser]":
    """A browser for a `with`."""
    return closing(Browser())


def installed() -> str | None:
    """Where Chromium or Chrome is."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def _charts(page: Page) -> Iterator[Chart]:
    for section in page.sections:
        yield from (block for block in section.blocks if isinstance(block, Chart))


async def _drawn(drawing: "Kaleido", chart: Chart, folder: Path, form: str) -> Path:
    layout = chart.figure.layout
    half = bool(layout.meta and layout.meta.get("half"))
    options: dict[str, Any] = {
        "width": layout.width or (HALF if half else WIDTH),
        "height": layout.height or HEIGHT,
        "format": form,
        **FORMATS[form],
    }
    picture = await drawing.calc_fig(chart.figure.to_dict(), opts=options)
    path = folder / f"{chart.name}.{form}"
    with whole_file(path) as temporary:
        temporary.write_bytes(picture)
    return path
