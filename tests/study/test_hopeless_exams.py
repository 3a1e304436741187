"""A real study whose hopeless trials end in the middle of their exam, and what is left and told of them."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command import Done, run

sys.path.insert(0, str(Path(__file__).parent))
from real_studies import counts, load

from csft import data, exam, model, sample
from csft.config import Exam
from csft.report import command
from csft.splits import gather, scored
from csft.study import outcomes
from csft.study.attributes import FOLDERS, PRUNED, SCORES
from csft.study.notes import trial_note
from csft.track import RunFolder

pytestmark = pytest.mark.slow

QUESTIONS = 28  # in 8 rounds, the first half of them 4 long
WORDS = (
    *("+mix=ner", "mix.max_records=32", "epochs=1", "train.batch=16", "tune=lora", "lr=1e-6,0.3,0.5"),
    *("exam.per_sub_exam=1", "chat.dialogues=0", "train.save=false", "tracker=none", "site.threads=1"),
    *("pruner=wilcoxon", "study.pruner.questions=7", "study.start=['lr=1e-6']", "study.name=hopeless"),
)


@dataclass
class Studied:
    """What both commands printed, and the study as they left it."""

    first: Done
    second: Done
    study: Any
    output: Path

    @property
    def folders(self) -> list[RunFolder]:
        return [RunFolder(trial.user_attrs[FOLDERS][0]) for trial in self.study.trials]


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Studied:
    """One good trial, then two hopeless ones in a pack: each is judged by its own answers."""
    output, cache, folder = (tmp_path_factory.mktemp(name) for name in ("output", "cache", "base"))
    words = (*WORDS, f"model.path={knowing(folder)}")
    done = [
        run("-m", *words, f"study.n_trials={total}", f"study.pack={pack}", output=output, cache=cache)
        for total, pack in ((1, 1), (3, 2))
    ]
    for one in done:
        assert one.status == 0, one.err[-3000:] + one.out[-2000:]
    return Studied(*done, load(output, "hopeless"), output)


def knowing(folder: Path) -> Path:
    """A base that knows the answers by heart: small learning rates keep them, large ones lose them."""
    import torch

    net, tokenizer = model.load(str(sample.base_model_path()), "sdpa", "float32", "cpu", False)
    root, settings = sample.data_root(), Exam(per_sub_exam=1, test=False)
    splits = gather(settings, root, root / "cmb", folder)
    asked = scored(SimpleNamespace(exam=settings), splits)["select"]  # type: ignore[arg-type]
    assert len(asked) == QUESTIONS
    prompts = data.prompt_ids(tokenizer, "intern2", [((), exam.question_text(one)) for one in asked])
    answers = [tokenizer.encode(f"答案是{one.answer}。", add_special_tokens=False) for one in asked]
    longest = max(len(prompt) + len(answer) for prompt, answer in zip(prompts, answers, strict=True))
    ids_BL = torch.full((len(asked), longest), tokenizer.pad_token_id)
    labels_BL = torch.full_like(ids_BL, data.IGNORED)
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        ids_BL[row, : len(prompt) + len(answer)] = torch.tensor([*prompt, *answer])
        labels_BL[row, len(prompt) : len(prompt) + len(answer)] = torch.tensor(answer)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    for _ in range(60):
        loss = net(input_ids=ids_BL, labels=labels_BL, use_cache=False).loss
        if loss.item() < 0.1:
            break
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.save(net, folder / "model", tokenizer=tokenizer)


def test_they_are_pruned_in_the_middle_of_the_exam_on_select(studied: Studied) -> None:
    known = counts(studied.study)
    (good,) = known.complete
    assert studied.study.best_trial.number == good.number == 0 and good.value > 90
    assert len(known.pruned) == 2
    for trial in known.pruned:
        told = trial.user_attrs[PRUNED]
        assert told["questions"] == QUESTIONS and 7 <= told["answered"] < QUESTIONS
        answers = {step for step in trial.intermediate_values if step < outcomes.MEAN}
        assert len(answers) == told["answered"]
        assert answers < good.intermediate_values.keys()  # the same questions, by pairs
        right = sum(trial.intermediate_values[step] for step in answers)
        assert told["score"] == pytest.approx(100 * right / len(answers)) and told["score"] < good.value
        assert trial.value == told["score"] and SCORES not in trial.user_attrs


def test_they_leave_no_score_and_no_answers_that_could_be_taken_for_an_exam(studied: Studied) -> None:
    good, *hopeless = studied.folders
    assert good.result() is not None
    for folder in hopeless:
        assert folder.result() is None
        failure = json.loads((folder.path / "failure.json").read_text(encoding="utf-8"))
        assert (
            failure["kind"] == "PrunedError" and f"of {QUESTIONS} questions of select" in failure["message"]
        )
        left = {path.name for path in folder.path.iterdir()}
        assert not any(name.startswith(("answers", "predictions", "result", "checkpoints")) for name in left)


def test_people_are_told(studied: Studied) -> None:
    pruned = counts(studied.study).pruned
    saved = sum(QUESTIONS - trial.user_attrs[PRUNED]["answered"] for trial in pruned)
    assert f"2 given up in the middle of an exam: {saved} of {2 * QUESTIONS} questions not asked" in (
        studied.second.out
    )
    assert "given up in the middle" not in studied.first.out
    for trial in pruned:
        part = f"on {trial.user_attrs[PRUNED]['answered']} of {QUESTIONS} questions"
        assert f"trial {trial.number} pruned: " in studied.second.out and part in studied.second.out
        assert part in trial_note(studied.study, trial) and "select |" not in trial_note(studied.study, trial)
    settings = command.Settings("hopeless", output=str(studied.output), stills="no", tracker="none")
    found = command.read(settings)
    assert [one.number for one in found.finished] == [0] and found.best == (0,)
    for trial in found.trials[1:]:
        assert trial.state == "pruned" and not trial.runs
        assert f"of {QUESTIONS} questions" in trial.why
    command.write(found, command.analysed(found), studied.output / "told")
    pages = (studied.output / "told").rglob("*.html")
    assert any(f"of {QUESTIONS} questions" in page.read_text(encoding="utf-8") for page in pages)
