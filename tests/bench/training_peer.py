"""LLaMA-Factory's training in a process of its own, timed; run by the Python of its own environment.

    PEER/bin/python tests/bench/training_peer.py SETTINGS.json FIGURES.json

SETTINGS are those of a `llamafactory-cli train` file. The command runs whole; its own functions are wrapped,
not changed. `train_s` is what its Trainer calls `train_runtime`.
"""

import hashlib
import json
import os
import sys
import time
from array import array
from pathlib import Path
from typing import Any

IGNORED = -100
LOGGED = ("loss", "grad_norm", "learning_rate")


def main(settings: Path, figures: Path) -> None:
    """Train as the settings say, then write the figures."""
    from llamafactory.train import tuner
    from llamafactory.train.sft import workflow

    found: dict[str, Any] = {}
    get_dataset, train = workflow.get_dataset, workflow.CustomSeq2SeqTrainer.train

    def counted(*given: Any, **named: Any) -> Any:
        module = get_dataset(*given, **named)
        found.update(_contents(module["train_dataset"]))
        return module

    def timed(self: Any, *given: Any, **named: Any) -> Any:
        busy = _busy_s()
        result = train(self, *given, **named)
        found.update(train_cpu_s=_busy_s() - busy, train_s=result.metrics["train_runtime"])
        log = [line for line in self.state.log_history if "loss" in line]
        found.update({name: [line[name] for line in log] for name in LOGGED})
        return result

    workflow.get_dataset, workflow.CustomSeq2SeqTrainer.train = counted, timed
    tuner.run_exp(json.loads(settings.read_text(encoding="utf-8")))
    figures.write_text(json.dumps(found))


def _contents(rows: Any) -> dict[str, Any]:
    """What is trained on: a hash over ids and labels in their order, and counts."""
    started, whole, trained = time.perf_counter(), hashlib.sha256(), 0
    for row in rows:
        whole.update(array("i", [*row["input_ids"], *row["labels"]]).tobytes())
        trained += sum(label != IGNORED for label in row["labels"])
    counts = {"rows": len(rows), "positions": sum(len(row["input_ids"]) for row in rows)}
    checking = time.perf_counter() - started
    return {**counts, "trained_tokens": trained, "digest": whole.hexdigest(), "checking_s": checking}


def _busy_s() -> float:
    """Seconds of all cores that this process has used."""
    times = os.times()
    return times.user + times.system


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
