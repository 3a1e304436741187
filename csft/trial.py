"""The way of one trial: raw records to tokens, base to tuned model, questions to scores, all to a folder."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft import data, exam, model, summary, track, train
from csft.config import Config, check
from csft.console import say
from csft.files import write_json
from csft.identity import Identity, base_key, identify
from csft.places import Places, places
from csft.result import TrialResult, from_folder, predictions
from csft.splits import Splits, gather, scored

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SAVED = ("model", "adapter")  # folders of the tuned weights, in a run folder
TARGETS = {"linear": "all-linear", "attention": ["q_proj", "k_proj", "v_proj", "o_proj"]}


def run(config: Config) -> TrialResult:
    """Run one trial, or give back its result when the same trial is finished already.

    Everything is written under `<output>/<study.name>/<name>/`. Raises CsftError for what a user can mend.
    """
    check(config)
    where = places(config)
    device = model.choose_device(config.site.device)
    splits = gather(config.exam, where.data, where.exam, where.cache)
    identity = identify(config, where, device, splits)
    finished = track.find_finished(where.study, identity.hash)
    if finished:
        say(f"This trial is finished: its result is reused from {finished.path}")
        result = from_folder(finished)
    else:
        result = _run_in_folder(_Job(config, where, device, splits, identity))
    summary.show(result, config)
    return result


@dataclass
class _Job:
    """One trial that has to be run."""

    config: Config
    where: Places
    device: str
    splits: Splits
    identity: Identity
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`full-c512-e3-lr0.002-lora-s42-1a2b3c4d`: for people; the identity decides."""
        c = self.config
        words = [c.mix.name, f"c{c.cutoff}", f"e{c.epochs:g}", f"lr{c.lr:g}", c.tune.method, f"s{c.seed}"]
        return "-".join([*words, self.identity.hash[:8]])

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage takes, in seconds."""
        started = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - started, 3)


def _run_in_folder(job: _Job) -> TrialResult:
    config = job.config
    folder = _claimable(job.where.study / job.name)
    tracker = track.new_tracker(
        config.tracker.kind, config.tracker.project, config.tracker.entity, config.tracker.mode
    )
    with folder.claim():
        _clear(folder)
        folder.write_config(asdict(config))
        folder.write_manifest(_manifest(job))
        tags = [config.mix.name, f"cutoff {config.cutoff}", config.tune.method]
        try:
            say(f"csft trial {job.name}, study {config.study.name}")
            tracker.start(
                folder,
                asdict(config),
                study=config.study.name,
                name=job.name,
                identity=job.identity.hash,
                tags=tags,
            )
            result = _work(job, folder, tracker)
        except BaseException as error:
            tracker.abandon(f"{type(error).__name__}: {error}")
            raise
        stored = result.as_dict()
        folder.finish(stored)
        tracker.finish(stored)
        write_json(folder.path / "tracking.json", tracker.state.as_dict())
    return result


def _claimable(path: Path) -> track.RunFolder:
    folder = track.RunFolder(path)
    if damaged := folder.damage():
        say(f"{path}: {', '.join(damaged)} changed since the trial; kept as {folder.set_aside().name}")
    return track.RunFolder.open(path)


def _clear(folder: track.RunFolder) -> None:
    """Drop what a killed attempt left: an unfinished trial starts anew."""
    folder.rewind()
    for name in SAVED:
        shutil.rmtree(folder.path / name, ignore_errors=True)


def _work(job: _Job, folder: track.RunFolder, tracker: track.Tracker) -> TrialResult:
    config = job.config
    _limit_threads(config.site.threads)
    with job.timed("load"):
        net, tokenizer = _load(job)
    with job.timed("data"):
        mixture = _mixture(job, tokenizer)
    folder.write_truncation({name: cost.as_dict() for name, cost in mixture.rows.truncation.items()})
    batches = _Batches(config, mixture, net.config._attn_implementation, tokenizer.pad_token_id)
    summary.show_mix(mixture, config, batches.epoch(0))
    asked = scored(config, job.splits)
    with job.timed("base exam"):
        base = _base_scores(job, net, tokenizer, asked)
    net = _adapt(job, net)

    def log(step: int, values: dict[str, float]) -> None:
        folder.log(step, values)
        tracker.log(step, values)

    with job.timed("training"):
        fitted = _fit(job, net, batches, log)
    training = {**asdict(fitted), "tokens_per_s": fitted.tokens_per_s}
    if len(mixture.held_out):
        with job.timed("validation"):
            training["validation_loss"] = train.validation_loss(
                net, mixture.rows, batches.plan(mixture.held_out), batches.collate
            )
    if config.train.save:
        with job.timed("save"):
            _save(job, net, tokenizer, folder.path)
    with job.timed("exam"):
        answers = {split: _ask(job, net, tokenizer, questions) for split, questions in asked.items()}
    for split, questions in asked.items():
        folder.write_predictions(split, predictions(questions, answers[split]))
    return TrialResult(
        identity=job.identity.hash,
        folder=folder.path,
        scores={split: _score(asked[split], answers[split]) for split in asked},
        base=base,
        curves=folder.metrics(),
        truncation=folder.truncation,
        drawn=[asdict(one) for one in mixture.table],
        training=training,
        seconds=job.seconds,
    )


def _load(job: _Job) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    config, chosen = job.config, job.config.model
    attention, reason = model.choose_attention(config.attention, job.device, chosen.dtype)
    four_bit = config.tune.method == "qlora"
    if chosen.init == "random":
        net, tokenizer = model.scratch(
            job.where.model,
            **asdict(chosen.shape),
            dtype=chosen.dtype,
            attention=attention,
            device=job.device,
        )
    else:
        net, tokenizer = model.load(job.where.model, attention, chosen.dtype, job.device, four_bit)
    summary.show_choices(config, job.device, str(model.describe(net)), attention, reason)
    return net, tokenizer


def _mixture(job: _Job, tokenizer: "PreTrainedTokenizerBase") -> data.Mixture:
    config, settings = job.config, job.config.data
    prepared = data.prepare(
        data.chosen(config.mix),
        job.where.data,
        tokenizer,
        model.tokenizer_fingerprint(job.where.model),
        settings.template,
        exam_questions=job.splits,
        rules=data.ScreenRules(settings.near_duplicates, settings.exam_overlap),
        cache=job.where.cache,
    )
    summary.show_datasets(prepared, settings.root)
    how = data.CutOff(config.cutoff, settings.template, settings.mask_history, config.cutoff_policy)
    return data.Mixture(
        prepared, config.mix, how, config.epochs, config.seed, validation=config.train.validation
    )


@dataclass(frozen=True)
class _Batches:
    """How a trial's rows become batches."""

    config: Config
    mixture: data.Mixture
    attention: str
    pad_id: int

    def epoch(self, number: int) -> data.Plan:
        """The updates of an epoch, planned anew for each."""
        return self.plan(self.mixture.epoch(number), number)

    def plan(self, rows: Any, epoch: int = 0) -> data.Plan:
        """Batches of some rows, in a seeded order."""
        settings = self.config.train
        return data.batch_plan(
            self.mixture.rows.lengths,
            settings.batch,
            settings.batching,
            self.config.seed,
            epoch,
            micro_batch=settings.micro_batch,
            cutoff=self.config.cutoff,
            chosen=rows,
            attention=self.attention,
        )

    def collate(self, rows: Any) -> dict[str, Any]:
        """One micro-batch as tensors."""
        return data.collate(rows, self.pad_id, data.joins(self.config.train.batching, self.attention))


