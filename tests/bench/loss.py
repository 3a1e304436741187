"""Loss and gradients of an output head: all logits at once against a chunk at a time.

    python tests/bench/loss.py [--threads 1] [--rounds 5] [--results FOLDER]

Every figure comes from a process of its own; the time is the fastest of `rounds`, in processor seconds of one
thread (wall seconds of several), the memory the growth of the peak. Losses and gradient norms must agree.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import measure

HIDDEN, POSITIONS, VOCABULARIES = 256, (1000, 2048), (16_000, 92_544)
WAYS = ("whole", "chunked")


def child(way: str, vocabulary: int, positions: int, threads: int, rounds: int) -> dict[str, Any]:
    """Measure one way in this process."""
    import torch

    from csft.train.headloss import head_loss

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    head = torch.nn.Linear(HIDDEN, vocabulary, bias=False)
    hidden = torch.randn(positions, HIDDEN, requires_grad=True)
    targets = torch.randint(0, vocabulary, (positions,))
    clock = time.process_time if threads == 1 else time.perf_counter
    before, times = _peak_mb(), []
    for _ in range(rounds):
        head.weight.grad = hidden.grad = None
        started = clock()
        if way == "whole":
            summed = torch.nn.functional.cross_entropy(head(hidden), targets, reduction="sum")
        else:
            summed = head_loss(head, hidden, targets)
        summed.backward()
        times.append(clock() - started)
    assert head.weight.grad is not None
    return {
        "ms": 1e3 * min(times),
        "mb": _peak_mb() - before,
        "loss": summed.item() / positions,
        "norm": head.weight.grad.norm().item() / positions,
    }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=Path, help="file for every figure as JSON")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        way, vocabulary, positions = given.child
        print(json.dumps(child(way, int(vocabulary), int(positions), given.threads, given.rounds)))
        return
    rows, every = [], []
    for vocabulary in VOCABULARIES:
        for positions in POSITIONS:
            for way in WAYS:
                words = [sys.executable, __file__, "--threads", given.threads, "--rounds", given.rounds]
                words += ["--child", way, vocabulary, positions]
                ran = subprocess.run(
                    [str(word) for word in words], check=True, capture_output=True, text=True
                )
                found = json.loads(ran.stdout.splitlines()[-1])
                every.append({"way": way, "vocabulary": vocabulary, "positions": positions, **found})
                rows.append((f"{vocabulary:,}", positions, way, *(found[name] for name in ("ms", "mb"))))
            one, other = every[-2:]
            assert abs(one["loss"] / other["loss"] - 1) < 1e-6 and abs(one["norm"] / other["norm"] - 1) < 1e-5
    print(measure.environment(), "\n")
    print(measure.markdown(("vocabulary", "labelled positions", "logits", "ms", "peak MB"), rows))
    if given.results:
        given.results.write_text(json.dumps(every, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
