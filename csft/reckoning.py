"""What a trial will need of its machine, reckoned before a weight is read, and the meter of how it runs."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from csft import exam, model, train
from csft.anatomy import Anatomy
from csft.config import Config
from csft.console import say
from csft.ranks import Ranks

if TYPE_CHECKING:
    from csft.train import Meter

TARGETS = {"linear": "all-linear", "attention": ["q_proj", "k_proj", "v_proj", "o_proj"]}


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


def check_memory(
    config: Config, net: Anatomy, device: str, ranks: Ranks, *, attention: str, optimizer: str, rungs: bool
) -> str:
    """Print and give the memory plan; MemoryPlanError with the settings that would help if it cannot fit.

    `rungs`: exams come between updates too, beside the optimiser's states.
    """
    settings, tune, kind = config.train, config.tune, device.partition(":")[0]
    work = train.Workload(
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
    free = train.capacity(device)
    plan = train.check_fits(net, work, free)
    line = plan.line(free)
    say(f"  memory     {line}")
    return line


def meter(config: Config, net: Anatomy, device: str, ranks: Ranks) -> "Meter":
    """What measures tokens per second, the share of the GPUs' peak where it is known, and memory."""
    targets = TARGETS[config.tune.targets]
    named = () if isinstance(targets, str) else tuple(targets)
    cost = train.training_cost(net, config.tune.method, config.tune.rank, named)
    peak = train.device_peak(device, config.model.dtype)
    return train.Meter(device, cost, peak * ranks.count if peak else None)