def _adapt(job: _Job, net: "PreTrainedModel") -> "PreTrainedModel":
    tune = job.config.tune
    tuned: PreTrainedModel = model.adapt(
        net,
        tune.method,
        tune.rank,
        tune.alpha,
        dropout=tune.dropout,
        targets=TARGETS[tune.targets],
        rslora=tune.rslora,
        dora=tune.dora,
        seed=job.config.seed,
    )
    say(f"  tune       {tune.method}: {model.describe(tuned)}")
    return tuned


def _fit(job: _Job, net: "PreTrainedModel", batches: _Batches, log: Any) -> train.FitResult:
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
        )


def _ask(
    job: _Job, net: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", questions: list[Any]
) -> list[exam.Prediction]:
    settings = job.config.exam
    wrap = partial(data.user_prompt_ids, tokenizer, job.config.data.template)
    return exam.take(
        net,
        tokenizer,
        questions,
        wrap,
        settings.protocol,
        prompt=settings.prompt,
        batch_tokens=settings.batch_tokens,
    )


def _base_scores(
    job: _Job, net: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", asked: Splits
) -> dict[str, exam.Scores]:
    """Score the untrained model, once for all trials on this base and exam."""
    cached = track.RunFolder.open(job.where.bases / base_key(job.config, job.where, job.device, asked)[:32])
    if cached.result() is None:
        say("exam of the untrained model (kept for later trials)")
        for split, questions in asked.items():
            cached.write_predictions(split, predictions(questions, _ask(job, net, tokenizer, questions)))
        cached.finish({"splits": list(asked)})
    return {
        split: exam.score({row["id"]: row["letters"] for row in cached.predictions(split)}, questions)
        for split, questions in asked.items()
    }


def _score(questions: list[Any], answers: list[exam.Prediction]) -> exam.Scores:
    return exam.score({answer.id: answer.letters for answer in answers}, questions)


def _save(job: _Job, net: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    if job.config.tune.method == "full":
        model.save(net, folder / "model", tokenizer=tokenizer)
    else:
        model.save_adapter(net, folder / "adapter")


def _manifest(job: _Job) -> dict[str, Any]:
    return {
        "identity": job.identity.hash,
        "parts": job.identity.parts,
        "environment": track.environment(),
        "device": job.device,
        "places": {key: str(value) for key, value in asdict(job.where).items()},
        "questions": {split: len(questions) for split, questions in job.splits.items()},
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _limit_threads(threads: int) -> None:
    import torch

    # Only Linux tells which cores this process may use.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(threads or cores)
