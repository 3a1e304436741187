"""Answers that are there already, scored against a key or compared with others. No network is needed."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from csft import exam
from csft.cmb import EXAM_TYPES, SUB_EXAMS, Question, read_rows
from csft.config import Config, Exam
from csft.console import print_table, say, table
from csft.data.catalog import DATASETS
from csft.errors import DataError, ExamError, SettingError
from csft.exam.answers import RULES
from csft.exam.key import Key, key_rows
from csft.exam.splits import id_list
from csft.fields import choice, count, setting
from csft.files import cache_dir, write_json
from csft.places import SAMPLE
from csft.splits import Splits, gather, load, scored

SPLITS = ("select", "val", "test")
PARTS = (  # of a table, top to bottom: key and name
    {sub.key: f"{sub.exam_type} {sub.exam_class}" for sub in SUB_EXAMS},
    {key: name for name, key in EXAM_TYPES.items()},
    {"single": "single choice", "multiple": "several answers", "total": "total"},
)


@dataclass(frozen=True)
class Marking:
    """The words that say what is asked: a split below `root`, or a key as CMB publishes it."""

    split: str = setting("test", " | ".join(SPLITS), lambda value: value in SPLITS)
    root: str = ""
    key: str = ""
    per_sub_exam: int | None = count(None, "questions per sub-exam and split (null: all)")
    rule: str = choice("official", *RULES)  # how the texts of CMB's runner are read
    out: str = ""

    def rows(self) -> Key:
        """The key. Raises CsftError where it cannot be read."""
        if not self.key:
            return questions(self.root, [self.split], self.per_sub_exam)[self.split]
        for name, value in (("root", self.root), ("per_sub_exam", self.per_sub_exam)):
            if value:
                raise SettingError(name, value, f"nothing beside key={self.key}, which says what is asked")
        return read_rows(Path(self.key).expanduser())

    def sheet(self, place: str, key: Key) -> dict[int, str]:
        """The letters by id in an answer file, or in the folder of a trial or exam."""
        path = Path(place).expanduser()
        path = path / f"predictions-{self.split}.jsonl" if path.is_dir() else path
        letters = exam.read_answer_file(path, key, self.rule)
        if path.suffix == ".jsonl":
            _check_questions(path, key)
        return letters


@dataclass(frozen=True)
class Score(Marking):
    """The words of `score`."""

    answers: str = ""


@dataclass(frozen=True)
class Compare(Marking):
    """The words of `compare`."""

    a: str = ""
    b: str = ""


def score(settings: Score) -> None:
    """Score an answer file: totals, exam types, sub-exams with intervals, baselines."""
    _check_given(answers=settings.answers)
    key = settings.rows()
    scores = exam.score(settings.sheet(settings.answers, key), key)
    show(scores, f"{settings.answers} against {settings.key or settings.split}")
    _write(settings.out, scores)


def compare(settings: Compare) -> None:
    """Compare two answer files or run folders, question by question: b against a."""
    _check_given(a=settings.a, b=settings.b)
    key = settings.rows()
    comparison = exam.compare(settings.sheet(settings.a, key), settings.sheet(settings.b, key), key)
    show_comparison(comparison, settings)
    _write(settings.out, comparison)


def _check_given(**places: str) -> None:
    for name, place in places.items():
        if not place:
            raise SettingError(name, "(none)", f"an answer file or a run folder, as {name}=…")


def _check_questions(path: Path, key: Key) -> None:
    """Predictions hold the letters that were right: others mean that other questions had these ids."""
    answers = {row.id: row.answer for row in key_rows(key)}
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    rows = [json.loads(line) for line in lines if line.strip()]
    other = [row["id"] for row in rows if row.get("key", answers[int(row["id"])]) != answers[int(row["id"])]]
    if other:
        raise ExamError(
            f"{path}: {len(other)} answers were given to other questions than these, whose keys differ: ids "
            f"{id_list(other)}. Give the root=… and split=… that were asked."
        )


def questions(root: str, splits: list[str], per_sub_exam: int | None) -> Splits:
    """These splits below a folder in CMB's layout, in asking order."""
    if not splits or not set(splits) <= set(SPLITS):
        raise SettingError("split", ",".join(splits) or "(none)", "some of " + ", ".join(SPLITS))
    folder = _folder(root)
    asked = {name: _held_out(folder) if name == "select" else load(folder, name) for name in splits}
    return scored(Config(exam=Exam(val=True, per_sub_exam=per_sub_exam)), asked)


