"""The way of one trial: raw records to tokens, base to tuned model, questions to scores, all to a folder."""

import shutil
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft import exam, feeding, model, staging, summary, track, train, weights
from csft.config import Config, check
from csft.console import say
from csft.conversing import Talk, base_talk
from csft.data import hold_out
from csft.errors import DivergedError, PrunedError, SettingError, StoppedError
from csft.examining import WHO, asking, base_letters, forget, numbers, score
from csft.files import write_json
from csft.identity import identify
from csft.job import BETWEEN, Job
from csft.orders import Converse, Examine, Steps, Train, Wait, serve
from csft.places import places
from csft.ranks import Ranks, join
from csft.result import OBJECTIVE_SPLIT, TrialResult, from_folder, predictions
from csft.rungs import Log, Rungs, tell
from csft.splits import Splits, gather, scored
from csft.stages import Promised, Sharing
from csft.stopping import KEPT, AskedError, stoppable
from csft.track.runfolder import ADAPTER, CHECKPOINT, TRACKING
from csft.tuning import fit
from csft.watch import Watch

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


NOBODY = Watch()


def run(config: Config, watch: Watch = NOBODY) -> TrialResult:
    """Run one trial, or give back its result when the same trial is finished already.

    Everything is written under `<output>/<study.name>/<name>/`; `watch` is shown what happens. Raises
    CsftError for what a user can mend, StoppedError after SIGTERM or Ctrl-C, and what `watch` raises. Several
    processes (`parallel`) call it alike and all get the result.
    """
    ranks = join(config.parallel.kind, config.site.device)
    # The others end with the leader, which alone writes anything.
    with stoppable(lambda: BETWEEN) if ranks.leads else nullcontext():
        return serve(steps(config, watch))


def steps(config: Config, watch: Watch = NOBODY) -> Steps[TrialResult]:
    """The same trial for whoever serves its orders, alone or with those of other trials."""
    check(config)
    ranks = join(config.parallel.kind, config.site.device)
    _check_shares(config, ranks)
    _check_watch(watch, ranks)
    settled = _settle(config, ranks, watch if ranks.leads else NOBODY)
    if isinstance(settled, TrialResult):
        result = settled
    else:
        mine = (yield from _in_folder(settled)) if ranks.leads else _train_along(settled)
        result = ranks.agree(mine)
    if ranks.leads:
        summary.show(result, config)
    return result


def _settle(config: Config, ranks: Ranks, watch: Watch) -> TrialResult | Job:
    """What is known of a trial before anything heavy is loaded; or its result, when that is there."""
    with ranks.in_turn():
        where = places(config)
        device = ranks.device(model.choose_device(config.site.device))
        splits = gather(config.exam, where.data, where.exam, where.cache)
        if watch.every is not None and OBJECTIVE_SPLIT not in splits:
            raise SettingError("study.pruner.every", watch.every, "no pruner where nothing can be held out")
        held_out = hold_out(where.data, where.cache, config.chat.dialogues)
        identity = identify(config, where, device, splits, held_out)
    ranks.check_alike("trial", identity.hash)
    found = (track.find_finished(study, identity.hash) for study in where.reused)
    finished = ranks.agree(next(filter(None, found), None))
    if finished:
        say(f"This trial is finished: its result is reused from {finished.path}")
        result = from_folder(finished)
        updates = int(result.training["updates"])
        watch.began(result.folder, updates)
        tell(watch, result.curves, result.rungs, updates)
        return result
    return Job(config, where, device, splits, identity, ranks, held_out, watch=watch)


def _check_shares(config: Config, ranks: Ranks) -> None:
    batch, micro_batch = config.train.batch, config.train.micro_batch
    if batch // micro_batch < ranks.count:
        allowed = f"at most {batch // ranks.count} where {ranks.count} processes share train.batch={batch}"
        raise SettingError("train.micro_batch", micro_batch, f"{allowed}, or some would have no work")


def _check_watch(watch: Watch, ranks: Ranks) -> None:
    if watch.every is None:
        return
    if not watch.every > 0:
        raise SettingError("study.pruner.every", watch.every, "a number of epochs above 0")
    if ranks.count > 1:
        alone = "pruner=none: exams during training need parallel=none, since one process would take them"
        raise SettingError("study.pruner.every", watch.every, f"{alone} while the others wait")


