"""What the memory of a training run depends on, besides the network."""

from collections.abc import Sequence
from dataclasses import dataclass

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class Workload:
    """Settings under the names they have in csft/config.py where they have one; defaults are the cheapest.

    `attention` is the implementation's name in transformers. `loss_positions`: for how many positions logits
    exist at a time (None: for all labels of a micro-batch). `shards`: GPUs that weights, gradients and
    optimiser states are divided among (FSDP), 1 where every GPU holds them all. `members`: adapters like this
    one that are trained together, in passes of `pass_tokens`, whatever the micro-batch of each.
    """

    tune: str  # full, lora, qlora
    dtype: str  # of the weights
    cutoff: int  # tokens of the longest row
    batch: int
    micro_batch: int
    optimizer: str = "adamw"  # or adamw_8bit
    batching: str = "grouped"
    attention: str = "sdpa"
    gradient_checkpointing: bool = False
    rank: int = 16
    targets: str | Sequence[str] = "all-linear"  # as adapt takes them
    dropout: float = 0.0
    dora: bool = False
    loss_positions: int | None = None
    exam_tokens: int = 0  # of a forward pass of the exam
    exam_held: int = 0  # tokens whose keys and values the exam holds at once
    rungs: bool = False  # whether exams come between updates too
    device: str = "cpu"
    shards: int = 1
    members: int = 1
    pass_tokens: int = 0  # 0: a micro-batch is computed at a time

    @property
    def tokens(self) -> int:
        """Positions of a micro-batch at worst: every row is as long as the cut-off lets it be."""
        return self.pass_tokens or self.micro_batch * self.cutoff

    @property
    def length(self) -> int:
        """Positions that attention sees as one row."""
        return self.tokens if self.joined else self.cutoff

    @property
    def joined(self) -> bool:
        """Whether a micro-batch is one row, as csft.data.batches joins them."""
        if self.pass_tokens:
            return True
        return self.batching == "packed" or (self.batching == "best_fit" and (self.flash or self.varlen))

    @property
    def flash(self) -> bool:
        """Whether attention runs in a flash-attention package, which needs no mask."""
        return self.attention.startswith("flash")

    @property
    def varlen(self) -> bool:
        """Whether attention runs record by record (csft/model/varlen.py), which needs no mask either."""
        return self.attention == "sdpa_varlen"

    @property
    def masked(self) -> bool:
        """Whether attention is given a mask, to keep the records of a row apart."""
        return self.attention == "sdpa" and self.own_positions

    @property
    def own_positions(self) -> bool:
        """Whether every row has positions of its own, because rows hold several records."""
        return bool(self.pass_tokens) or self.batching in ("packed", "best_fit")

    @property
    def accumulates(self) -> bool:
        """Whether an update has several micro-batches or passes, so that gradients wait for the next."""
        if self.pass_tokens:
            return self.members * self.batch * self.cutoff > self.pass_tokens
        return self.batch > self.micro_batch

    @property
    def full(self) -> bool:
        """Whether all weights are trained."""
        return self.tune == "full"

    @property
    def names(self) -> tuple[str, ...]:
        """The linear layers that carry an adapter; empty for all of the blocks."""
        return () if isinstance(self.targets, str) else tuple(self.targets)

    @property
    def weight_bytes(self) -> int:
        """Bytes of a weight that is not compressed: qlora computes in what peft makes of it, float32."""
        return 4 if self.tune == "qlora" else BYTES[self.dtype]

    @property
    def trained_bytes(self) -> int:
        """Bytes of a trained weight: adapters are float32 (peft's autocast_adapter_dtype)."""
        return self.weight_bytes if self.full else 4
