"""A worker of a study with trials of some hundredths of a second: `counting_worker.py URL NAME FOLDER`."""

import random
import sys
import time
from pathlib import Path

import optuna

from csft.study import budget
from csft.study.attributes import SPENT, TOTAL
from csft.study.counted import CountedStudy, NoMoreTrialsError
from csft.study.lease import living
from csft.study.storage import open_storage
from csft.study_config import Budget

RETRIES = 1000


def make(url: str, name: str, total: int) -> optuna.Study:
    study = optuna.create_study(
        storage=open_storage(url, 1, create=True), study_name=name, load_if_exists=True
    )
    study.set_user_attr(TOTAL, total)
    return study


def objective(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", -1, 1)
    for step in range(4):
        trial.report(x, step)
        time.sleep(random.random() / 50)
    trial.set_user_attr(SPENT, {"hours": 0.0, "epochs": 1.0})
    return x**2


def main(url: str, name: str, folder: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = open_storage(url, 60)
    with living(Path(folder), "test") as lease:
        study = CountedStudy(storage, name, RETRIES, budget.enough(Budget()), lease)
        try:
            study.optimize(objective)
        except NoMoreTrialsError as enough:
            print(enough)


if __name__ == "__main__":
    main(*sys.argv[1:])
