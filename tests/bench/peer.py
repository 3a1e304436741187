"""LLaMA-Factory's preprocessing in a process of its own, timed; run by the Python of its own environment.

    PEER/bin/python tests/bench/peer.py SETTINGS.json FIGURES.json

SETTINGS are those of a `llamafactory-cli train` file. Records are read, aligned and tokenised as for
training, through its own functions; no model is loaded.
"""

import hashlib
import json
import sys
import time
from array import array
from pathlib import Path
from typing import Any


def main(settings: Path, figures: Path) -> None:
    """Measure `get_dataset`, then, untimed, count and hash what it gave."""
    started = time.perf_counter()
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    imported = time.perf_counter()
    model, data, training, *_ = get_train_args(json.loads(settings.read_text(encoding="utf-8")))
    module = load_tokenizer(model)
    template = get_template_and_fix_tokenizer(module["tokenizer"], data)
    ready = time.perf_counter()
    rows = get_dataset(template, model, data, training, stage="sft", **module)["train_dataset"]
    done = time.perf_counter()
    tokens = sum(len(row["input_ids"]) for row in rows)
    read = time.perf_counter()
    measured: dict[str, Any] = {
        "import_s": imported - started,
        "tokenizer_s": ready - imported,
        "in_process_s": done - ready,
        "every_row_s": read - done,
        "records": len(rows),
        "tokens": tokens,
        "digest": _digest(rows),
    }
    measured["checking_s"] = time.perf_counter() - done
    figures.write_text(json.dumps(measured))


def _digest(rows: Any) -> str:
    """One hash over the ids and labels of all rows, in their order."""
    whole = hashlib.sha256()
    for row in rows:
        whole.update(array("i", [*row["input_ids"], *row["labels"]]).tobytes())
    return whole.hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
