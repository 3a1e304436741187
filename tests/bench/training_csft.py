"""csft's training in a process of its own, timed.

    python tests/bench/training_csft.py SETTINGS.json FIGURES.json

`train_s` is the whole call of `fit`, the Trainer's construction included. SETTINGS: `model`, `records` (a
file of Alpaca records), `cutoff`, `tune`, `adapter` (a folder to start from), `attention`, `batching`,
`batch`, `micro_batch`, `lr`, `warmup`. Besides csft's own ways of batching, which shuffle, there are three in
the records' order, whose updates hold what LLaMA-Factory's hold:

    in_order   `batch` records an update, longest first, so that a micro-batch has less padding
    joined     the same, and a micro-batch is computed as one row, as with train.batching=packed
    peer_rows  `batch` rows an update, each with the records that LLaMA-Factory packs into it, which have one
               token less than the cut-off, as it keeps one for padding
"""

import hashlib
import json
import os
import sys
import tempfile
import time
from array import array
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from csft import data, model, train
from csft.config import Train
from csft.data.packing import fill_rows, llamafactory_row
from csft.model import load_adapter

TEMPLATE = "intern2_2025"  # what LLaMA-Factory calls intern2 today
ORDERED = {"in_order": "padded", "joined": "packed", "peer_rows": "best_fit"}  # and csft's word for the same
Record = dict[str, list[int]]
Rows = list[list[int]]  # of record numbers


class Records(list[Record]):
    """Encoded records, with their lengths in tokens."""

    @property
    def lengths(self) -> Any:
        """Tokens of every record."""
        return np.array([len(record["input_ids"]) for record in self])


def main(settings: Path, figures: Path) -> None:
    """Train as the settings say, then write the figures."""
    given = json.loads(settings.read_text(encoding="utf-8"))
    given["cutoff"] -= given["batching"] == "peer_rows"
    net, tokenizer = model.load(given["model"], given["attention"])
    if given["tune"] == "lora":
        net = load_adapter(net, given["adapter"], trainable=True)
    records = encoded(given, tokenizer)
    attention, pad_id = net.config._attn_implementation, tokenizer.pad_token_id
    plan = planned(given, records.lengths, attention)
    joined = data.joins(ORDERED.get(given["batching"], given["batching"]), attention)
    collate = partial(data.collate, pad_id=pad_id, joined=joined, attention=attention)
    found = {"attention": attention, **contents(given, records, pad_id)}
    found.update(timed_fit(given, net, records, plan, collate))
    figures.write_text(json.dumps(found))


def encoded(given: dict[str, Any], tokenizer: Any) -> Records:
    """The records as token ids and labels."""
    records = Records()
    for line in json.loads(Path(given["records"]).read_text(encoding="utf-8")):
        one = data.Alpaca(line["instruction"], line["input"], line["output"])
        ids, labels = data.encode(one, tokenizer, TEMPLATE, given["cutoff"])
        records.append({"input_ids": ids, "labels": labels})
    return records


def planned(given: dict[str, Any], lengths: Any, attention: str) -> Any:
    """An epoch's updates: micro-batches of rows of record numbers."""
    batch, micro, how = given["batch"], given["micro_batch"], given["batching"]
    if how not in ORDERED:
        more = {"micro_batch": micro, "cutoff": given["cutoff"], "attention": attention}
        return data.batch_plan(lengths, batch, how, **more)
    alone: Rows = [[number] for number in range(len(lengths))]
    rows = fill_rows(lengths, given["cutoff"]) if how == "peer_rows" else alone
    updates = (rows[first:end] for first, end in pairwise([*range(0, len(rows), batch), len(rows)]))
    ordered = (sorted(update, key=lambda row: -lengths[row].sum()) for update in updates)
    return [[update[at : at + micro] for at in range(0, len(update), micro)] for update in ordered]


def contents(given: dict[str, Any], records: Records, pad_id: int) -> dict[str, Any]:
    """What is trained on, as the peer's process tells it."""
    rows: list[Record] = records
    if given["batching"] == "peer_rows":
        packed = fill_rows(records.lengths, given["cutoff"])
        rows = [llamafactory_row([records[at] for at in row], given["cutoff"] + 1, pad_id) for row in packed]
    whole = hashlib.sha256()
    for row in rows:
        whole.update(array("i", [*row["input_ids"], *row["labels"]]).tobytes())
    return {"rows": len(rows), "tokens": int(records.lengths.sum()), "digest": whole.hexdigest()}


def timed_fit(given: dict[str, Any], net: Any, records: Records, plan: Any, collate: Any) -> dict[str, Any]:
    """One epoch through `fit`: seconds, and the loss, gradient norm and learning rate of every update."""
    log: list[dict[str, float]] = []
    settings = Train(batch=given["batch"], micro_batch=given["micro_batch"], warmup=given["warmup"])
    with tempfile.TemporaryDirectory(prefix="csft-") as scratch:
        busy, started = busy_s(), time.perf_counter()
        fitted = train.fit(
            net,
            records,
            lambda epoch: plan,
            collate,
            settings,
            epochs=1,
            lr=given["lr"],
            seed=42,
            device="cpu",
            scratch=scratch,
            log=lambda step, values: log.append(values),
        )
        found: dict[str, Any] = {
            "train_s": time.perf_counter() - started,
            "train_cpu_s": busy_s() - busy,
            "trained_tokens": fitted.trained_tokens,
        }
    names = {"loss": "train/loss", "grad_norm": "train/grad_norm", "learning_rate": "train/lr"}
    return {**found, **{name: [values[key] for values in log] for name, key in names.items()}}


def busy_s() -> float:
    """Seconds of all cores that this process has used."""
    times = os.times()
    return times.user + times.system


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
