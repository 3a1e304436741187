"""The weights of a trial: what is chosen for them, loading, adapting, keeping."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from csft import model, reckoning, summary, train
from csft.console import say
from csft.examining import told
from csft.files import hash_value
from csft.identity import model_hash
from csft.job import Job
from csft.model import warm
from csft.track.runfolder import ADAPTER, CHECKPOINT
from csft.workers import cores

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def settle(job: Job) -> None:
    """Choose what `auto` leaves open and see that memory suffices, before a weight is read."""
    config = job.config
    _limit_threads(job)
    job.attention = model.choose_attention(config.attention, job.device, config.model.dtype)
    job.optimizer = reckoning.optimizer(config, job.ranks)
    base = warm.kept()
    job.workload = reckoning.workload(
        config,
        job.anatomy,
        job.device,
        job.ranks,
        attention=job.attention[0],
        optimizer=job.optimizer[0],
        rungs=job.watch.every is not None,
    )
    held = base.bytes_on(job.device) if base else 0
    job.memory, job.spare = reckoning.check_memory(job.anatomy, job.workload, job.device, held)


def load(job: Job) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """The net and its tokenizer: of the base that this worker keeps, or read; what was chosen is printed."""
    config, method = job.config, job.config.tune.method
    attention, reason = job.attention
    base = warm.base(_base_key(job), lambda: _read(job))
    in_main_memory = method == "full" and not job.device.startswith("cpu")
    net, job.base = base.net_for(method, train.capacity("cpu") if in_main_memory else job.spare)
    summary.show_choices(config, job.device, str(model.describe(net)), attention, reason)
    say(f"  weights    {job.base}")
    say(f"  exam       {told(config)}")
    if job.ranks.count > 1:
        say(f"  parallel   {job.ranks.kind}: {job.ranks.count} processes share every update")
    return net, base.tokenizer


def _read(job: Job) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """The checkpoint, or weights drawn at random."""
    config, chosen, (attention, _) = job.config, job.config.model, job.attention
    four_bit = config.tune.method == "qlora"
    if chosen.init == "random":
        return model.scratch(
            job.where.model,
            **asdict(chosen.shape),
            dtype=chosen.dtype,
            attention=attention,
            device=job.device,
        )
    return model.load(job.where.model, attention, chosen.dtype, job.device, four_bit)


def _base_key(job: Job) -> str:
    """Hash what decides a base in memory: its content, where it was read from, its form and place."""
    chosen = job.config.model
    recipe = asdict(chosen.shape) if chosen.init == "random" else None
    content = [model_hash(job.config, job.where), job.where.model, recipe]
    return hash_value(
        [content, chosen.dtype, job.attention[0], job.device, job.config.tune.method == "qlora"]
    )


def adapt(job: Job, net: "PreTrainedModel") -> "PreTrainedModel":
    """The net with what is to be trained of it, and all else frozen."""
    tune = job.config.tune
    tuned: PreTrainedModel = model.adapt(
        net,
        tune.method,
        tune.rank,
        tune.alpha,
        dropout=tune.dropout,
        targets=reckoning.TARGETS[tune.targets],
        rslora=tune.rslora,
        dora=tune.dora,
        seed=job.config.seed,
    )
    say(f"  tune       {tune.method}: {model.describe(tuned)}")
    say("  optimiser  {} ({})".format(*job.optimizer))
    return tuned


def save(job: Job, net: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    """Keep the tuned model, or the adapter, in the run folder."""
    if job.config.tune.method == "full":
        model.save(net, folder / CHECKPOINT, tokenizer=tokenizer)
    else:
        model.save_adapter(net, folder / ADAPTER)


def _limit_threads(job: Job) -> None:
    import torch

    torch.set_num_threads(job.config.site.threads or _share(job))


def _share(job: Job) -> int:
    """The cores, or what a worker was given of them; torchrun says 1 whatever there is."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and job.ranks.count == 1 else job.ranks.threads(cores())
