"""CMB's questions answered by csft and by a plain padded `generate` loop in the style of CMB's own runner.

    python tests/bench/exam.py [--body tiny] [--vocabulary 92k] [--questions 1500] [--batches 1,8,64]

Model: a Llama with InternLM2's vocabulary, of the sizes of InternLM2's test model (`tiny`) or of the training
benchmark (`small`), taught for some steps to answer `答案是X。` as a tuned model does; `--untaught` leaves it
random, so that texts end at their limit. Questions: the real ones of the folder cnmleqa. The loop asks in the
order of the file, pads each batch on its left and writes up to 512 tokens (CMB: workers/base.py,
configs/model_config.yaml; its script has batch size 1), with the tokenizer, the words and the extraction of
csft. Every run is a process of its own, by turns; its seconds are those from questions to letters, without
imports and loading. The letters of all ways are compared, and those of csft at batch size 1, 8 and 64 with
those of its own plan: flips are counted.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import measure
import training_model

from csft import data, exam
from csft.cmb import Question
from csft.rejects import Rejects

TOKENS = 512
TOKENS_AT_ONCE = 8192  # the default of a trial
TAUGHT, STEPS, BATCH = 96, 120, 8
OURS = ("logits", "generate")


def questions(count: int) -> list[Question]:
    """The real questions, in the order of their file."""
    return exam.load_split(measure.SHARED / "samples" / "cnmleqa", "test", Rejects())[:count]


def teach(folder: Path) -> None:
    """Train until answers have their form, on questions whose letters are as they come."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    net, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    rows = []
    for question in questions(TAUGHT):
        record = data.Alpaca(exam.question_text(question), "", f"答案是{question.answer}。")
        rows.append(data.encode(record, tokenizer, "intern2", 1024))
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    for step in range(STEPS):
        some = [rows[(step * BATCH + place) % TAUGHT] for place in range(BATCH)]
        longest = max(len(ids) for ids, _ in some)
        ids_BL = torch.tensor([[*ids, *[2] * (longest - len(ids))] for ids, _ in some])
        labels_BL = torch.tensor([[*labels, *[-100] * (longest - len(labels))] for _, labels in some])
        net(input_ids=ids_BL, labels=labels_BL, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    net.save_pretrained(folder)


def loop(net: Any, tokenizer: Any, asked: list[Question], batch: int) -> dict[int, str]:
    """The plain way: batches as they come, padded on the left, one `generate` each."""
    import torch

    wrap = partial(data.prompt_ids, tokenizer, "intern2")
    letters: dict[int, str] = {}
    for first in range(0, len(asked), batch):
        some = asked[first : first + batch]
        prompts = wrap([((), exam.question_text(one, official_quirks=True)) for one in some])
        padded = tokenizer.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt")
        with torch.no_grad():
            out = net.generate(
                **padded, max_new_tokens=TOKENS, min_new_tokens=1, do_sample=False, pad_token_id=2
            )
        texts = tokenizer.batch_decode(out[:, padded["input_ids"].shape[1] :], skip_special_tokens=True)
        for one, text in zip(some, texts, strict=True):
            assert one.id is not None
            letters[one.id] = exam.read_answer(text, one.question_type)
    return letters


def ours(protocol: str, net: Any, tokenizer: Any, asked: list[Question], rows: int | None) -> dict[int, str]:
    """What a trial calls."""
    wrap = partial(data.prompt_ids, tokenizer, "intern2")
    asking = exam.Asking(protocol, max_new_tokens=TOKENS)
    return {
        one.id: one.letters for one in exam.take(net, tokenizer, asked, wrap, asking=asking, batch_rows=rows)
    }


def child(folder: Path, way: str, batch: int, count: int, out: Path) -> None:
    """Measure one way in this process; batch 0: as csft plans it."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    net, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    net.eval()
    take: Callable[..., dict[int, str]] = loop if way == "loop" else partial(ours, way)
    asked = questions(count)
    take(net, tokenizer, asked[:2], batch or None)  # kernels and caches of the first call
    started = time.perf_counter()
    letters = take(net, tokenizer, asked, batch or None)
    seconds = time.perf_counter() - started
    out.write_text(json.dumps({"seconds": seconds, "rate": count / seconds, "letters": letters}))


def main() -> None:
    """Run all ways by turns and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--body", choices=("tiny", "small"), default="tiny")
    parser.add_argument("--untaught", action="store_true")
    parser.add_argument("--vocabulary", choices=("16k", "92k"), default="92k")
    parser.add_argument("--questions", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", default="1,8,64", help="batch sizes of the plain loop")
    parser.add_argument("--quiet", type=float, default=30)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    given, rest = parser.parse_known_args()
    if given.child:
        folder, way, batch, count = given.child
        child(Path(folder), way, int(batch), int(count), Path(rest[0]))
        return
    with tempfile.TemporaryDirectory(prefix="csft-bench-") as scratch:
        folder = Path(scratch) / "model"
        texts = (exam.question_text(one) for one in questions(1500))
        body = training_model.BODY | (training_model.TINY if given.body == "tiny" else {})
        tokenizer = measure.SHARED / "internlm2" / "tokenizer"
        training_model.make(folder, given.vocabulary, texts, tokenizer, body)
        if not given.untaught:
            teach(folder)
        runs = _runs(folder, given)
    _report(runs, given)
    measure.save(given.results, "exam", {f"{way} {batch}": some for (way, batch), some in runs.items()})


def _runs(folder: Path, given: argparse.Namespace) -> dict[tuple[str, int], list[measure.Run]]:
    sizes = [int(size) for size in given.batches.split(",")]
    ways = [("loop", size) for size in sizes] + [(way, size) for way in OURS for size in (0, 1, 8, 64)]
    runs: dict[tuple[str, int], list[measure.Run]] = {way: [] for way in ways}
    for turn in range(given.rounds):
        for way, size in ways:
            if turn == 0 or size == 0 or way == "loop":  # our own batch sizes are for their letters, once
                words = [folder, way, size, given.questions]
                runs[way, size].append(
                    measure.run([sys.executable, __file__, "--child", *words], None, given.quiet)
                )
    return runs


def _report(runs: dict[tuple[str, int], list[measure.Run]], given: argparse.Namespace) -> None:
    print(measure.environment(), "\n")
    plain = {size: measure.median(some, "rate") for (way, size), some in runs.items() if way == "loop"}
    reference = runs["generate", 0][0]["letters"]
    rows: list[measure.Row] = []
    for (way, size), some in runs.items():
        rate = measure.median(some, "rate")
        differ = sum(letters != reference[number] for number, letters in some[0]["letters"].items())
        ratios = [rate / base for base in plain.values()]
        name = f"{way}, batch {size}" if size else f"csft {way}"
        rows.append(
            (name, rate, *ratios, differ, measure.median(some, "peak_mb"), max(one.others for one in some))
        )
    heads = [f"× loop at {size}" for size in plain]
    what = f"{given.body} model, {'not taught' if given.untaught else 'taught'}, {given.vocabulary} words"
    read = sum(map(bool, reference.values()))
    print(f"{given.questions} questions ({read} answers could be read), {what}, medians of {given.rounds}")
    print(
        measure.markdown(("way", "questions/s", *heads, "letters ≠ csft generate", "peak MB", "others"), rows)
    )
    for way in OURS:
        first = runs[way, 0][0]["letters"]
        flips = {
            size: sum(runs[way, size][0]["letters"][n] != first[n] for n in first) for size in (1, 8, 64)
        }
        print(f"csft {way}: letters that differ from its own plan at batch size", flips)


if __name__ == "__main__":
    main()
