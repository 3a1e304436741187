"""How a trial's net is tuned: settings of the trial in the words of the training room."""

import tempfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from csft import feeding, reckoning, train
from csft.examining import forget
from csft.job import Job
from csft.rungs import Log

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def tune(
    job: Job,
    net: "PreTrainedModel",
    batches: feeding.Batches,
    log: Log,
    *,
    start: train.Checkpoint | None,
    visit: train.Visit,
) -> dict[str, Any]:
    """Tune the net; how it went, with the loss on what was held out of the mix."""
    with job.timed("training"):
        fitted = fit(job, net, batches, log, start=start, visit=visit)
    if start is None or start.step < fitted.updates:
        forget(job)  # answers that an earlier attempt's net gave
    went = {**asdict(fitted), "tokens_per_s": fitted.tokens_per_s}
    mixture = batches.mixture
    if len(mixture.held_out):
        with job.timed("validation"):
            went["validation_loss"] = train.validation_loss(
                net, mixture.rows, batches.plan(mixture.held_out), batches.collate
            )
    return went


def fit(
    job: Job,
    net: "PreTrainedModel",
    batches: feeding.Batches,
    log: Log,
    *,
    start: train.Checkpoint | None,
    visit: train.Visit | None = None,
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
        )
