"""Trials whose nets are examined together: who is shown what, and what ends one trial's exam alone."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from several_adapters import Adapter, put_together

from csft import model, sample
from csft.config import Config, Data, Exam, Mix, Model
from csft.errors import DivergedError, TimeLimitError
from csft.examining import OnTheWay, Sitter, ask, ask_together, exam_key
from csft.model.together import Together
from csft.splits import gather, scored
from csft.watch import Watch


class Seen(Watch):
    """Notes what it is shown; has enough after some answers."""

    def __init__(self, enough: int = 10**9, rounds: int = 4) -> None:
        self.rounds, self.enough = rounds, enough
        self.exams: list[tuple[int | None, int]] = []
        self.answers: list[int] = []

    def asked(self, rung: int | None, questions: int) -> None:
        self.exams.append((rung, questions))

    def answered(self, rung: int | None, questions: Any, answers: Any) -> None:
        assert [one.id for one in questions] == [one.id for one in answers]
        self.answers += [one.id for one in answers]
        if len(self.answers) > self.enough:
            raise TimeLimitError(1.0)


@pytest.fixture(scope="module")
def loaded() -> tuple[Any, Any]:
    return model.load(str(sample.base_model_path()), "sdpa", "float32", "cpu", False)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = sample.data_root()
    settings = Exam(per_sub_exam=1)
    splits = gather(settings, root, root / "cmb", tmp_path_factory.mktemp("cache"))
    return dict(scored(SimpleNamespace(exam=settings), splits))  # type: ignore[arg-type]


def job(folder: Path, name: str, watch: Watch, **settings: Any) -> Any:
    """What an exam looks at of a trial."""
    config = Config(
        model=Model(path="sample"),
        mix=Mix(datasets={"cmb": 1.0}),
        data=Data(root="sample"),
        exam=Exam(**settings),
    )
    (folder / name).mkdir(exist_ok=True)
    return SimpleNamespace(
        config=config, watch=watch, splits={}, device="cpu", tokenizer="t", updates=7,
        folder=SimpleNamespace(path=folder / name), identity=SimpleNamespace(hash=name * 8),
        where=SimpleNamespace(cache=folder),
    )  # fmt: skip


def nets(base: Any, count: int) -> tuple[Together, dict[int, Any]]:
    return put_together(base, {number: Adapter(2 + number, 4, 0.3) for number in range(count)})


def test_they_answer_and_are_shown_as_alone(loaded: Any, asked: Any, tmp_path: Path) -> None:
    base, tokenizer = loaded
    together, made = nets(base, 3)
    enough = [10**9, 10, 10**9]
    jobs = [job(tmp_path, f"joint-{number}", Seen(enough[number])) for number in made]
    with torch.no_grad():
        next(one for name, one in made[2].named_parameters() if "lora_B" in name).fill_(torch.nan)
    place = OnTheWay(3, 12)
    sitters = {0: Sitter(jobs[0], place), 1: Sitter(jobs[1], place), 2: Sitter(jobs[2])}
    ask_together(together, sitters, tokenizer, "select", asked["select"])
    assert isinstance(sitters[1].error, TimeLimitError)
    assert 10 < len(jobs[1].watch.answers) < len(asked["select"])
    assert isinstance(sitters[2].error, DivergedError) and sitters[2].error.update == 7
    assert not jobs[2].watch.answers and sitters[0].error is None
    assert jobs[0].watch.exams == [(3, 28)] and jobs[2].watch.exams == [(None, 28)]
    alone = job(tmp_path, "alone", Seen())
    expected = ask(alone, made[0], tokenizer, "select", asked["select"], place=place)
    assert [one.letters for one in sitters[0].answers] == [one.letters for one in expected]
    assert [one.id for one in sitters[0].answers] == [one.id for one in asked["select"]]
    assert jobs[0].watch.answers == alone.watch.answers  # in the same order: a fair part at any time
    kept = (tmp_path / "joint-0" / "answers-select-00000012.jsonl").read_text(encoding="utf-8")
    assert len(kept.splitlines()) > 2


def test_another_exam_is_not_sat_together(tmp_path: Path) -> None:
    one = job(tmp_path, "a", Seen())
    assert exam_key(one) == exam_key(job(tmp_path, "b", Seen()))
    for other in (
        job(tmp_path, "c", Seen(), protocol="generate"),
        job(tmp_path, "d", Seen(), batch_tokens=999),
        job(tmp_path, "e", Seen(rounds=2)),
    ):
        assert exam_key(other) != exam_key(one)
