"""What both sides of the benchmark of studies read: records, model, adapter, and csft's order of records.

csft draws an order of the records for each epoch. LLaMA-Factory reads the same records in the same order: a
file per cut-off and number of epochs has those of all epochs one after another, and is read once, unshuffled.
That costs it nothing but the tokens of a record twice, milliseconds.

    model/  adapter/          what is tuned; where LoRA starts, as csft draws it from the seed
    raw/discmed/              the records as one of csft's datasets; raw-exams/ has the shipped CMB too
    peer/c256-e2.json         LLaMA-Factory's
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import records
import training_model
from study_plan import BATCH, RANK, SEED, Model

from csft import data, model, sample
from csft.config import Mix

DATASET = "discmed"
TEMPLATE = "intern2_2025"  # what LLaMA-Factory calls intern2 today
VOCABULARY = 2000  # records that train the tokenizer


def make(given: argparse.Namespace, one: Model, tunes: list[str], folder: Path) -> None:
    """Write all of it, once."""
    some = records.repeated(given.demo, one.records)
    records.write(folder, some)
    texts = ("\n".join(said) for said in records.repeated(given.demo, max(VOCABULARY, one.records)))
    training_model.make(folder / "model", "16k", texts, given.tokenizer, one.body)
    if "lora" in tunes:
        net = model.adapt(model.load_net(folder / "model"), "lora", RANK, 2 * RANK, seed=SEED)
        model.save_adapter(net, folder / "adapter")
    _order(one, given.batching, some, folder)


def with_exams(folder: Path) -> Path:
    """The records with the shipped CMB beside them."""
    made = folder / "raw-exams"
    if not made.is_dir():
        shutil.copytree(folder / "raw", made)
        shutil.copytree(sample.data_root() / "cmb", made / "cmb")
    return made


def dataset(cutoff: int, epochs: int) -> str:
    """LLaMA-Factory's name of the records of a trial."""
    return f"c{cutoff}-e{epochs}"


def _order(one: Model, batching: str, some: list[records.Record], folder: Path) -> None:
    prepared = data.prepare(
        [DATASET],
        folder / "raw",
        model.load_tokenizer(folder / "model"),
        model.tokenizer_fingerprint(folder / "model"),
        TEMPLATE,
        exam_questions={},
        cache=folder / "order",
    )
    if prepared[DATASET].kept != len(some):
        raise RuntimeError(f"csft leaves out {len(some) - prepared[DATASET].kept} of the records")
    info: dict[str, Any] = {}
    for cutoff in one.cutoffs:
        mixture = data.Mixture(
            prepared, Mix(datasets={DATASET: 1.0}), data.CutOff(cutoff, TEMPLATE), max(one.epochs), SEED
        )
        epochs = [_epoch(mixture, batching, cutoff, number) for number in range(max(one.epochs))]
        for count in one.epochs:
            name = dataset(cutoff, count)
            asked = [some[at] for epoch in epochs[:count] for at in epoch]
            rows = [{"instruction": said, "input": "", "output": answer} for said, answer in asked]
            text = json.dumps(rows, ensure_ascii=False)
            (folder / "peer" / f"{name}.json").write_text(text, encoding="utf-8")
            info[name] = {"file_name": f"{name}.json"}
    (folder / "peer" / "dataset_info.json").write_text(json.dumps(info))


def _epoch(mixture: data.Mixture, batching: str, cutoff: int, number: int) -> list[int]:
    """The records of an epoch in the order csft trains on them."""
    drawn = mixture.epoch(number)
    if len(drawn) % BATCH:
        raise RuntimeError(f"{len(drawn)} records at cut-off {cutoff}: LLaMA-Factory's updates would differ")
    plan = data.batch_plan(
        mixture.rows.lengths, BATCH, batching, SEED, number, micro_batch=BATCH, cutoff=cutoff, chosen=drawn
    )
    return [mixture.rows.origin(at)[1] for at in plan.records.tolist()]
