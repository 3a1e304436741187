"""What figures call trials, scores and sub-exams, and which trials they show where not all can be."""

from collections.abc import Sequence
from re import sub as replaced
from textwrap import wrap

from csft.cmb import SUB_EXAMS, SubExam
from csft.exam import Scores
from csft.exam.comparison import Difference
from csft.report.analysis.papers_setting import departures
from csft.report.figures.style import plain
from csft.report.saying import listed
from csft.report.study_data import SELECT, TEST, StudyData, Trial

AXES = {
    "score": "score on select, percent",
    "chat_loss": "loss on dialogues, nats a token",
    "gpu_hours": "GPU-hours",
}
NAMED = 5  # things in a sentence; a table has all
WIDTH = 44  # letters of a line beside a point
TOLD = {"score": "score on select", "chat_loss": "loss on dialogues", "gpu_hours": "GPU-hours"}


def axis(data: StudyData) -> str:
    """The first objective as the title of an axis."""
    return AXES.get(data.objectives[0], plain(data.objectives[0]))


def objective(data: StudyData) -> str:
    """The first objective in a sentence."""
    return named_objective(data.objectives[0])


def named_objective(name: str) -> str:
    """An objective in a sentence."""
    return TOLD.get(name, name)


def percent(data: StudyData) -> bool:
    """Whether the first objective is the exam's score."""
    return data.objectives[0] == "score"


def told(trial: Trial) -> str:
    """Number, state and setting, for the label that appears beside a point."""
    return f"trial {trial.number} ({trial.state})<br>{plain_setting(trial)}"


def plain_setting(trial: Trial) -> str:
    """A setting on a few short lines."""
    return "<br>".join(plain(line) for line in wrap(trial.setting, WIDTH))


def label(trial: Trial, paper: int | None) -> str:
    """A trial in few letters, the one that stands for the paper's setting as such."""
    if trial.number != paper:
        return f"trial {trial.number}"
    return f"trial {trial.number} · {'near ' if departures(trial) else ''}the paper's"


def ranked(data: StudyData) -> list[Trial]:
    """Trials that can be compared, best first, those beyond a limit last."""
    sign = -1 if data.directions[0] == "maximize" else 1
    return sorted(data.finished, key=lambda one: (not one.eligible, sign * (one.score or 0.0), one.number))


def better(data: StudyData) -> bool:
    """Whether more of the first objective is better."""
    return data.directions[0] == "maximize"


def split_of(data: StudyData) -> str:
    """The split that sub-exams are shown on: test has more questions of each than select."""
    return TEST if any(one.scores(TEST) for one in data.finished) else SELECT


def base_of(trial: Trial | None, split: str) -> Scores | None:
    """Scores of the untrained model that a trial started from."""
    return trial.run.result.base.get(split) if trial and trial.run else None


def sub_exam(one: SubExam) -> str:
    """`医师 执业医师 · licensed physician`: some classes are those of two exam types."""
    return f"{short(one)} · {one.key.partition('/')[2].replace('_', ' ')}"


def short(one: SubExam) -> str:
    """The Chinese name alone."""
    return f"{one.exam_type[:2]} {one.exam_class}"


def asked(keys: Sequence[str] | dict[str, float]) -> list[SubExam]:
    """The sub-exams among `keys`, in the benchmark's order."""
    return [one for one in SUB_EXAMS if one.key in keys]


def slug(text: str) -> str:
    """A name of files and anchors."""
    return replaced(r"[^0-9A-Za-z]+", "-", text).strip("-").lower() or "x"


def points(value: float) -> str:
    """A difference with its sign."""
    return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")


def difference(one: Difference) -> str:
    """`+2.1 points (−1.0 to +5.2)`."""
    return f"{points(one.difference)} points ({points(one.low)} to {points(one.high)})"


def titled(text: str) -> str:
    """With a capital, as the first word of a title."""
    return text[:1].upper() + text[1:]


def some(names: Sequence[str]) -> str:
    """The first few of many names."""
    shown = names if len(names) <= NAMED + 1 else [*names[:NAMED], f"{len(names) - NAMED} more"]
    return listed(shown)
