"""How fast a training runs: tokens per second, the share of the GPU's peak, memory.

Operations per token after Kaplan et al. 2020 (section 2.1): 2 for every weight a token is multiplied with, a
multiplication and an addition; the backward pass as much again for the gradient of the input, and once more
for that of the weight. So 6 per trained weight; 4 per frozen one, whose gradient LoRA leaves out. The
embedding is looked up, not multiplied; the head works at labelled tokens alone. Attention multiplies queries
with keys and scores with values: 4 · heads · head_dim per pair of tokens, half of the pairs under a causal
mask, three times for both passes. What gradient checkpointing computes again is not counted: the share is of
useful work (model FLOPs utilisation, Chowdhery et al. 2022, appendix B).
"""

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from csft.anatomy import Anatomy
from csft.train import high_water

_WINDOW = 20  # updates
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class Cost:
    """Operations of a forward and a backward pass."""

    seen: float  # per token, padding not counted
    labelled: float  # per trained token, besides
    pair: float  # per pair of tokens in one record: squared lengths

    def of(self, tokens: float, trained_tokens: float, squares: float = 0.0) -> float:
        """Operations of an update; `squares` is the sum of its records' squared lengths."""
        return self.seen * tokens + self.labelled * trained_tokens + self.pair * squares


def training_cost(net: Anatomy, tune: str, rank: int = 0, targets: tuple[str, ...] = ()) -> Cost:
    """What one token costs under `tune` (full, lora, qlora); `targets` are named layers, or all."""
    per_weight = 6 if tune == "full" else 4
    adapter = 0 if tune == "full" else 6 * net.adapter(rank, targets)
    return Cost(
        seen=per_weight * net.blocks + adapter,
        labelled=per_weight * net.embedding,
        pair=3 * 4 * net.layers * net.heads * net.head_dim / 2,
    )


class Meter:
    """Numbers of a running training, smoothed over the last updates.

    `train/tokens_per_s` and `train/trained_tokens_per_s`, padding not counted; `train/mfu_percent` where the
    device's peak is known; `train/memory_gb` in 10⁹ bytes: a GPU's highest since `start`, on a processor what
    the process has resident now.
    """

    def __init__(
        self,
        device: str = "cpu",
        cost: Cost | None = None,
        peak: float | None = None,
        window: int = _WINDOW,
    ) -> None:
        self.device, self.cost, self.peak = device, cost, peak
        self._updates: deque[tuple[float, float, float, float]] = deque(maxlen=window)
        self._last = time.perf_counter()

    def start(self) -> None:
        """Forget what was, and start the clock."""
        self._updates.clear()
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.reset_peak_memory_stats(self.device)
        self._last = time.perf_counter()

    def go_on(self) -> None:
        """Leave the time since the last update out: it was not spent on training."""
        self._last = time.perf_counter()

    def update(
        self, tokens: int, trained_tokens: int, seconds: float | None = None, squares: float = 0.0
    ) -> dict[str, float]:
        """Count an update, by default since the last one, and give the values.

        `squares`, the sum of squared record lengths, gives attention its part of the MFU.
        """
        now = time.perf_counter()
        spent, self._last = now - self._last if seconds is None else seconds, now
        work = self.cost.of(tokens, trained_tokens, squares) if self.cost else 0.0
        self._updates.append((tokens, trained_tokens, work, spent))
        seen, trained, done, total = (sum(column) for column in zip(*self._updates, strict=True))
        total = max(total, 1e-9)
        values = {"train/tokens_per_s": seen / total, "train/trained_tokens_per_s": trained / total}
        if self.peak and self.cost:
            values["train/mfu_percent"] = 100 * done / total / self.peak
        return {**values, "train/memory_gb": memory_in_use(self.device) / 1e9}


def memory_in_use(device: str) -> int:
    """Bytes: the highest a CUDA device's tensors came to, or what this process has resident."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    if _STATM.exists():
        import os

        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return high_water.highest(device)
