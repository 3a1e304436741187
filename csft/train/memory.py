"""The memory a training run will need, reckoned before the model is loaded.

What is alive at the same time decides, not the sum of everything. Weights always are, optimiser states from
the first step on. Gradients grow while activations shrink, block by block from the last to the first, so
the most is needed at one of the ends:

    loss           all activations, the logits of a chunk, the head's gradient
    last norm      all activations, its float32 copies
    last block     all activations, what the block's backward pass needs in passing
    first block    one block's activations, all gradients
    embedding      all gradients, and the embedding's once more where there is one to add it to
    optimiser      all gradients, the working copies of the largest weight
    exam           weights, a forward pass, logits where a question ends; states too if it comes in between

Where an update has several micro-batches all gradients are there from the start. Bytes per trained weight:
its gradient has its type; AdamW's two states as well, or one byte each and a float32 scale for every 256
numbers (`adamw_8bit`; states of under 4096 numbers, or of no multiple of 256, keep the weight's type).
LoRA's are float32. `qlora` holds the blocks' matrices in NF4, 4 bits and 8.125 / 64 for the scales (Dettmers
et al. 2023, section 3), and everything else in float32, as peft prepares it.

Not reckoned but held in reserve: CUDA's context and libraries, the workspaces of matrix products, and what
the allocator cannot use because it lies in pieces. GB are 10⁹ bytes: an "80 GB" H100 has 85 of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from csft.anatomy import Anatomy
from csft.train import activations
from csft.train.workload import Workload

GB = 1e9
NF4_BYTES = 0.5 + (1 + 4 / 256) / 64
EIGHT_BIT_STATE = 1 + 4 / 256
RESERVE = {"cpu": (0.2 * GB, 0.03), "cuda": (0.8 * GB, 0.04)}  # bytes, and a share of the rest
# Bytes per number of the largest weight while adamw_8bit works on it: on a processor as measured with torchao
# 0.18, one operation at a time; compiled on a GPU, three float32 numbers, which is a guess.
_STEP_BYTES = {"cpu": 45, "cuda": 12}
# Tokens of a short question; positions whose logits are read of it where an answer is drafted.
_EXAM_PROMPT, _EXAM_POSITIONS = 32, 4


@dataclass(frozen=True)
class Moment:
    """What is alive at one moment besides weights, in bytes."""

    name: str
    gradients: float
    optimizer: float
    activations: float
    temporary: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.gradients + self.optimizer + self.activations + self.temporary


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes by what they are for, at the moment that needs most of them."""

    weights: float
    peak: Moment
    reserve: float
    doubt: str = ""

    @property
    def total(self) -> float:
        """What has to be free."""
        return self.weights + self.peak.total + self.reserve

    def line(self, capacity: float) -> str:
        """Give `needs 71.0 of 80.0 GB: weights 15.5, gradients 15.5, …`, in 10⁹ bytes."""
        parts = {
            "weights": self.weights,
            "gradients": self.peak.gradients,
            "optimiser": self.peak.optimizer,
            "activations": self.peak.activations,
            "temporary": self.peak.temporary,
            "reserve": self.reserve,
        }
        listed = ", ".join(f"{name} {_gb(size)}" for name, size in parts.items() if size)
        rough = f" (roughly: {self.doubt})" if self.doubt else ""
        return f"needs {_gb(self.total)} of {_gb(capacity)} GB{rough}: {listed}; most at the {self.peak.name}"


def memory_plan(net: Anatomy, work: Workload) -> MemoryPlan:
    """Reckon what `work` on `net` needs on one device."""
    weights = weight_bytes(net, work)
    peak = max(moments(net, work), key=lambda moment: moment.total)
    fixed, share = RESERVE[work.device]
    reserve = fixed + share * (weights + peak.total)
    return MemoryPlan(weights, peak, reserve, _doubt(net, work))


def weight_bytes(net: Anatomy, work: Workload) -> float:
    """Bytes of the weights, adapters included."""
    rest = net.parameters - net.blocks
    blocks = net.blocks * (NF4_BYTES if work.tune == "qlora" else work.weight_bytes)
    adapter = 0 if work.full else net.adapter(work.rank, work.names) * work.trained_bytes * work.members
    return (blocks + rest * work.weight_bytes + adapter) / work.shards


def gradient_bytes(net: Anatomy, work: Workload) -> float:
    """Bytes of all gradients."""
    return sum(size * count for size, count in _trained(net, work)) * work.trained_bytes / work.shards


def state_bytes(net: Anatomy, work: Workload) -> float:
    """Bytes of the optimiser's two states."""

    def each(size: int) -> float:
        small = work.optimizer == "adamw" or size < 4096 or size % 256
        return work.trained_bytes if small else EIGHT_BIT_STATE

    return sum(2 * size * count * each(size) for size, count in _trained(net, work)) / work.shards


