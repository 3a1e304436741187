"""All that can be said of a batch of records without knowing the others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csft.data.screen.alike import SHINGLE
from csft.data.screen.conversations import Said
from csft.data.screen.exams import ExamHits, ExamIndex
from csft.data.screen.grams import Grams, Hashes, grams, mix
from csft.data.screen.lookup import spans
from csft.data.screen.parts import Parts, key_of, read_parts
from csft.data.screen.plain import Places, Plain, plain
from csft.data.screen.rules import ScreenRules
from csft.data.screen.signatures import Bands, band_hashes, bands_for
from csft.data.screen.sketches import Sketch

_ANSWER_SIDE = np.uint64(0xA5A5A5A5A5A5A5A5)


@dataclass(frozen=True)
class Examined:
    """Per record of a batch the exam question it gives away, and sketches of the conversations.

    `exam` is a row of `ExamIndex.rows` or -1, `exact` and `share` as in `ExamHits`. Sketched are those that
    have a record which gives nothing away; their rows count from the batch's first record.
    """

    exam: NDArray[np.int64]
    exact: NDArray[np.bool_]
    share: NDArray[np.float32]
    sketch: Sketch


def examine(exams: ExamIndex, rules: ScreenRules, talks: list[Said]) -> Examined:
    """Normalise a batch of conversations, look for exam questions and draw the sketches."""
    parts = [read_parts(talk) for talk in talks]
    turns = [turn for talk in talks for turn in talk.turns]
    questions = plain([*(asked for asked, _ in turns), *(own.question for own in parts if own)])
    answers = plain([*(answer for _, answer in turns), *(own.answer for own in parts if own)])
    layout = _layout(talks)
    hits = exams.find(_head(questions, len(turns)), rules.exam_overlap)
    at = _first_hit(layout, hits)
    given_away = at >= 0
    speaks, sides, rows = _speakers(layout, given_away, parts, len(turns))
    keys = np.array([_key(talks[talk], parts[talk]) for talk in speaks.tolist()], np.uint64)
    return Examined(
        np.where(given_away, hits.row[at], -1),
        given_away & hits.exact[at],
        np.where(given_away, hits.share[at], 0).astype(np.float32),
        _sketch(_gather(questions, answers, sides), keys, rows, bands_for(rules.near_duplicates)),
    )


@dataclass(frozen=True)
class _Layout:
    """Where conversations lie in a batch: their first turns and first records, and per record its turns."""

    turn: Places
    record: Places
    talk_of: Places
    length: Places


def _layout(talks: list[Said]) -> _Layout:
    records = [len(talk.lengths) for talk in talks]
    return _Layout(
        np.cumsum([0, *(len(talk.turns) for talk in talks)]),
        np.cumsum([0, *records]),
        np.repeat(np.arange(len(talks)), records),
        np.array([length for talk in talks for length in talk.lengths], np.int64),
    )


def _head(texts: Plain, count: int) -> Plain:
    start = texts.start[: count + 1]
    return Plain(texts.units[: start[-1]], start, texts.lines[texts.lines <= start[-1]])


def _first_hit(layout: _Layout, hits: ExamHits) -> Places:
    """Per record the first of its turns that gives an exam question away, counted in the batch, or -1."""
    none = int(layout.turn[-1])
    first = np.full(len(layout.turn) - 1, none)
    found = np.flatnonzero(hits.row >= 0)
    np.minimum.at(first, np.searchsorted(layout.turn, found, "right") - 1, found)
    of_record = first[layout.talk_of]
    return np.where(of_record < layout.turn[layout.talk_of] + layout.length, of_record, -1)


def _speakers(
    layout: _Layout, given_away: NDArray[np.bool_], parts: list[Parts | None], asked: int
) -> tuple[Places, Places, Places]:
    """Who speaks for each conversation: its last record that gives nothing away.

    Returns the conversations that have one, the texts (first, count) in which it is said, and the rows
    (first, count) of the records it speaks for. What `Parts` a record has stand after the `asked` questions.
    """
    clean = np.bincount(layout.talk_of[~given_away], minlength=len(layout.turn) - 1)
    talk = np.flatnonzero(clean)
    first = layout.record[talk]
    texts = np.stack([layout.turn[talk], layout.length[first + clean[talk] - 1]], 1)
    own = np.cumsum([asked - 1, *(own is not None for own in parts)])[1:][talk]
    single = np.array([own is not None for own in parts], np.bool_)[talk]
    texts[single] = np.stack([own[single], np.ones(int(single.sum()), np.int64)], 1)
    return talk, texts, np.stack([first, clean[talk]], 1)


def _key(talk: Said, parts: Parts | None) -> int:
    if parts:
        return parts.key
    return key_of(talk.system) if talk.system else 0


def _gather(questions: Plain, answers: Plain, texts: Places) -> Plain:
    """The questions of each speaker, then its answers, as texts of their own."""
    begin, end = texts[:, 0], texts.sum(1)
    first = np.stack([questions.start[begin], answers.start[begin] + len(questions.units)], 1).ravel()
    last = np.stack([questions.start[end], answers.start[end] + len(questions.units)], 1).ravel()
    units = np.concatenate([questions.units, answers.units])[spans(first, last - first)]
    return Plain(units, np.cumsum([0, *(last - first)]), np.empty(0, np.int64))


def _sketch(sides: Plain, keys: Hashes, rows: Places, bands: Bands) -> Sketch:
    shingles = grams(sides, SHINGLE)
    salt = np.where(np.arange(len(sides)) % 2, _ANSWER_SIDE, np.uint64(0))
    hashes = mix(shingles.hashes ^ np.repeat(salt, np.diff(shingles.start)))
    both = Grams(hashes, shingles.start[::2])
    return Sketch(sides.units, sides.start, keys, band_hashes(both, keys, bands), rows)
