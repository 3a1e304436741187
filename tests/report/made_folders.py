"""A study on disk as workers leave it: a database and run folders whose answers follow a known truth."""

import json
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from csft import chat, exam
from csft.cmb import SUB_EXAMS, Question
from csft.config import Config, Mix, Model, Tune
from csft.data.truncation import Truncation
from csft.result import Rung, TrialResult
from csft.study.storage import open_storage
from csft.track import RunFolder

SPACE = {
    "+mix": CategoricalDistribution(["full", "exam"]),
    "cutoff": IntDistribution(46, 2048, log=True),
    "epochs": IntDistribution(1, 3),
    "lr": FloatDistribution(1e-4, 1e-2, log=True),
}
CUTOFFS, OPTIONS = (64, 256, 1024), {"A": "甲", "B": "乙", "C": "丙", "D": "丁"}
BEGAN = datetime(2026, 1, 2, 3, 4, 5)
# What ends otherwise, by number from the end of the study.
OTHERWISE = {-1: "failed", -2: "pruned", -3: "infeasible", -4: "killed"}


def questions(split: str, per_sub_exam: int) -> list[Question]:
    """As many questions of every sub-exam, numbered from 1."""
    asked, first = [], 1 if split == "test" else 100_001
    for place, sub in enumerate(SUB_EXAMS):
        for index in range(per_sub_exam):
            number = first + place * per_sub_exam + index
            answer = "ABCD"[number % 4]
            asked.append(
                Question(number, sub.exam_type, sub.exam_class, "", "单项选择题", "?", OPTIONS, answer)
            )
    return asked


