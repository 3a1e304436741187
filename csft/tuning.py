"""How a trial's net is tuned: settings of the trial in the words of the training room."""

import tempfile
from typing import TYPE_CHECKING

from csft import feeding, reckoning, train
from csft.job import Job
from csft.rungs import Log
from csft.stages import Sharing

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


def fit(
    job: Job,
    net: "PreTrainedModel",
    batches: feeding.Batches,
    log: Log,
    *,
    start: train.Checkpoint | None,
    visit: train.Visit | None = None,
    sharing: Sharing | None = None,
) -> train.FitResult:
    """Train the net, as every process of a trial does; what the Trainer wants a folder for is thrown away."""
    with tempfile.TemporaryDirectory(prefix="csft-") as scratch:
        return train.fit(
            net,
            batches.mixture.rows,
            batches.epoch,
            batches.collate,
            job.config.train,
            epochs=job.config.epochs,
            lr=job.config.lr,
            seed=job.config.seed,
            device=job.device,
            scratch=scratch,
            log=log,
            checkpoints=job.checkpoints,
            start=start,
            meter=reckoning.meter(job.config, job.anatomy, job.device, job.ranks),
            ranks=job.ranks,
            visit=visit or train.Visit(),
            sharing=sharing,
        )


def member(
    job: Job,
    net: "PeftModel",
    batches: feeding.Batches,
    log: Log,
    *,
    start: train.Checkpoint | None,
    visit: train.Visit,
    sharing: Sharing | None,
) -> train.Member:
    """The same training as one among several on a base."""
    return train.Member(
        net,
        batches.mixture.rows,
        batches.epoch,
        job.config.train,
        epochs=job.config.epochs,
        lr=job.config.lr,
        log=log,
        checkpoints=job.checkpoints,
        start=start,
        meter=reckoning.meter(job.config, job.anatomy, job.device, job.ranks),
        visit=visit,
        sharing=sharing,
        name=job.name,
    )
