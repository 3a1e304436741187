"""One trial as a picture: its 28 sub-exams against the untrained model, and its loss.

The dashboard shows pictures beside a trial, and plotly's figures beside the study alone; for a picture of its
own, plotly needs a browser. So this one is written out as SVG.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from csft.cmb import SUB_EXAMS
from csft.study.figures import BASE, FONT, GRID, INK, TUNED
from csft.study.outcomes import SELECT

WIDTH, ROW, NAMES, TOP = 760, 15, 210, 46  # pixels
BARS = 330  # pixels of 100 percent
CURVE_X, CURVE_W, CURVE_H = NAMES + BARS + 60, 150, 150


def picture(
    title: str,
    rows: Mapping[str, Mapping[str, Mapping[str, Any]]],
    loss: Sequence[tuple[float, float]],
) -> str:
    """Draw sub-exam rows as `outcomes.sub_exams` gives them and a curve of (epochs, loss)."""
    asked = [(sub, rows[sub.key][SELECT]) for sub in SUB_EXAMS if SELECT in rows.get(sub.key, {})]
    height = TOP + ROW * max(len(asked), 12) + 30
    drawn = [
        _text(10, 20, title, size=14),
        _text(NAMES, 38, f"percent right on {SELECT}: bar tuned, line its 95 % interval, grey untrained"),
        *_scale(len(asked)),
    ]
    for place, (sub, row) in enumerate(asked):
        drawn += _bar(TOP + ROW * place, f"{sub.exam_type} {sub.exam_class}", row)
    drawn += _curve(loss)
    body = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-family="{escape(FONT)}" fill="{INK}">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n{body}\n</svg>\n'
    )


def _scale(rows: int) -> Iterator[str]:
    bottom = TOP + ROW * rows
    for percent in range(0, 101, 25):
        x = NAMES + BARS * percent / 100
        yield _line(x, TOP, x, bottom, GRID)
        yield _text(x, bottom + 14, str(percent), anchor="middle")


def _bar(y: float, name: str, row: Mapping[str, Any]) -> Iterator[str]:
    middle = y + ROW / 2
    yield _text(NAMES - 6, middle + 4, name, anchor="end")
    if row["base"] is not None:
        yield _rect(NAMES, y + 1, row["base"], ROW - 2, BASE)
    yield _rect(NAMES, y + 4, row["score"], ROW - 8, TUNED)
    yield _line(NAMES + BARS * row["low"] / 100, middle, NAMES + BARS * row["high"] / 100, middle, INK)


def _curve(loss: Sequence[tuple[float, float]]) -> Iterator[str]:
    if len(loss) < 2:
        return
    epochs, values = [at for at, _ in loss], [value for _, value in loss]
    low, high = min(values), max(values)
    across, up = (max(epochs) - min(epochs)) or 1, (high - low) or 1
    points = " ".join(
        f"{CURVE_X + CURVE_W * (at - min(epochs)) / across:.1f},{TOP + CURVE_H * (high - value) / up:.1f}"
        for at, value in loss
    )
    yield _line(CURVE_X, TOP + CURVE_H, CURVE_X + CURVE_W, TOP + CURVE_H, INK)
    yield _line(CURVE_X, TOP, CURVE_X, TOP + CURVE_H, INK)
    yield f'<polyline points="{points}" fill="none" stroke="{TUNED}" stroke-width="1.5"/>'
    yield _text(CURVE_X - 4, TOP + 8, f"{high:.3g}", anchor="end")
    yield _text(CURVE_X - 4, TOP + CURVE_H, f"{low:.3g}", anchor="end")
    yield _text(CURVE_X, TOP + CURVE_H + 16, f"{min(epochs):.3g}")
    yield _text(CURVE_X + CURVE_W, TOP + CURVE_H + 16, f"{max(epochs):.3g} epochs", anchor="end")
    yield _text(CURVE_X + CURVE_W, TOP + 8, "loss", anchor="end")


def _rect(x: float, y: float, percent: float, height: float, colour: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{BARS * percent / 100:.1f}" height="{height}" fill="{colour}"/>'


def _line(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    return f'<line x1="{x:.1f}" y1="{y}" x2="{to_x:.1f}" y2="{to_y}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 10) -> str:
    return f'<text x="{x:.1f}" y="{y}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
