"""What a trial will need of its machine, reckoned before a weight is read, and the meter of how it runs."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, NamedTuple

from csft import exam, model, train
from csft.anatomy import Anatomy
from csft.config import Config
from csft.console import say
from csft.ranks import Ranks

if TYPE_CHECKING:
    from csft.train import Meter

TARGETS = {"linear": "all-linear", "attention": ["q_proj", "k_proj", "v_proj", "o_proj"]}


class Memory(NamedTuple):
    """The plan of a device's memory as printed, and the bytes that it leaves free."""

    line: str
    spare: float


def anatomy(config: Config, path: str) -> Anatomy:
    """The sizes of the model that is to be tuned."""
    if config.model.init == "checkpoint":
        return model.anatomy(path)
    return model.scratch_anatomy(
        model.vocabulary_size(model.load_tokenizer(path)), **asdict(config.model.shape)
    )


def optimizer(config: Config, ranks: Ranks) -> tuple[str, str]:
    """The optimiser's name and why; adapters are float32 beside any base."""
    narrow = config.tune.method == "full" and config.model.dtype == "bfloat16"
    return train.choose_optimizer(config.train.optimizer, narrow, ranks.kind == "fsdp")


def workload(
    config: Config,
    net: Anatomy,
    device: str,
    ranks: Ranks,
    *,
    attention: str,
    optimizer: str,
    rungs: bool,
) -> train.Workload:
    """What memory depends on; `rungs`: exams come between updates too, beside the optimiser's states."""
    settings, tune, kind = config.train, config.tune, device.partition(":")[0]
    return train.Workload(
        tune=tune.method,
        dtype=config.model.dtype,
        cutoff=config.cutoff,
        batch=max(settings.micro_batch, settings.batch // ranks.count),
        micro_batch=settings.micro_batch,
        optimizer=optimizer,
        batching=settings.batching,
        attention=attention,
        gradient_checkpointing=settings.gradient_checkpointing,
        rank=tune.rank,
        targets=TARGETS[tune.targets],
        dropout=tune.dropout,
        dora=tune.dora,
        loss_positions=train.loss_positions(net, kind),
        exam_tokens=config.exam.batch_tokens,
        exam_held=exam.HELD * config.exam.batch_tokens,
        rungs=rungs,
        device=kind,
        shards=ranks.count if ranks.kind == "fsdp" else 1,
    )


def check_memory(net: Anatomy, work: train.Workload, device: str, held: int = 0) -> Memory:
    """Print and give the memory plan; MemoryPlanError with the settings that would help if it cannot fit.

    `held`: bytes of a base that an earlier trial left on the device, which this one uses or which is freed
    for it.
    """
    free = train.capacity(device) + held
    plan = train.check_fits(net, work, free)
    line = plan.line(free)
    say(f"  memory     {line}")
    return Memory(line, free - plan.total)


class Pack(NamedTuple):
    """How many trainings a base takes at once, the tokens of a pass over it, and the plan as printed."""

    members: int
    most_tokens: int
    line: str


def pack(net: Anatomy, work: train.Workload, device: str, most: int) -> Pack:
    """The largest pack up to `most` of trainings like this one that fits, on a base that is there already."""
    # A base holds no adapter, and its bytes are not free.
    base = train.weight_bytes(net, replace(work, rank=0))
    free = train.capacity(device) + base
    planned = train.pack_plan(net, work, free, most)
    return Pack(planned.members, planned.tokens, planned.line(free))


def meter(config: Config, net: Anatomy, device: str, ranks: Ranks) -> "Meter":
    """What measures tokens per second, the share of the GPUs' peak where it is known, and memory."""
    targets = TARGETS[config.tune.targets]
    named = () if isinstance(targets, str) else tuple(targets)
    cost = train.training_cost(net, config.tune.method, config.tune.rank, named)
    peak = train.device_peak(device, config.model.dtype)
    return train.Meter(device, cost, peak * ranks.count if peak else None)
