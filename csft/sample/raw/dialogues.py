"""MedicalDialog and DISC-Med-SFT: consultations of several turns."""

from pathlib import Path
from typing import Any

from csft.sample import plan
from csft.sample.raw.files import json_bytes, json_lines, write_bytes


def write_medicaldialog(folder: Path) -> None:
    """Arrays of 病人：/医生： turns, indented by four; one dialogue has no doctor in it."""
    for split, times in (("train", 2), ("validate", 1)):
        rows = list(plan.consultations(f"medicaldialog-{split}", ("dialogue", "everywhere"), times, turns=3))
        dialogues = [
            [line for question, answer in row.turns for line in (f"病人：{question}", f"医生：{answer}")]
            for row in rows
        ]
        if split == "train":
            dialogues.insert(5, ["病人：谢谢"])
        write_bytes(folder / "processed_zh" / f"{split}_data.json", json_bytes(dialogues))


def write_discmed(folder: Path) -> None:
    """JSON Lines of conversations. Neighbouring turns of one role, an unanswered end, line breaks inside.

    The long answers state their fact last. Planted: a conversation without an answer, a torn line.
    """
    rng = plan.rng_for("discmed-layout")
    rows = list(plan.consultations("discmed", ("dialogue", "everywhere", "long"), times=2, turns=3))
    records = []
    for number, row in enumerate(rows):
        turns = [
            (role, text) for pair in row.turns for role, text in zip(("user", "assistant"), pair, strict=True)
        ]
        if number % 13 == 3:
            turns.insert(0, ("user", "医生您好\n在吗"))
        if number % 17 == 5:
            turns.append(("user", "好的，谢谢医生"))
        records.append(_conversation(f"{rng.randint(1, 9):02d}-{number}", turns))
    records.append(_conversation("09-lost", [("user", "有人吗？")]))
    torn = '{"_id": "09-torn", "source": "meddial", "conversation": [{"role": "user"'
    write_bytes(folder / "DISC-Med-SFT_released.jsonl", json_lines(records, planted=[torn]))


def _conversation(number: str, turns: list[tuple[str, str]]) -> dict[str, Any]:
    said = [{"role": role, "content": text} for role, text in turns]
    return {"_id": number, "source": "meddial", "conversation": said}
