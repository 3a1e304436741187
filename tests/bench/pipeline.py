"""csft's data room in a process of its own, timed step by step: what the benchmarks run again and again.

    python tests/bench/pipeline.py --root RAW [--cache FOLDER --tokenizer FOLDER] [options] FIGURES.json

`--do read` converts the raw files and throws the records away. `tokens` prepares them without looking for
near duplicates or exam questions. `all` does what a trial does by default, screened against the exam splits
below the root if they are there. Then come a trial's rows for one cut-off and the plan of its batches.
"""

import argparse
import hashlib
import json
import time
from array import array
from pathlib import Path
from typing import Any

from csft import data, model
from csft.config import Exam, Mix
from csft.data.catalog import DATASETS
from csft.errors import DataError
from csft.splits import Splits, gather

BATCH = 32
UNSCREENED = data.ScreenRules(near_duplicates=None, exam_overlap=None)


class Stopwatch(dict[str, Any]):
    """Seconds by step, and what else was found."""

    def lap(self, name: str, since: float) -> float:
        """Note the seconds since `since`; gives the time now."""
        now = time.perf_counter()
        self[name] = round(now - since, 4)
        return now


def main() -> None:
    """Run what the command line says; the figures go to the file named last."""
    given, clock = _arguments(), Stopwatch()
    names = [name for name in DATASETS if _is_there(name, given.root)]
    started = time.perf_counter()
    if given.do == "read":
        clock["read"] = {name: sum(1 for _ in data.read(name, given.root)) for name in names}
        clock.lap("read_s", started)
    else:
        tokenizer = model.load_tokenizer(given.tokenizer)
        started = clock.lap("tokenizer_s", started)
        splits = _splits(given) if given.do == "all" and "cmb" in names else {}
        clock.lap("exam_s", started)
        _prepare(given, clock, names, tokenizer, splits)
    given.figures.write_text(json.dumps(clock, ensure_ascii=False))


def _prepare(
    given: argparse.Namespace, clock: Stopwatch, names: list[str], tokenizer: Any, splits: Splits
) -> None:
    began = time.perf_counter()
    prepared = data.prepare(
        names,
        given.root,
        tokenizer,
        model.tokenizer_fingerprint(given.tokenizer),
        given.template,
        exam_questions=splits,
        rules=data.ScreenRules() if given.do == "all" else UNSCREENED,
        cache=given.cache,
    )
    started = clock.lap("prepare_s", began)
    how = data.CutOff(given.cutoff, given.template)
    mixture = data.Mixture(prepared, Mix(datasets=dict.fromkeys(names, 1.0)), how)
    rows = mixture.rows
    started = clock.lap("rows_s", started)
    plan = data.batch_plan(rows.lengths, BATCH, chosen=mixture.epoch(0))
    started = clock.lap("plan_s", started)
    clock["in_process_s"] = round(started - began, 4)
    clock.update(records=len(rows), tokens=int(rows.lengths.sum()), updates=len(plan))
    for name in ("read", "kept", "rejects", "doubles"):
        clock[name] = {dataset: getattr(one, name) for dataset, one in prepared.items()}
    if given.digest:
        for _ in rows:
            pass
        clock.lap("every_row_s", started)
        clock["digest"] = _digest(rows)
        clock.lap("checking_s", started)


def _digest(rows: Any) -> str:
    """One hash over the ids and labels of all rows, in their order."""
    whole = hashlib.sha256()
    for row in rows:
        whole.update(array("i", [*row["input_ids"], *row["labels"]]).tobytes())
    return whole.hexdigest()


def _splits(given: argparse.Namespace) -> Splits:
    return gather(Exam(), given.root, given.root / "cmb", given.cache)


def _is_there(name: str, root: Path) -> bool:
    try:
        return bool(data.raw_files(name, root))
    except DataError:
        return False


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", type=Path)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--template", default="intern2")
    parser.add_argument("--cutoff", type=int, default=512)
    parser.add_argument("--do", choices=("read", "tokens", "all"), default="all")
    parser.add_argument("--digest", action="store_true", help="also read every row, and hash them all")
    return parser.parse_args()


if __name__ == "__main__":
    main()
