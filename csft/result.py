"""What a trial gives back, and how it is kept in the run folder."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from csft.chat import Figures
from csft.cmb import SUB_EXAMS
from csft.exam import Figure, Scores
from csft.track import RunFolder, SubExamRow, exam_summary

ALL = "all"  # datasets of dialogues, together
OBJECTIVE_SPLIT = "select"  # held out of CMB-train; the test split is scored, never optimised


# Stages whose work is kept for later trials on the same data and base: no trial's own cost.
SHARED = ("data", "base exam", "base chat")


@dataclass(frozen=True)
class Rung:
    """The exam on `select` after `update` updates of training, `epoch` epochs; it took `seconds`."""

    update: int
    epoch: float
    seconds: float
    scores: Scores


@dataclass(frozen=True)
class TrialResult:
    """Scores by split (percent), training curves, what was drawn and what the cut-off took."""

    identity: str
    folder: Path
    scores: dict[str, Scores]
    base: dict[str, Scores]  # the untrained model on the same questions
    chat: dict[str, Figures]  # by dataset of dialogues, and `all` of them; empty where none are held out
    base_chat: dict[str, Figures]
    curves: list[dict[str, Any]]
    truncation: dict[str, Any]
    drawn: list[dict[str, Any]]
    training: dict[str, Any]  # a FitResult's fields; `shared_from` is a trial's name, the others numbers
    # By stage. `earlier`: what attempts before this one trained and examined; `shared`: what another trial
    # did, from whose training this one branched.
    seconds: dict[str, float]
    rungs: list[Rung] = field(default_factory=list)
    memory_gb: float | None = None  # the most it held, in 10⁹ bytes; None in results of before it was kept
    processes: int = 1
    reused: bool = False

    @property
    def objective(self) -> float | None:
        """Micro total on the held-out split in percent; None where nothing could be held out."""
        scores = self.scores.get(OBJECTIVE_SPLIT)
        return scores.total if scores else None

    @property
    def hours(self) -> float:
        """Hours of the trial times its processes, without what is kept for later trials."""
        own = sum(spent for stage, spent in self.seconds.items() if stage not in SHARED)
        return self.processes * own / 3600

    def as_dict(self) -> dict[str, Any]:
        """Give what result.json holds, with the flat summary and sub-exam rows that trackers show."""
        return {
            "identity": self.identity,
            "objective": self.objective,
            "scores": {split: asdict(scores) for split, scores in self.scores.items()},
            "base": {split: asdict(scores) for split, scores in self.base.items()},
            "chat": {part: asdict(figures) for part, figures in self.chat.items()},
            "base_chat": {part: asdict(figures) for part, figures in self.base_chat.items()},
            "drawn": self.drawn,
            "training": self.training,
            "seconds": self.seconds,
            "rungs": [asdict(rung) for rung in self.rungs],
            "memory_gb": self.memory_gb,
            "processes": self.processes,
            "summary": self.summary(),
            "sub_exams": self.sub_exam_rows(),
        }

    def summary(self) -> dict[str, float]:
        """Name every figure as trackers show it: `cmb/test/physician/licensed_physician` and so on.

        A second objective is found here by its name, `summary()["chat/loss"]` for instance, the lower the
        better; names that begin with `chat/` are missing where no dialogue could be held out.
        """
        flat: dict[str, float] = {}
        for prefix, group in (("", self.scores), ("base/", self.base)):
            for split, scores in group.items():
                total = scores.figures["total"]
                totals = {"total": scores.total, "low": total.low, "high": total.high}
                totals |= {"macro": scores.macro, "unparsed": scores.unparsed}
                named = exam_summary(
                    split, totals, scores.by_exam_type, scores.by_sub_exam if not prefix else {}
                )
                flat |= {prefix + key: value for key, value in named.items()}
        flat |= self._chat_summary()
        flat["hours"] = self.hours
        if self.memory_gb is not None:
            flat["memory_gb"] = self.memory_gb
        flat |= {f"train/{key}": v for key, v in self.training.items() if not isinstance(v, str)}
        for one in self.drawn:
            flat |= {f"mix/{one['dataset']}/{key}": one[key] for key in ("records", "tokens", "share")}
        for name, cost in self.truncation.items():
            flat |= {f"truncation/{name}/{key}": value for key, value in cost.items()}
        if self.objective is not None:
            flat["objective"] = self.objective
        return flat

    def _chat_summary(self) -> dict[str, float]:
        """`chat/loss` of all dialogues, `chat/discmed/loss` of one dataset's, `base/chat/loss` before."""
        flat: dict[str, float] = {}
        for prefix, group in (("", self.chat), ("base/", self.base_chat)):
            for part, figures in group.items():
                of = "" if part == ALL else f"{part}/"
                flat |= {f"{prefix}chat/{of}{name}": value for name, value in asdict(figures).items()}
        for part in self.chat.keys() & self.base_chat.keys():
            change = self.chat[part].loss - self.base_chat[part].loss
            flat["chat/loss_change" if part == ALL else f"chat/{part}/loss_change"] = change
        return flat

    def sub_exam_rows(self) -> list[SubExamRow]:
        """Give one row per split and sub-exam, in the benchmark's order."""
        return [
            _row(split, key, chinese, scores, self.base.get(split))
            for split, scores in self.scores.items()
            for key, chinese in ((sub.key, sub.exam_class) for sub in SUB_EXAMS)
            if key in scores.by_sub_exam
        ]


