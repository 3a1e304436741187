"""What cannot be a study is told before a trial starts, with what was given and what is allowed."""

import sys

import optuna
import pytest

from csft.run import main
from csft.study.storage import open_storage


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Run `-m` with words in this process; gives the message. No trial may have started."""

    def one(*words: str) -> str:
        argv = ["csft", "-m", f"output={tmp_path}", "tracker=none", *words]
        monkeypatch.setattr(sys, "argv", argv)
        monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)  # an earlier command of this process set it
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        assert not list(tmp_path.glob("*/*/manifest.json"))
        return capsys.readouterr().err

    return one


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["+mix=full", "cutof=64,128"], "cutof"),
        (["+mix=full", "cutoff=interval(512,128)"], "cutoff=interval(512,128)"),
        (["+mix=full", "cutoff=interval(128,128)"], "cutoff=interval(128,128)"),
        (["+mix=full", "cutoff=range(5,5)"], "cutoff="),
        (["+mix=full", "lr=tag(log,interval(0,1))"], "lr="),
        (["+mix=full", "cutoff=0,128"], "at least 1"),
        (["+mix=full,nope"], "mix=nope cannot be used. Allowed: chinese"),
        (["+mix=full", "tune=full,lara"], "tune=lara cannot be used. Allowed: full, lora, qlora"),
        (["cutoff=64,128"], "+mix=full"),
        (["+mix=full", "lr=interval(1e-4,1e-2)"], "study.n_trials=(none)"),
        (["+mix=full", "output=a,b"], "output="),
        (["+mix=full", "study.name=a,b"], "study.name="),
        (["+mix=full", "cutoff=64,128", "study.n_trials=0"], "study.n_trials=0"),
        (["+mix=full", "cutoff=64,128", "study.objectives=[speed]"], "study.objectives=['speed']"),
        (
            ["+mix=full", "cutoff=64,128", "study.objectives=[score,gpu_hours]", "pruner=median"],
            "pruner=median",
        ),
        (["+mix=full", "cutoff=64,128", "parallel=ddp"], "parallel=ddp"),
        (["+mix=full", "seed=1,2", "study.seeds=2"], "study.seeds=2"),
        (["+mix=full", "cutoff=64,128", "study.storage=mysqlite"], "study.storage=mysqlite"),
        (["+mix=full", "lr=interval(1e-4,1e-2)", "sampler=grid", "study.n_trials=3"], "sampler=grid"),
        (["+mix=full", "cutoff=64,128", "study.fork=nowhere"], "study.fork=nowhere"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_a_study_that_cannot_be(refused, words, told):
    assert told in refused(*words)


def test_a_storage_that_cannot_be_reached_and_its_password(refused):
    message = refused("+mix=full", "cutoff=64,128", "study.storage=postgresql+psycopg://u:hush@127.0.0.1:9/x")
    assert "study.storage=postgresql+psycopg://u:***@127.0.0.1:9/x cannot be used" in message
    assert "hush" not in message


def test_a_name_that_other_software_took(refused, tmp_path):
    storage = open_storage(f"sqlite:///{tmp_path / 'studies.db'}", create=True)
    optuna.create_study(storage=storage, study_name="mine").enqueue_trial({"x": 1})
    assert "other software" in refused("+mix=full", "cutoff=64,128", "study.name=mine")


def test_a_typo_in_a_sweep_file_is_told(refused, tmp_path):
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "mine.yaml").write_text(
        "# @package _global_\nhydra:\n  sweeper:\n    params:\n      cutof: 64,128\n"
    )
    message = refused("+mix=full", "+sweeps=mine", f"hydra.searchpath=[file://{tmp_path}]")
    assert "cutof" in message and "cutoff" in message
