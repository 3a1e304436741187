"""A page as one HTML file that needs no network: what was found in words, tables and plotly figures.

plotly's own script travels in the file, compressed, and is unpacked by the browser; the figures are JSON.
The page's content security policy allows no request at all, and no script but the page's own and plotly's,
each by its hash: text that somebody put into a setting can never run.
"""

import base64
import gzip
import hashlib
import json
from functools import cache
from pathlib import Path

from csft.files import write_text
from csft.report.figures.style import DARK
from csft.report.html_blocks import grouped, safe_json
from csft.report.page import Chart, Page

TEMPLATES = Path(__file__).with_name("templates")


def write(page: Page, path: Path, *, again_s: int | None = None) -> None:
    """Write a page, whole or not at all; `again_s`: it loads itself anew after so many seconds."""
    write_text(path, text(page, again_s))


def text(page: Page, again_s: int | None = None) -> str:
    """The page as HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    templates = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    templates.filters["tidy"] = tidy
    sections = [(one, list(grouped(one.blocks))) for one in page.sections]
    charts = any(isinstance(block, Chart) for one in page.sections for block in one.blocks)
    plotly, plotly_hash = _plotly() if charts else ("", "")
    # Carriage returns would become line feeds in the browser, and the hash another.
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8").replace("\r", "")
    return templates.get_template("page.html.j2").render(
        page=page,
        sections=sections,
        policy=_policy(script, plotly_hash),
        style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own files
        script=Markup(script),  # noqa: S704
        dark=Markup(safe_json(json.dumps(DARK))),  # noqa: S704
        plotly=plotly,
        again_s=again_s,
        safe=Markup,
    )


def tidy(words: str) -> str:
    """Keep a number and its percent sign on one line."""
    return words.replace(" %", "\N{NO-BREAK SPACE}%")


@cache
def _plotly() -> tuple[str, str]:
    """plotly's script: compressed as base64, and the hash that a policy names it by."""
    from plotly.offline import get_plotlyjs

    source = get_plotlyjs().encode()
    packed = gzip.compress(source, compresslevel=9, mtime=0)
    return base64.b64encode(packed).decode(), _hash(source)


def _policy(script: str, plotly_hash: str) -> str:
    """No request; only scripts of these hashes; styles and pictures that the page makes itself."""
    scripts = " ".join(filter(None, [_hash(script.encode()), plotly_hash]))
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(source: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source).digest()).decode()}'"