def _folder(root: str) -> Path:
    if root in ("", SAMPLE):
        from csft import sample

        return sample.data_root() / "cmb"
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise SettingError("root", root, "a folder in CMB's layout")
    return folder.resolve()


def _held_out(folder: Path) -> list[Question]:
    """The split that trials hold out of their CMB-train, the folder `cmb` of the raw datasets."""
    usual = DATASETS["cmb"].folder
    if folder.name != usual:
        raise SettingError("root", folder, f"a folder named {usual} where split=select, as trials read it")
    found = gather(Exam(test=False), folder.parent, folder, cache_dir() / "data")
    if "select" not in found:
        raise DataError(f"{folder}: CMB-train, which split=select is drawn from, is not there or too small.")
    return found["select"]


# --- tables -----------------------------------------------------------------------------------------


def show(scores: exam.Scores, title: str) -> None:
    """Print every part with its interval, CMB's own means, baselines and what could not be read."""
    headings = ("n", "percent", "95 % interval", "official category mean", "unparsed")
    shown = table(f"CMB, percent right: {title}", "part", *headings)
    for names in PARTS:
        for key, name in names.items():
            if key in scores.figures:
                shown.add_row(name, *_figures(scores, key))
        shown.add_section()
    for name, key, value in (
        ("mean of sub-exams", "macro", scores.macro),
        ("mean of exam types", "macro_exam_types", scores.macro_exam_types),
    ):
        shown.add_row(name, "", f"{value:.2f}", _interval(*scores.intervals[key]))
    print_table(shown)
    chance = "" if scores.random_percent is None else f", guessing {scores.random_percent:.1f}"
    say(
        f"{scores.total:.2f} % of {scores.n:,} questions; always {scores.best_letter} "
        f"{scores.best_letter_percent:.1f}{chance}; {scores.unparsed:,} answers could not be read"
    )


def _figures(scores: exam.Scores, key: str) -> list[str]:
    figure, mean = scores.figures[key], scores.category_means.get(key)
    unparsed = scores.unparsed if key == "total" else scores.unparsed_by_exam_type.get(key, "")
    return [
        *(f"{figure.n:,}", f"{figure.percent:.2f}", _interval(figure.low, figure.high)),
        *("" if mean is None else f"{mean:.2f}", str(unparsed)),
    ]


def _interval(low: float, high: float) -> str:
    return f"{low:.1f} to {high:.1f}"


def show_comparison(found: exam.Comparison, settings: Compare) -> None:
    """Print b against a part by part; sub-exams with a p that allows for their number."""
    headings = ("n", "a", "b", "b - a", "95 % interval", "only a", "only b", "p", "detectable")
    shown = table(f"CMB {settings.split}, points: a={settings.a}, b={settings.b}", "part", *headings)
    single = {"single": found.single, "multiple": found.multiple, "total": found.total}
    differences = {**found.by_sub_exam, **found.by_exam_type, **single}
    for names in PARTS:
        for key, name in names.items():
            if one := differences.get(key):
                shown.add_row(name + (" *" if one.clear else ""), *_cells(one))
        shown.add_section()
    print_table(shown)
    say("* p below 0.05 (exact McNemar; sub-exams corrected for their number by Benjamini and Hochberg)")
    say("detectable: the smallest difference in points that would have shown four times out of five")


def _cells(one: exam.Difference) -> list[str]:
    p = one.p if one.p_fdr is None else one.p_fdr
    return [
        *(f"{one.n:,}", f"{one.percent_a:.2f}", f"{one.percent_b:.2f}", f"{one.difference:+.2f}"),
        *(_interval(one.low, one.high), str(one.only_a), str(one.only_b), f"{p:.3g}"),
        "none" if one.detectable is None else f"{one.detectable:.1f}",
    ]


def _write(out: str, figures: exam.Scores | exam.Comparison) -> None:
    if out:
        write_json(Path(out).expanduser(), asdict(figures))
        say(f"figures      {out}")