def from_folder(folder: RunFolder) -> TrialResult:
    """Read a finished trial back."""
    stored = folder.result()
    assert stored is not None, "only finished folders are read back"
    return TrialResult(
        identity=stored["identity"],
        folder=folder.path,
        scores=_scores(stored["scores"]),
        base=_scores(stored["base"]),
        chat=_figures(stored.get("chat", {})),
        base_chat=_figures(stored.get("base_chat", {})),
        curves=folder.metrics(),
        truncation=folder.truncation,
        drawn=stored["drawn"],
        training=stored["training"],
        seconds=stored["seconds"],
        rungs=[rung_from(one) for one in stored.get("rungs", ())],
        memory_gb=stored.get("memory_gb"),
        processes=stored.get("processes", 1),
        reused=True,
    )


def rung_from(stored: Mapping[str, Any]) -> Rung:
    """An exam during training, as JSON holds it."""
    return Rung(**{**stored, "scores": _score(stored["scores"])})


def predictions(
    questions: Sequence[Any], answers: Sequence[Any], base: Mapping[int, str] | None = None
) -> list[dict[str, Any]]:
    """Give one plain row per question: what was asked, what was right, what was said.

    `base` has the untrained model's letters by id, which stand beside those of the tuned one.
    """
    return [
        {
            "id": question.id,
            "sub_exam": question.sub_exam.key,
            "key": question.answer,
            "letters": answer.letters,
            **({"base": base[question.id]} if base is not None else {}),
            "correct": answer.correct,
            "logprobs": {letter: round(value, 5) for letter, value in answer.logprobs.items()},
            "text": answer.text,
        }
        for question, answer in zip(questions, answers, strict=True)
    ]


def _row(split: str, key: str, chinese: str, scores: Scores, base: Scores | None) -> SubExamRow:
    figure = scores.figures[key]
    return SubExamRow(
        split=split,
        key=key,
        chinese=chinese,
        n=figure.n,
        score=figure.percent,
        low=figure.low,
        high=figure.high,
        base=base.by_sub_exam.get(key) if base else None,
    )


def _figures(stored: Mapping[str, Any]) -> dict[str, Figures]:
    return {part: Figures(**values) for part, values in stored.items()}


def _scores(stored: Mapping[str, Any]) -> dict[str, Scores]:
    return {split: _score(values) for split, values in stored.items()}


def _score(values: Mapping[str, Any]) -> Scores:
    figures = {key: Figure(**figure) for key, figure in values["figures"].items()}
    return Scores(**{**values, "figures": figures})