def params(number: int) -> dict[str, Any]:
    """Settings of a grid, the rate drawn out along an interval."""
    return {
        "+mix": ("full", "exam")[number % 2],
        "cutoff": CUTOFFS[number // 2 % 3],
        "epochs": 1 + number // 6 % 3,
        "lr": float(10 ** (-4 + 2 * ((number * 0.618034) % 1))),
    }


def skill(chosen: dict[str, Any]) -> float:
    """The truth: long cut-offs, more epochs and the full mix help, a rate near 1e-3 is best."""
    rate = math.log10(chosen["lr"]) + 3
    help_of_cutoff = {64: -0.12, 256: 0.0, 1024: 0.06}[chosen["cutoff"]]
    return (
        0.45
        + help_of_cutoff
        + 0.05 * (chosen["epochs"] - 2)
        + 0.05 * (chosen["+mix"] == "full")
        - 0.1 * rate**2
    )


class Made:
    """Writes trials one by one; `select` and `test` are questions per sub-exam."""

    def __init__(self, output: Path, name: str, select: int, test: int) -> None:
        self.output, self.name = output, name
        self.asked = {"select": questions("select", select), "test": questions("test", test)}
        noise = np.random.default_rng(7)
        # How hard each question is, the same for every model: what makes comparing by pairs worth while.
        self.hard = {split: noise.normal(0, 0.25, len(asked)) for split, asked in self.asked.items()}
        self.base = {split: self.letters(split, 0.2, 999) for split in self.asked}
        self.base_scores = {split: self.score(split, self.base[split]) for split in self.asked}

    def letters(self, split: str, skill: float, seed: int) -> list[str]:
        """A sheet that has about the share `skill` right."""
        noise = np.random.default_rng([seed, len(split)])
        asked = self.asked[split]
        right = noise.normal(0, 0.25, len(asked)) + self.hard[split] < 0.7 * (skill - 0.5)
        return [
            q.answer if ok else "ABCD"[("ABCD".index(q.answer) + 1) % 4]
            for q, ok in zip(asked, right, strict=True)
        ]

    def score(self, split: str, letters: Sequence[str]) -> exam.Scores:
        asked = self.asked[split]
        return exam.score({q.id: one for q, one in zip(asked, letters, strict=True) if q.id}, asked)

    def folder(
        self, number: int, chosen: dict[str, Any], settings: dict[str, Any] | None = None
    ) -> TrialResult:
        """A finished run folder."""
        path = self.output / self.name / f"trial-{number}"
        folder, manifest = RunFolder.open(path), self.manifest(number)
        manifest["parts"]["settings"]["exam"] |= (settings or {}).get("exam", {})
        folder.write_config(self.config(chosen))
        folder.write_manifest(manifest)
        cutoff = chosen["cutoff"]
        cost = {
            name: Truncation(
                records=100, question=length > 2 * cutoff, answer=min(100, 6 * length // cutoff),
                statement=min(100, 3 * length // cutoff), tokens_before=100 * length,
                tokens_after=100 * min(length, cutoff), trained_before=40 * length,
                trained_after=40 * min(length, cutoff),
            ).as_dict()
            for name, length in {"cmb": 120, "discmed": 700}.items()
        }  # fmt: skip
        folder.write_truncation(cost)
        reached, updates = skill(chosen), 10 * chosen["epochs"]
        for step in range(1, updates + 1):
            loss = 3.0 / (1 + 0.3 * step) + 0.2 * (1 - reached)
            folder.log(step, {"train/epoch": step / 10, "train/loss": loss, "train/lr": chosen["lr"]})
        letters = {split: self.letters(split, reached, number) for split in self.asked}
        for split, asked in self.asked.items():
            folder.write_predictions(split, self.rows(split, asked, letters[split]))
        loss = 0.9 - 0.4 * reached * (chosen["+mix"] == "full")
        talk = {"all": chat.Figures(loss, 500, 10, 8, 20.0, 25.0, 0.1, 0.2, 0.6)}
        scores = {split: self.score(split, letters[split]) for split in self.asked}
        result = TrialResult(
            f"identity-{number}", path, scores, self.base_scores,
            talk, {"all": chat.Figures(0.8, 500, 10, 8, 20.0, 25.0, 0.1, 0.1, 0.6)},
            folder.metrics(), folder.truncation,
            [{"dataset": name, "pool": 100, "records": 100, "tokens": 9000, "share": 0.5} for name in cost],
            {"updates": updates, "tokens": 9000, "seconds": 60.0, "tokens_per_s": 150.0,
             "first_loss": 3.0, "last_loss": 0.3},
            {"training": 60.0 * chosen["epochs"], "exam": 20.0, "base exam": 9.0},
            rungs=[Rung(10, 1.0, 2.0, scores["select"])], memory_gb=1.5,
        )  # fmt: skip
        folder.finish(result.as_dict())
        return result

    def rows(self, split: str, asked: Sequence[Question], letters: Sequence[str]) -> list[dict[str, Any]]:
        return [
            {
                "id": q.id, "sub_exam": q.sub_exam.key if q.sub_exam else "", "key": q.answer,
                "letters": said, "base": base, "correct": said == q.answer,
                "logprobs": {"A": -1.38629, "B": -1.38629, "C": -1.38629, "D": -1.38629}, "text": "",
            }
            for q, said, base in zip(asked, letters, self.base[split], strict=True)
        ]  # fmt: skip

    def manifest(self, number: int) -> dict[str, Any]:
        return {
            "identity": f"identity-{number}",
            "parts": {
                "settings": {"exam": {"protocol": "logits", "prompt": "cmb", "shots": 0}},
                "data": {"cmb": "c0ffee", "discmed": "decade"},
                "exams": {split: f"hash of {split}" for split in self.asked},
                "held_out": "dia10gues", "model": "ba5e", "code": "c0de",
                "libraries": {"torch": "2.13.0", "transformers": "5.23.0"},
            },
            "environment": {"csft": "0.1.0", "python": "3.11", "cpu": "a processor", "gpus": [],
                            "packages": {}},
            "device": "cpu",
            "questions": {split: len(asked) for split, asked in self.asked.items()},
        }  # fmt: skip

    @staticmethod
    def config(chosen: dict[str, Any]) -> dict[str, Any]:
        import dataclasses

        mix = Mix(name=chosen["+mix"], datasets={"cmb": 1.0, "discmed": 1.0})
        return dataclasses.asdict(
            Config(cutoff=chosen["cutoff"], epochs=chosen["epochs"], lr=chosen["lr"], mix=mix,
                   model=Model(path="sample"), tune=Tune())
        )  # fmt: skip


def study(
    output: Path,
    name: str = "made",
    trials: int = 16,
    *,
    select: int = 2,
    test: int = 4,
    otherwise: bool = True,
) -> optuna.Study:
    """A study of so many trials; with `otherwise`, the last four ended otherwise than finished."""
    storage = open_storage(f"sqlite:///{output.absolute()}/studies.db", create=True)
    made = optuna.create_study(study_name=name, storage=storage, direction="maximize")
    made.set_metric_names(["score"])
    made.set_user_attr("csft", {
        "format": 1, "objectives": ["score"], "seeds": 1, "output": str(output), "code": "c0de",
        "settings": {"tune.method": "full", "seed": 42}, "libraries": {"torch": "2.13.0"}, "inputs": {},
        "space": {}, "command": f"python -m csft.run -m study.name={name}",
    })  # fmt: skip
    writer = Made(output, name, select, test)
    made.add_trials([_trial(writer, number, trials, otherwise) for number in range(trials)])
    return made


def _trial(writer: Made, number: int, trials: int, otherwise: bool) -> optuna.trial.FrozenTrial:
    chosen, state = params(number), OTHERWISE.get(number - trials, "finished") if otherwise else "finished"
    words = [f"{key}={value}" for key, value in chosen.items()]
    attributes: dict[str, Any] = {
        "overrides": [f"study.name={writer.name}", *words],
        "worker": {"name": "w", "host": "h", "pid": 1, "lease": ""},
        "spent": {"hours": 0.02, "epochs": float(chosen["epochs"])},
    }
    system: dict[str, Any] = {}
    values, reported = None, {}
    if number == 0:
        attributes["origin"] = "the paper's setting"
    if state in ("finished", "infeasible"):
        result = writer.folder(number, chosen)
        summary = {key: value for key, value in result.summary().items() if key.count("/") <= 2}
        total = result.scores["select"].figures["total"]
        attributes |= {
            "folders": [str(result.folder)], "scores": [result.objective], "reused": False, "tracker": [],
            "summary": {**summary, "score_low": total.low, "score_high": total.high,
                        "epochs": chosen["epochs"]},
        }  # fmt: skip
        values, reported = [result.objective], {1: total.percent - 3, 2: total.percent}
    elif state == "pruned":
        attributes["pruned"] = {"epoch": 1.0, "score": 21.0}
        reported = {1: 21.0}
    elif state == "failed":
        attributes["failure"] = {
            "reason": "diverged",
            "kind": "DivergedError",
            "message": "The loss is nan. <b>",
        }
    if state == "infeasible":
        system["constraints:memory_gb"] = 0.5
    made = create_trial(
        state=TrialState[{"pruned": "PRUNED", "failed": "FAIL", "killed": "FAIL"}.get(state, "COMPLETE")],
        values=values, params=chosen, distributions=SPACE, user_attrs=attributes, system_attrs=system,
        intermediate_values=reported,
    )  # fmt: skip
    made.number = number
    made.datetime_start = BEGAN + timedelta(minutes=number)
    made.datetime_complete = made.datetime_start + timedelta(minutes=1)
    return made


def tear(path: Path) -> None:
    """Change one figure of a finished folder, as a disk or a hand may."""
    stored = json.loads((path / "truncation.json").read_text(encoding="utf-8"))
    stored["cmb"]["records"] += 1
    (path / "truncation.json").write_text(json.dumps(stored), encoding="utf-8")
