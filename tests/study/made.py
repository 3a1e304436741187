"""A study as csft's workers leave it: trials in every state, with attributes and run folders."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from csft import exam
from csft.cmb import SUB_EXAMS, Question
from csft.result import TrialResult
from csft.study.outcomes import number as as_word
from csft.study.storage import open_storage
from csft.study_config import DIRECTIONS
from csft.track import RunFolder

SPACE = {
    "cutoff": FloatDistribution(128, 2048, log=True),
    "lr": FloatDistribution(1e-5, 1e-2, log=True),
    "epochs": IntDistribution(1, 5),
    "mix": CategoricalDistribution(["full", "exam", "dialogue"]),
}
LOSS = {"records": 100, "dropped": 1, "question": 4, "answer": 9, "marker": 0}
BEGAN = datetime(2026, 1, 2, 3, 4, 5)


def params(number: int) -> dict[str, Any]:
    mixes = ("full", "exam", "dialogue")
    return {
        "cutoff": 128.0 * 2 ** (number % 5),
        "lr": 1e-4 * 1.4**number,
        "epochs": 1 + number % 3,
        "mix": mixes[number % 3],
    }


def storage(folder: Path) -> Any:
    return open_storage(f"sqlite:///{folder}/studies.db", create=True)


def run_folder(path: Path, number: int, right: float) -> RunFolder:
    """A finished trial's folder."""
    folder = RunFolder.open(path)
    folder.write_config({"cutoff": int(params(number)["cutoff"]), "lr": params(number)["lr"]})
    folder.write_manifest({"identity": f"identity-{number}"})
    folder.write_truncation({"cmb": {**LOSS, "tokens_before": 9000, "tokens_after": 9000 - 500 * number}})
    for step in range(1, 31):
        folder.log(step, {"train/epoch": step / 10, "train/loss": 3.0 / step + 0.1 * number})
    scores = {split: _scores(right + shift) for split, shift in (("select", 0.0), ("test", -0.1))}
    base = {split: _scores(0.2) for split in scores}
    made = TrialResult(
        f"identity-{number}", path, scores, base, {}, {}, folder.metrics(), folder.truncation, [], {}, {}
    )
    folder.write_predictions("select", [{"id": 1, "letters": "A"}])
    folder.finish(made.as_dict())
    return folder


@cache
def _scores(right: float) -> exam.Scores:
    """What a sheet earns that has the first `right` tenths of each sub-exam's 10 questions right."""
    options = {"A": "甲", "B": "乙"}
    key = [
        Question(10 * place + index, sub.exam_type, sub.exam_class, "", "单项选择题", "?", options, "A")
        for place, sub in enumerate(SUB_EXAMS)
        for index in range(10)
    ]
    return exam.score(
        {one.id: "A" if one.id % 10 < 10 * right - 1e-6 else "B" for one in key if one.id is not None}, key
    )


def study(
    folder: Path,
    name: str = "paper",
    objectives: tuple[str, ...] = ("score",),
    trials: Sequence[int] = range(12),
) -> optuna.Study:
    """A dozen trials in all states, or some of them: see `TRIALS`."""
    directions = [DIRECTIONS[one] for one in objectives]
    made = optuna.create_study(study_name=name, storage=storage(folder), directions=directions)
    made.set_metric_names(list(objectives))
    made.set_user_attr("csft", {"format": 1, "objectives": list(objectives), "output": str(folder)})
    for number in trials:
        made.add_trial(trial(folder, name, number, len(objectives)))
    return made


# What became of each trial; 5 was taken up again by 8, 9 was killed for good.
TRIALS = (
    "finished", "finished", "finished", "failed", "pruned", "lost",
    "infeasible", "finished", "finished", "killed", "running", "waiting",
)  # fmt: skip
RIGHT = {0: 0.3, 1: 0.4, 2: 0.6, 6: 0.9, 7: 0.5, 8: 0.3}


def trial(folder: Path, name: str, number: int, objectives: int = 1) -> FrozenTrial:
    what, chosen = TRIALS[number], params(number)
    words = [f"{'+' * (key == 'mix')}{key}={as_word(value)}" for key, value in chosen.items()]
    attributes: dict[str, Any] = {
        "overrides": [*words, f"study.name={name}"],
        "worker": {
            "name": f"node1-{100 + number % 2}",
            "host": "node1",
            "pid": 100 + number % 2,
            "lease": "",
        },
    }
    system: dict[str, Any] = {"retry_history": [5], "failed_trial": 5} if number == 8 else {}
    values, reported, began = None, {}, BEGAN + timedelta(minutes=20 * number)
    if number in RIGHT:
        path = folder / name / f"trial-{number}"
        result = run_folder(path, number, RIGHT[number]).result()
        assert result is not None
        total = result["scores"]["select"]["figures"]["total"]
        summary = {
            "cmb/select/total": total["percent"],
            "score_low": total["low"],
            "score_high": total["high"],
        }
        attributes |= {"folders": [str(path)], "summary": summary, "scores": [total["percent"]]}
        attributes |= {"tracker": ["https://wandb.example/runs/7" if number == 7 else str(path / "wandb")]}
        values = [total["percent"], 0.5 + number, 0.1 * number][:objectives]
        reported = {1: total["percent"] - 9, 2: total["percent"] - 4, 3: total["percent"]}
    if what == "infeasible":
        system["constraints:memory_gb"] = 3.5
    if what == "failed":
        told = "The loss is nan at update 7; the last finite loss was 2.5. Lower lr.\n| ``` |"
        attributes["failure"] = {"reason": "diverged", "kind": "DivergedError", "message": told}
    if what == "pruned":
        attributes["pruned"], reported = {"epoch": 1.0, "score": 12.5}, {1: 12.5}
    if what == "running":
        progress = {"run": 1, "runs": 1, "stage": "training", "updates": 12, "of": 40, "seconds_left": 93.0}
        attributes["progress"], reported = progress, {1: 31.25}
    if what == "waiting":
        attributes, system, chosen = {"origin": "the paper's setting"}, {"fixed_params": chosen}, {}
    states = {"pruned": "PRUNED", "running": "RUNNING", "waiting": "WAITING"}
    state = TrialState[states.get(what, "COMPLETE" if values else "FAIL")]
    made = create_trial(
        state=state,
        values=values,
        params=chosen,
        distributions={key: SPACE[key] for key in chosen},
        user_attrs=attributes,
        system_attrs=system,
        intermediate_values=reported,
    )
    made.datetime_start = None if what == "waiting" else began
    made.datetime_complete = began + timedelta(minutes=15) if state.is_finished() else None
    return made