def _in_folder(job: Job) -> Steps[TrialResult]:
    config = job.config
    folder = _claimable(job.folder.path)
    tracker = track.new_tracker(
        config.tracker.kind, config.tracker.project, config.tracker.entity, config.tracker.mode
    )
    train.high_water.reset(job.device)
    with folder.claim():
        rungs = Rungs(job)
        start = job.ranks.agree(_rewind(job, folder, rungs))
        folder.write_config(asdict(config))
        folder.write_manifest(_manifest(job))
        try:
            say(f"csft trial {job.name}, study {config.study.name}")
            tracker.start(
                folder,
                asdict(config),
                study=config.study.name,
                name=job.name,
                identity=job.identity.hash,
                tags=track.tags(asdict(config)),
            )
            result = yield from _work(job, folder, tracker, start, rungs)
        except BaseException as raised:
            error = _told(raised, job)
            with suppress(OSError):  # a full disk; the error itself is what counts
                folder.fail(failure(error))
            _end(job, tracker, error)
            if error is raised:
                raise
            raise error from None
        stored = result.as_dict()
        folder.finish(stored)
        tracker.finish(stored)
        write_json(folder.path / TRACKING, tracker.state.as_dict())
        job.checkpoints.clear()
        rungs.clear()
    return result


def _end(job: Job, tracker: track.Tracker, error: BaseException) -> None:
    """Close what an unfinished trial leaves; one that was given up is not gone on with."""
    if isinstance(error, PrunedError):
        tracker.prune(str(error))
        job.checkpoints.clear()
        forget(job)
    else:
        tracker.abandon(f"{type(error).__name__}: {error}")
    with suppress(OSError):
        write_json(job.folder.path / TRACKING, tracker.state.as_dict())


def _train_along(job: Job) -> Any:
    """What every process but the first does of a trial: it trains. Folder, tracker and exams are not its."""
    start: train.Checkpoint | None = job.ranks.agree(None)
    weights.settle(job)
    net, tokenizer = weights.load(job)
    batches = feeding.batches(job, net, tokenizer, feeding.mixture(job, tokenizer))
    fit(job, weights.adapt(job, net), batches, lambda step, values: None, start=start)


def _claimable(path: Path) -> track.RunFolder:
    folder = track.RunFolder(path)
    if damaged := folder.damage():
        say(f"{path}: {', '.join(damaged)} changed since the trial; kept as {folder.set_aside().name}")
    return track.RunFolder.open(path)


def _rewind(job: Job, folder: track.RunFolder, rungs: Rungs) -> train.Checkpoint | None:
    """Bring the folder back to the last good checkpoint of an earlier attempt, or to nothing."""
    start = job.checkpoints.latest()
    if start:
        say(f"This trial goes on after update {start.step}, from {start.folder}")
    folder.rewind(start.step if start else None)
    rungs.rewind(start.step if start else None)
    if start:
        staging.book(job, start, rungs.taken.values())
    for name in (CHECKPOINT, ADAPTER):
        shutil.rmtree(folder.path / name, ignore_errors=True)
    return start


def _told(error: BaseException, job: Job) -> BaseException:
    """The error that ends a trial; a request to stop is told with the stage that it came in."""
    return StoppedError(error.by, job.place, KEPT) if isinstance(error, AskedError) else error


def failure(error: BaseException) -> dict[str, Any]:
    """What a study has to know of a trial that did not finish."""
    told: dict[str, Any] = {"kind": type(error).__name__, "message": str(error)}
    if isinstance(error, DivergedError):
        told |= {"update": error.update, "last_loss": error.last_loss}
    if isinstance(error, PrunedError):
        told |= {"epoch": error.epoch, "score": error.score}
    return told


