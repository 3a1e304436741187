"""The share of a training step that is not model work: what `fit` and transformers' Trainer add to it.

    nox -s bench -- overhead
    python tests/bench/overhead.py [options]

Model work is the forward pass with its loss, the backward pass, gradient clipping, the steps of optimiser and
schedule. Everything else between the end of one update and the end of the next is overhead: building and
moving tensors, checks, callbacks, logging, the bar. It costs about the same milliseconds however large the
model is, so its share is told for bodies of several sizes. The first updates warm up and are left out.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest import mock

import measure
import numpy as np

WARM_UP = 3  # updates
VOCABULARY = 4096
SIZES = {  # hidden size, layers
    "64 × 2": (64, 2),
    "256 × 8": (256, 8),
    "512 × 8": (512, 8),
}


class Work:
    """Seconds of model work of every update; `update_done` closes one."""

    def __init__(self) -> None:
        self.now, self.depth = 0.0, 0
        self.updates: list[tuple[float, float]] = []  # when it was done, and the work in it

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time counted unless another that is counted calls it."""

        def wrapped(*given: Any, **named: Any) -> Any:
            self.depth += 1
            started = time.perf_counter()
            try:
                return function(*given, **named)
            finally:
                self.depth -= 1
                if not self.depth:
                    self.now += time.perf_counter() - started

        return wrapped

    def update_done(self, step: int, values: dict[str, float]) -> None:
        """What `fit` calls after every update."""
        self.updates.append((time.perf_counter(), self.now))
        self.now = 0.0

    def overhead_ms(self) -> list[float]:
        """Milliseconds of every update after the warm-up that were no model work."""
        return [1000 * (whole - work) for whole, work in self._whole_and_work()]

    def shares(self) -> list[float]:
        """The same as shares of the updates."""
        return [(whole - work) / whole for whole, work in self._whole_and_work()]

    def _whole_and_work(self) -> Iterator[tuple[float, float]]:
        for before, (end, work) in zip(self.updates[WARM_UP - 1 :], self.updates[WARM_UP:], strict=False):
            yield end - before[0], work


@contextmanager
def watched(work: Work) -> Iterator[None]:
    """Count what `fit` calls of the model, the optimiser and the schedule."""
    from accelerate import Accelerator
    from accelerate.optimizer import AcceleratedOptimizer
    from torch.optim.lr_scheduler import LRScheduler

    from csft.train import loop

    places = [(loop, "label_loss"), (Accelerator, "backward"), (Accelerator, "clip_grad_norm_")]
    places += [(AcceleratedOptimizer, "step"), (AcceleratedOptimizer, "zero_grad"), (LRScheduler, "step")]
    with ExitStack() as stack:
        for owner, name in places:
            stack.enter_context(mock.patch.object(owner, name, work.timed(getattr(owner, name))))
        yield


def main() -> None:
    """Measure every size; print the table."""
    given = _arguments()
    rows: list[measure.Row] = []
    for size in given.sizes:
        runs = [_once(given, *SIZES[size]) for _ in range(given.repeats)]
        shares = [100 * statistics.median(one.shares()) for one in runs]
        lost = [statistics.median(one.overhead_ms()) for one in runs]
        step = statistics.median(
            a / b for one in runs for a, b in zip(one.overhead_ms(), one.shares(), strict=True)
        )
        spread = f"{min(shares):.2f}–{max(shares):.2f}"
        rows.append([size, step, statistics.median(lost), statistics.median(shares), spread])
    about = f"{given.batch} records of {given.length} tokens an update, micro-batches of {given.micro_batch}"
    print(f"\n{about}; medians of {given.repeats} runs of {given.updates} updates. {measure.environment()}\n")
    print(measure.markdown(["hidden × layers", "update, ms", "not model work, ms", "%", "min–max, %"], rows))


def _once(given: argparse.Namespace, hidden: int, layers: int) -> Work:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from csft import data, train
    from csft.config import Train

    torch.manual_seed(0)
    shape = {"hidden_size": hidden, "intermediate_size": 3 * hidden, "num_hidden_layers": layers}
    net = LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, num_attention_heads=hidden // 32, **shape))
    records = _Records(given.batch, given.length)
    rows = [[number] for number in range(given.batch)]
    update = [rows[at : at + given.micro_batch] for at in range(0, given.batch, given.micro_batch)]
    work = Work()
    with watched(work), tempfile.TemporaryDirectory() as scratch:
        train.fit(
            net,
            records,
            lambda epoch: [update] * (given.updates + WARM_UP),
            partial(data.collate, pad_id=2),
            Train(batch=given.batch, micro_batch=given.micro_batch),
            epochs=1,
            lr=1e-3,
            seed=42,
            device="cpu",
            scratch=scratch,
            log=work.update_done,
        )
    return work


class _Records(list[dict[str, list[int]]]):
    """Records of random tokens, all of one length; the first half is a prompt."""

    def __init__(self, count: int, length: int) -> None:
        tokens = np.random.default_rng(0).integers(3, VOCABULARY, size=(count, length)).tolist()
        prompt = [-100] * (length // 2)
        super().__init__({"input_ids": ids, "labels": [*prompt, *ids[length // 2 :]]} for ids in tokens)
        self.lengths = np.full(count, length)


def _arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", choices=tuple(SIZES), default=list(SIZES))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--micro-batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--updates", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
