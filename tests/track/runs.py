"""Run folders as trials leave them, and W&B's offline runs read back with W&B's own reader."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from csft.track import RunFolder, exam_summary

IDENTITY = "0a1b2c3d4e5f6071" + "8" * 48
CONFIG = {
    "lr": 2e-5,
    "cutoff": 512,
    "mix": {"name": "full", "datasets": {"cmb": 1.0, "nlpec": 0.5}},
    "tune": {"method": "lora"},
    "study": {"name": "paper"},
    "tracker": {"kind": "wandb", "project": "csft", "entity": None, "mode": "auto"},
}
SUB_EXAM = {"split": "test", "key": "physician/licensed_physician", "chinese": "执业医师", "n": 400}
ROWS = [{**SUB_EXAM, "score": 62.5, "low": 57.6, "high": 67.1, "base": 25.0}]
TOTAL = {"percent": 61.0, "low": 58.0, "high": 64.0, "n": 400}
RESULT = {
    "summary": exam_summary(
        "test", {"total": 61.0}, {"physician": 62.5}, {"physician/licensed_physician": 62.5}
    ),
    "sub_exams": ROWS,
    "scores": {
        "test": {"macro": 60.0, "figures": {"total": TOTAL}},
        "select": {"macro": 50.5, "figures": {"total": {**TOTAL, "percent": 51.0}}},
    },
    "drawn": [{"dataset": "cmb", "of": 50, "records": 10, "tokens": 900, "share": 1.0}],
}


def start(tracker, folder, config=CONFIG):
    tracker.start(
        folder, config, study="paper", name=folder.path.name, identity=IDENTITY, tags=["full", "512", "lora"]
    )


def log(tracker, folder, step, **values):
    folder.log(step, values)
    tracker.log(step, values)


def answers(count):
    row = {"sub_exam": "physician/licensed_physician", "key": "A", "letters": "B", "base": "A"}
    return [{"id": n, **row, "correct": False, "text": f"答案{n}"} for n in range(count)]


def fill(folder, steps=4, identity=IDENTITY, predictions=3):
    """What a trial writes before it ends."""
    folder.write_config(CONFIG)
    folder.write_manifest({"identity": identity, "started": "2026-01-02T03:04:05+0000"})
    folder.write_truncation({"cmb": {"records": 3, "question": 1}})
    for step in range(1, steps + 1):
        folder.log(step, {"train/loss": 1 / step})
    folder.write_predictions("test", answers(predictions))
    return folder


def finished(path, result=RESULT, **how):
    folder = fill(RunFolder.open(path), **how)
    (path / "adapter").mkdir(exist_ok=True)
    (path / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    folder.finish(result)
    return folder


def segments(folder):
    return sorted((folder.path / "wandb").glob("*run-*-*"))


def records(folder):
    (segment,) = segments(folder)
    done = subprocess.run(
        [*wandb_command(), "leet", "inspect", "--json", segment], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def history(folder):
    rows = [r["history"]["item"] for r in records(folder) if r["type"] == "history"]
    return [{k: v for k, v in row.items() if not k.startswith("_")} for row in rows]


def summary(folder):
    (segment,) = segments(folder)
    command = [*wandb_command(), "leet", "inspect", "--json", "--summary", segment]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def table(folder, name):
    """The rows of a table of the run."""
    (segment,) = segments(folder)
    (path,) = (segment / "files" / "media" / "table").glob(f"{name}_*.table.json")
    return json.loads(path.read_text(encoding="utf-8"))["data"]


def wandb_command():
    beside = Path(sys.executable).with_name("wandb")
    return [str(beside)] if beside.exists() else [shutil.which("wandb")]
