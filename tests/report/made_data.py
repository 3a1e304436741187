"""A study with a known truth: settings add points to a score, and marks are drawn from it.

Which questions are hard is the same for all models, so that marks of two models go together as real ones do.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from csft import exam
from csft.chat import Figures
from csft.cmb import MULTIPLE, SINGLE, SUB_EXAMS, Question
from csft.exam import Figure, Scores
from csft.report.study_data import SELECT, TEST, LeftOut, Marks, Run, StudyData, Trial
from csft.result import Rung, TrialResult
from csft.study_config import DIRECTIONS

CUTOFFS, EPOCHS, MIXES = (256, 512, 1024), (1, 2, 3), ("paper", "exam")
LR = (5e-6, 1e-4)
PAPER = {"cutoff": 1024, "epochs": 3, "lr": 2e-5, "mix": "paper"}
ORIGIN = "the paper's setting"
LEVEL, BASE_LEVEL = 50.0, 30.0  # percent of a setting without effects, and of the untrained model
TRUTH: dict[str, Mapping[Any, float] | float] = {
    "cutoff": {256: 6.0, 512: 3.0, 1024: 0.0},
    "epochs": {1: 0.0, 2: 4.0, 3: 8.0},
    "lr": -8.0,  # times the squared distance from 2e-5 in decades
    "mix": {"paper": 5.0, "exam": 0.0},
}
"""Points that each value adds."""
STATES = {7: "pruned", 9: "failed", 10: "infeasible", 11: "killed"}  # by number modulo 12
WHY = {
    "pruned": "given up at epoch 1 with 41.2",
    "failed": "diverged: The loss is nan at update 7; the last finite loss was 2.5. Lower lr.",
    "infeasible": "beyond memory_gb",
    "killed": "its worker died",
}
LENGTHS = {
    "medmcqa": 190, "headqa": 110, "cmedqa2": 120, "cmeddialogue": 160, "webmedqa": 140, "medicaldialog": 420,
    "cmid": 90, "nlpec": 260, "cmb": 120, "mlecqa": 130, "discmed": 640,
}  # fmt: skip
"""Mean length of a record in tokens; of the others 216, which is the mean over all datasets of mix=paper."""
EXAM = ("medmcqa", "headqa", "nlpec", "cmb", "mlecqa", "medqajin")  # the datasets of mix=exam
ALIKE = 0.6  # of the variation of marks is the questions'
EXACT = 60  # studies up to so many trials are scored by csft.exam, larger ones in a faster way


def made(
    trials: int = 24,
    questions: int = 560,
    effects: Mapping[str, Mapping[Any, float] | float] | None = None,
    seed: int = 0,
    *,
    states: bool = True,
    seeds: int = 1,
    objectives: tuple[str, ...] = ("score",),
    noise: float = 0.0,
    chat: float | None = 0.3,
    settings: Sequence[Mapping[str, Any]] | None = None,
    level: float = LEVEL,
    exact: bool = True,
) -> StudyData:
    """A study whose scores follow `effects` (TRUTH unless given).

    `questions` are asked on test and half as many on select; both are rounded to equal sub-exams. `noise` is
    the standard deviation in points of what a setting and a seed add besides; `chat` what tuning adds to the
    loss on dialogues, None where none are held out. `settings` are used instead of drawn ones; the paper's
    comes first otherwise. `states=False`: all trials finish. `exact=False` scores faster, without exam types.
    """
    random = np.random.default_rng(seed)
    truth = TRUTH if effects is None else effects
    chosen = list(settings) if settings is not None else _settings(trials, random)
    state = [STATES.get(number % 12, "finished") if states else "finished" for number in range(len(chosen))]
    finished = [number for number, one in enumerate(state) if one in ("finished", "infeasible")]
    keys = {split: _key(split, count) for split, count in ((SELECT, questions // 2), (TEST, questions))}
    models = [(number, place) for number in finished for place in range(seeds)]
    level_M = np.array([BASE_LEVEL, *(_level(chosen[number], truth, level) for number, _ in models)])
    level_M[1:] += random.normal(0, noise, len(models)) if noise else 0
    marks = {split: _marks(split, key, level_M, models, random) for split, key in keys.items()}
    quick = not exact or len(models) > EXACT
    scores = {
        split: [_scores(keys[split], row, quick) for row in one.right_MQ] for split, one in marks.items()
    }
    worse = [None if chat is None else chat + float(random.normal(0, 0.05)) for _ in models]
    made_trials = []
    for number, params in enumerate(chosen):
        runs = tuple(
            _run(
                number,
                params,
                place,
                {split: (of[row], of[0]) for split, of in scores.items()},
                worse[row - 1],
            )
            for row, (of_trial, place) in enumerate(models, start=1)
            if of_trial == number
        )
        made_trials.append(_trial(number, params, state[number], runs, objectives))
    return StudyData(
        name="made",
        storage="sqlite:///made.db",
        objectives=objectives,
        directions=tuple(DIRECTIONS[one] for one in objectives),
        record=_record(objectives, seeds),
        trials=tuple(made_trials),
        best=_best(made_trials),
        marks=marks,
        left_out=(LeftOut(3, "made/trial-3b", "result.json is damaged"),) if states else (),
        attributes={"search": {"sampler": "tpe", "pruner": "median"}, "total": len(chosen)},
        scales={"cutoff": "log", "epochs": "linear", "lr": "log", "mix": "category"},
    )


def _settings(trials: int, random: np.random.Generator) -> list[dict[str, Any]]:
    drawn = [
        {
            "cutoff": int(random.choice(CUTOFFS)),
            "epochs": int(random.choice(EPOCHS)),
            "lr": float(f"{math.exp(random.uniform(math.log(LR[0]), math.log(LR[1]))):.4g}"),
            "mix": str(random.choice(MIXES)),
        }
        for _ in range(trials - 1)
    ]
    return [dict(PAPER), *drawn][:trials]


def _level(
    params: Mapping[str, Any], truth: Mapping[str, Mapping[Any, float] | float], level: float
) -> float:
    for name, points in truth.items():
        if name not in params:
            continue
        if isinstance(points, Mapping):
            level += points[params[name]]
        else:
            level += points * math.log10(params[name] / PAPER["lr"]) ** 2
    return level


def _key(split: str, count: int) -> list[Question]:
    each, texts = max(1, count // len(SUB_EXAMS)), {letter: letter * 2 for letter in "ABCDE"}
    return [
        Question(
            number + 1, sub.exam_type, sub.exam_class, "内科", MULTIPLE if number % 9 == 0 else SINGLE,
            f"{split} {number}?", texts, "BD" if number % 9 == 0 else "ABCDE"[number % 5],
        )
        for number, sub in enumerate(SUB_EXAMS * each)
    ]  # fmt: skip


def _marks(
    split: str,
    key: Sequence[Question],
    level_M: "NDArray[np.float64]",
    models: Sequence[tuple[int, int]],
    random: np.random.Generator,
) -> Marks:
    """Model 0 is the base."""
    count = len(key)
    hard_Q = random.standard_normal(count)
    own_MQ = random.standard_normal((len(level_M), count), dtype=np.float32)
    reach_M = norm.ppf(np.clip(level_M, 1, 99) / 100)
    right_MQ = math.sqrt(ALIKE) * hard_Q + math.sqrt(1 - ALIKE) * own_MQ < reach_M[:, None]
    return Marks(
        split=split,
        ids_Q=np.arange(1, count + 1, dtype=np.int64),
        sub_exam_Q=(np.arange(count) % len(SUB_EXAMS)).astype(np.int16),
        right_MQ=right_MQ,
        rows={model: row for row, model in enumerate(models, start=1)},
        base_rows=dict.fromkeys(models, 0),
    )


def _scores(key: Sequence[Question], right_Q: "NDArray[np.bool_]", quick: bool) -> Scores:
    if not quick:
        sheet = {one.id or 0: one.answer if right else "" for one, right in zip(key, right_Q, strict=True)}
        return exam.score(sheet, key)
    shares = {sub.key: right_Q[place :: len(SUB_EXAMS)] for place, sub in enumerate(SUB_EXAMS)}
    figures = {name: _figure(part) for name, part in {"total": right_Q, **shares}.items()}
    percent = {name: one.percent for name, one in figures.items()}
    total = percent.pop("total")
    return Scores(
        n=len(key), unparsed=0, unparsed_by_exam_type={}, total=total, macro=total, macro_exam_types=total,
        single=None, multiple=None, by_exam_type={}, by_sub_exam=percent, category_means={}, figures=figures,
        intervals={}, always={}, best_letter="D", best_letter_percent=19.6, random_percent=None,
    )  # fmt: skip


def _figure(right_Q: "NDArray[np.bool_]") -> Figure:
    n, z = right_Q.size, float(norm.ppf(0.975))
    share = float(right_Q.mean())
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Figure(100 * share, int(right_Q.sum()), n, 100 * (middle - half), 100 * (middle + half))


def _run(
    number: int,
    params: Mapping[str, Any],
    place: int,
    scores: Mapping[str, tuple[Scores, Scores]],
    chat: float | None,
) -> Run:
    folder = Path(f"made/trial-{number}-s{42 + place}")
    settings = _config(params, 42 + place)
    drawn = _drawn(params, settings["mix"]["datasets"])
    talks = {} if chat is None else {"all": _talk(2.0 + chat), "discmed": _talk(1.8 + chat)}
    before = {} if chat is None else {"all": _talk(2.0), "discmed": _talk(1.8)}
    own = {split: mine for split, (mine, _) in scores.items()}
    result = TrialResult(
        identity=f"{number:032x}{place:032x}",
        folder=folder,
        scores=own,
        base={split: base for split, (_, base) in scores.items()},
        chat=talks,
        base_chat=before,
        curves=_curves(params, number, own[SELECT].total),
        truncation=_truncation(settings["cutoff"], drawn),
        drawn=drawn,
        training={"updates": 30.0, "tokens": 90_000.0, "trained_tokens": 30_000.0, "last_loss": 0.4},
        seconds={"load": 3.0, "training": 300.0 * settings["epochs"], "exam": 60.0, "chat": 10.0},
        rungs=[Rung(10 * step, float(step), 20.0, own[SELECT]) for step in range(1, int(settings["epochs"]))],
        memory_gb=20.0 + settings["cutoff"] / 100,
        reused=True,
    )
    manifest = {
        "identity": result.identity,
        "parts": {
            "data": {name: f"{name:0<64}" for name in LENGTHS},
            "exams": {split: f"{split:0<64}" for split in scores},
            "held_out": "d" * 64,
            "model": "m" * 64,
            "code": "c" * 64,
            "libraries": {"torch": "2.13.0", "transformers": "5.23.0"},
        },
        "environment": {"csft": "0.1.0", "python": "3.11.7", "git": {"commit": "0" * 40, "dirty": False}},
        "device": "cpu",
        "processes": 1,
        "questions": {split: one.n for split, one in own.items()},
        "exam": {"tuned": {"protocol": "logits", "prompt": "cmb", "shots": 0}},
        "started": "2026-01-02T03:04:05+0000",
    }
    return Run(folder, settings, manifest, result)


def _config(params: Mapping[str, Any], seed: int) -> dict[str, Any]:
    mix = params.get("mix", "paper")
    datasets = dict.fromkeys(EXAM if mix == "exam" else (*LENGTHS, "medqajin"), 1.0)
    datasets |= {
        key.removeprefix("mix.datasets."): value
        for key, value in params.items()
        if key.startswith("mix.datasets.")
    }
    return {
        "cutoff": params.get("cutoff", 1024),
        "cutoff_policy": "llamafactory",
        "epochs": float(params.get("epochs", 3)),
        "lr": params.get("lr", 2e-5),
        "seed": seed,
        "site": {"name": "h100"},
        "model": {"name": "internlm2_5_7b", "path": "internlm/internlm2_5-7b"},
        "tune": {"method": "full"},
        "mix": {"name": mix, "datasets": datasets, "temperature": 1.0},
        "train": {"batch": 32, "schedule": "cosine", "warmup": 0.05},
    }


def _drawn(params: Mapping[str, Any], weights: Mapping[str, float]) -> list[dict[str, Any]]:
    tokens = {name: int(1000 * weight) * LENGTHS.get(name, 216) for name, weight in weights.items()}
    whole = sum(tokens.values())
    return [
        {
            "dataset": name,
            "pool": 1000,
            "records": int(1000 * weights[name]),
            "tokens": count,
            "share": count / whole,
        }
        for name, count in tokens.items()
    ]


def _truncation(cutoff: int, drawn: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found = {}
    for one in drawn:
        length, records = LENGTHS.get(one["dataset"], 216), one["records"]
        over = math.exp(-cutoff / length)  # of lengths that are spread exponentially
        cut = int(records * over)
        found[one["dataset"]] = {
            "records": records, "dropped": 0, "untrained": 0, "turns": cut // 3, "system": 0,
            "question": cut // 2, "options": cut // 3, "marker": cut // 5, "answer": cut,
            "statement": cut // 2, "conclusion": cut,
            "tokens_before": records * length, "tokens_after": int(records * length * (1 - over)),
            "trained_before": records * length // 2,
            "trained_after": int(records * length * (1 - over)) // 2,
        }  # fmt: skip
    return found


def _talk(loss: float) -> Figures:
    return Figures(
        loss=loss, tokens=2072, dialogues=18, answers=16, length=20.0, length_reference=31.0,
        repetition=0.02, unfinished=0.1, distinct=0.6,
    )  # fmt: skip


def _curves(params: Mapping[str, Any], number: int, score: float) -> list[dict[str, Any]]:
    epochs = int(params.get("epochs", 3))
    rows: list[dict[str, Any]] = []
    for step in range(1, 10 * epochs + 1):
        rows.append({"step": step, "train/epoch": step / 10, "train/loss": 3 / step + 0.01 * number})
        if step % 10 == 0 and step < 10 * epochs:
            here = score - (epochs - step / 10) * 3
            rows.append(
                {
                    "step": step,
                    "cmb/select/total": here,
                    "cmb/select/low": here - 3,
                    "cmb/select/high": here + 3,
                }
            )
    return rows


def _trial(
    number: int,
    params: Mapping[str, Any],
    state: str,
    runs: tuple[Run, ...],
    objectives: Sequence[str],
) -> Trial:
    values = tuple(_mean_value(name, runs) for name in objectives) if runs else ()
    words = [f"{'+' if name == 'mix' else ''}{name}={value}" for name, value in params.items()]
    return Trial(
        number=number,
        state=state,
        why=WHY.get(state, ""),
        setting=" ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in params.items()),
        params=dict(params),
        command=f"python -m csft.run {' '.join(words)}",
        values=values,
        score=values[0] if values else (41.2 if state == "pruned" else None),
        reported={1: 41.2} if state == "pruned" else {},
        hours=0.1 * float(params.get("epochs", 3)),
        epochs={"pruned": 1.0, "failed": 0.3, "killed": 0.5}.get(state, float(params.get("epochs", 3))),
        curves=runs[0].result.curves if runs else _curves(params, number, 45.0)[:10],
        runs=runs,
        origin=ORIGIN if dict(params) == PAPER else "",
    )


def _mean_value(name: str, runs: Sequence[Run]) -> float:
    of = {
        "score": lambda one: one.objective,
        "chat_loss": lambda one: one.chat["all"].loss if one.chat else 0.0,
        "gpu_hours": lambda one: one.hours,
    }
    return float(np.mean([of[name](run.result) for run in runs]))


def _best(trials: Sequence[Trial]) -> tuple[int, ...]:
    """One objective: the winner; several: the front, best score first. All but the score are minimised."""
    able = sorted((one for one in trials if one.eligible), key=lambda one: (-one.values[0], one.number))
    if able and len(able[0].values) == 1:
        return (able[0].number,)
    goods = {one.number: (one.values[0], *(-value for value in one.values[1:])) for one in able}
    return tuple(
        number
        for number, mine in goods.items()
        if not any(
            other != mine and all(o >= m for o, m in zip(other, mine, strict=True))
            for other in goods.values()
        )
    )


def _record(objectives: Sequence[str], seeds: int) -> dict[str, Any]:
    return {
        "format": 1,
        "space": {
            "mix": {"words": ["+mix"], "choices": list(MIXES)},
            "cutoff": {"words": ["cutoff"], "numbers": list(CUTOFFS), "log": True},
            "epochs": {"words": ["epochs"], "numbers": list(EPOCHS), "log": False},
            "lr": {"words": ["lr"], "interval": list(LR), "log": True, "whole": False},
        },
        "objectives": list(objectives),
        "seeds": seeds,
        "settings": {"tune.method": "full", "train.batch": 32, "site.name": "h100"},
        "code": "c" * 64,
        "libraries": {"torch": "2.13.0", "transformers": "5.23.0"},
        "output": "made",
        "inputs": {f"data of {name}": "d" * 64 for name in LENGTHS}
        | {f"exam split {split}": "e" * 64 for split in (SELECT, TEST)}
        | {"held-out dialogues": "h" * 64, "model": "m" * 64},
        "command": "python -m csft.run -m +mix=paper,exam cutoff=256,512,1024 epochs=1,2,3 "
        "'lr=tag(log,interval(5e-6,1e-4))' study.name=made",
    }