def moments(net: Anatomy, work: Workload) -> Iterator[Moment]:
    """What is alive at every moment that could be the peak."""
    everything, states = gradient_bytes(net, work), state_bytes(net, work)
    table = net.embedding * work.trained_bytes / work.shards if work.full else 0.0
    down = _down(net, work)
    early, late = everything, everything
    if not work.accumulates:
        early, late = table, everything - (0 if net.tied else table) - _first_block(net, work)
    kept = activations.saved(net, work)
    inner = kept - activations.ends(net, work) + activations.recomputed(net, work)
    alone = activations.block(net, work) + activations.shared(net, work)
    passing = activations.block_backward(net, work) + down
    again = table if work.accumulates else 0.0  # the head's gradient before it is added
    twice = table if work.accumulates or net.tied else 0.0
    for name, gradients, active, temporary in (
        ("loss", early, kept, _loss(net, work) + again),
        ("last norm", early, kept, activations.last_norm(net, work)),
        ("last block", early, inner, passing),
        ("first block", late, alone, passing),
        ("embedding", everything, activations.shared(net, work), twice),
        ("optimiser's step", everything, 0.0, _step(net, work)),
    ):
        yield Moment(name, gradients, states, active, temporary + _gathered(net, work))
    exam = activations.forward_only(net, work, work.exam_tokens) + _exam_logits(net, work)
    exam += _exam_cache(net, work)
    yield Moment(
        "exam", 0.0, states if work.rungs or work.members > 1 else 0.0, 0.0, exam + _gathered(net, work)
    )


def _trained(net: Anatomy, work: Workload) -> Iterator[tuple[int, int]]:
    """Numbers of trained tensors: of what size, how many."""
    if not work.full:
        for kind in net.adapted(work.names):
            yield work.rank * kind.inputs, kind.count * work.members
            yield work.rank * kind.outputs, kind.count * work.members
        return
    for kind in net.linears:
        yield kind.inputs * kind.outputs, kind.count
    yield net.embedding, 1 if net.tied else 2
    yield 1, net.vectors


def _loss(net: Anatomy, work: Workload) -> float:
    """Logits in their type and in float32; without chunks their gradients too; hidden states twice."""
    labelled = min(work.tokens, work.batch * work.cutoff)  # of one member of a pass
    chosen = 2 * work.tokens * net.hidden * work.weight_bytes
    if work.loss_positions is None:
        return work.tokens * net.vocabulary * (12 + work.weight_bytes) + chosen
    return min(work.loss_positions, labelled) * net.vocabulary * (4 + work.weight_bytes) + chosen


def _down(net: Anatomy, work: Workload) -> float:
    """The gradient of the MLP's last matrix, which the widest moment of a block has made already."""
    widest = max((kind for kind in net.linears), key=lambda kind: kind.inputs, default=None)
    return widest.inputs * widest.outputs * work.trained_bytes if widest and work.full else 0.0


def _first_block(net: Anatomy, work: Workload) -> float:
    """Gradients that the first block has not made yet."""
    return net.blocks / net.layers * work.trained_bytes / work.shards if work.full else 0.0


def _step(net: Anatomy, work: Workload) -> float:
    """The fused AdamW works in place; the 8-bit one on copies of a weight."""
    if work.optimizer == "adamw":
        return 0.0
    return _STEP_BYTES[work.device] * max(size for size, _ in _trained(net, work)) / work.shards


def _gathered(net: Anatomy, work: Workload) -> float:
    """FSDP: whole weights of two blocks, embedding and head; a block's whole gradients, float32 ones too."""
    if work.shards == 1:
        return 0.0
    one = net.blocks / net.layers
    outside = (net.embedding + net.head) * work.weight_bytes
    return outside + one * (2 * work.weight_bytes + (4 + work.trained_bytes) * work.full)


def _exam_logits(net: Anatomy, work: Workload) -> float:
    rows = work.exam_tokens // _EXAM_PROMPT
    return rows * net.vocabulary * (_EXAM_POSITIONS * work.weight_bytes + 2 * 4)


def _exam_cache(net: Anatomy, work: Workload) -> float:
    """Keys and values, once more while the cache grows by a layer."""
    layer = 2 * net.kv_heads * net.head_dim * work.weight_bytes
    return work.exam_held * layer * (net.layers + 1)


def _doubt(net: Anatomy, work: Workload) -> str:
    dora = "DoRA's own activations are not known" if work.dora and not work.full else ""
    return "; ".join(reason for reason in (net.doubt, dora) if reason)


def _gb(size: float) -> str:
    return f"{size / GB:.1f}" if size >= 0.95 * GB else f"{size / GB:.2g}"