def _work(
    job: Job,
    folder: track.RunFolder,
    tracker: track.Tracker,
    start: train.Checkpoint | None,
    rungs: Rungs,
) -> Steps[TrialResult]:
    def log(step: int, values: dict[str, float]) -> None:
        folder.log(step, values)
        tracker.log(step, values)

    ready = _prepare(job, folder)
    sharing = staging.sharing(job, ready.batches)
    net, tokenizer, asked = ready.net, ready.tokenizer, ready.asked
    try:
        begin = yield from _begin(job, sharing, start, rungs, log)
        rungs.tell(log)
        visit = rungs.visit(net, tokenizer, asked.get(OBJECTIVE_SPLIT, []), log)
        with job.timed("training"):
            fitted = yield Train(job, net, ready.batches, log, begin, visit, sharing)
    finally:
        if sharing:
            sharing.end()
    training = _training(job, net, ready.batches, fitted, start)
    if job.config.train.save:
        with job.timed("save"):
            weights.save(job, net, tokenizer, folder.path)
    with job.timed("exam"):
        answers = yield Examine(job, net, tokenizer, asked)
    for split, questions in asked.items():
        folder.write_predictions(split, predictions(questions, answers[split], ready.base[split]))
    with job.timed("chat"), numbers(job.updates):
        talk, said = yield Converse(job, net, tokenizer)
    if said:
        folder.write_chat(said)
    forget(job)
    return TrialResult(
        identity=job.identity.hash,
        folder=folder.path,
        scores={split: score(asked[split], answers[split]) for split in asked},
        base={split: exam.score(ready.base[split], questions) for split, questions in asked.items()},
        chat=talk,
        base_chat=ready.base_talk,
        curves=folder.metrics(),
        truncation=folder.truncation,
        drawn=[asdict(one) for one in ready.batches.mixture.table],
        training=training,
        seconds=job.seconds,
        rungs=list(rungs.taken.values()),
        memory_gb=job.most_memory / 1e9,
        processes=job.ranks.count,
    )


@dataclass(frozen=True)
class _Ready:
    """What a trial trains and is measured with."""

    net: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    batches: feeding.Batches
    asked: Splits
    base: dict[str, dict[int, str]]  # letters of the untrained model, by split and question
    base_talk: Talk


def _prepare(job: Job, folder: track.RunFolder) -> _Ready:
    """Load, read and plan; examine the untrained model, unless an earlier trial did."""
    weights.settle(job)
    folder.write_manifest(_manifest(job))
    with job.timed("load"):
        net, tokenizer = weights.load(job)
    with job.timed("data"):
        mixture = feeding.mixture(job, tokenizer)
    folder.write_manifest({**_manifest(job), "screened": mixture.screened})
    folder.write_truncation({name: cost.as_dict() for name, cost in mixture.rows.truncation.items()})
    batches = feeding.batches(job, net, tokenizer, mixture)
    summary.show_mix(mixture, job.config, batches.epoch(0))
    job.updates = len(train.Epochs(batches.epoch, job.config.epochs))
    job.watch.began(folder.path, job.updates)
    asked = scored(job.config, job.splits)
    with job.timed("base exam"):
        base = base_letters(job, net, tokenizer, asked)
    with job.timed("base chat"):
        talk = base_talk(job, net, tokenizer)
    return _Ready(weights.adapt(job, net), tokenizer, batches, asked, base, talk)


def _begin(
    job: Job, sharing: Sharing | None, own: train.Checkpoint | None, rungs: Rungs, log: Log
) -> Steps[train.Checkpoint | None]:
    """What training goes on from: the trial's own checkpoint, a stage that others trained, or nothing."""
    if sharing is None:
        return own
    while isinstance(start := sharing.claim(own), Promised):
        yield Wait(str(start), lambda: sharing.promised() is None)
    if start is not None and start is not own:
        staging.adopt(job, start, rungs, log)
    return start


def _training(
    job: Job,
    net: "PreTrainedModel",
    batches: feeding.Batches,
    fitted: train.FitResult,
    start: train.Checkpoint | None,
) -> dict[str, Any]:
    """How training went, with the loss on what was held out of the mix."""
    if start is None or start.step < fitted.updates:
        forget(job)  # answers that an earlier attempt's net gave
    went = {**asdict(fitted), "tokens_per_s": fitted.tokens_per_s, "companions": job.companions}
    mixture = batches.mixture
    if len(mixture.held_out):
        with job.timed("validation"):
            went["validation_loss"] = train.validation_loss(
                net, mixture.rows, batches.plan(mixture.held_out), batches.collate
            )
    return went


def _manifest(job: Job) -> dict[str, Any]:
    return {
        "identity": job.identity.hash,
        "parts": job.identity.parts,
        "environment": track.environment(),
        "device": job.device,
        "attention": list(job.attention),
        "optimizer": list(job.optimizer),
        "memory": job.memory,
        "base": job.base,
        "processes": job.ranks.count,
        "places": {key: str(value) for key, value in asdict(job.where).items()},
        "questions": {split: len(questions) for split, questions in job.splits.items()},
        "exam": {who: asdict(asking(job.config, tuned)) for who, tuned in WHO.items()},
        "started": job.started,
    }
