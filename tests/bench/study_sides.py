"""One whole study by csft or by LLaMA-Factory: the commands, and what they left behind."""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import measure
import yaml
from measure import Run
from study_plan import BATCH, PACK, RANK, SEED, WARMUP, Model, Side, Trial
from study_world import TEMPLATE, dataset, with_exams

HERE = Path(__file__).resolve().parent
STUDY = "bench"
OFFLINE = dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"), "1")
Commands = dict[str, list[str]]


def run(given: argparse.Namespace, world: Path, one: Model, tune: str, side: Side) -> Run:
    """Run the study with nothing cached, and add what each trial did to the figures as `trials`."""
    work = world / "run"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    trials = one.trials(tune)
    if side.peer:
        commands, env = (
            _peer(given, world, work, tune, trials),
            {"HF_HOME": str(work / "cache"), "PYTHONPATH": ""},
        )
    else:
        commands, env = _csft(given, world, work, one, tune, side), {"CSFT_CACHE": str(work / "cache")}
    listed = work / "commands.json"
    listed.write_text(json.dumps({"folder": str(work), "commands": commands}), encoding="utf-8")
    if given.threads:
        env["OMP_NUM_THREADS"] = str(given.threads)
    done = measure.run([sys.executable, HERE / "study_commands.py", listed], {**env, **OFFLINE}, given.quiet)
    done.figures["trials"] = _peer_trials(work, trials) if side.peer else _csft_trials(work, trials)
    shutil.rmtree(work)  # weights of every trial
    return done


def _csft(given: argparse.Namespace, world: Path, work: Path, one: Model, tune: str, side: Side) -> Commands:
    """One command, or one per trial. They name what is equal on both sides; all else is csft's default."""
    root = with_exams(world) if side.exams else world / "raw"
    # No trial is judged without an exam, but for its time, and then auto packs none: it is told to.
    together = () if side.exams or tune == "full" else (f"study.pack={PACK}",)
    words = [
        *("+mix=dialogue", "mix.datasets.medicaldialog=0", f"data.root={root}"),
        *(f"data.template={TEMPLATE}", "model=hf", f"model.path={world / 'model'}", f"tune={tune}"),
        *(f"train.batch={BATCH}", f"train.micro_batch={BATCH}", f"train.batching={given.batching}"),
        *("train.schedule=constant", f"train.warmup_updates={WARMUP}", "train.optimizer=adamw"),
        *(f"seed={SEED}", "chat.dialogues=0", "tracker=none", f"output={work}", f"study.name={STUDY}"),
        *((f"tune.rank={RANK}", f"tune.alpha={2 * RANK}") if tune == "lora" else ()),
        *(_exams(given) if side.exams else ("exam.test=false", "exam.select_per_sub_exam=0")),
        *(*together, *side.words),
    ]
    python = [sys.executable, "-m", "csft.run"]
    if side.apart:
        settings = {trial.name: _settings(trial) for trial in one.trials(tune)}
        return {name: [*python, *words, *setting] for name, setting in settings.items()}
    space = {"cutoff": one.cutoffs, "lr": one.rates[tune], "epochs": one.epochs}
    tried = [f"{name}={','.join(f'{value:g}' for value in values)}" for name, values in space.items()]
    judged = [] if side.exams else ["study.objectives=[gpu_hours]"]
    return {"study": [*python, "-m", *words, *tried, "sampler=grid", *judged]}


def _exams(given: argparse.Namespace) -> list[str]:
    return [f"exam.per_sub_exam={given.per_sub_exam}"] if given.per_sub_exam else []


def _settings(trial: Trial) -> list[str]:
    return [f"cutoff={trial.cutoff}", f"lr={trial.lr:g}", f"epochs={trial.epochs}"]


def _peer(given: argparse.Namespace, world: Path, work: Path, tune: str, trials: list[Trial]) -> Commands:
    cli = str(Path(given.peer).parent / "llamafactory-cli")
    commands = {}
    for trial in trials:
        path = work / f"{trial.name}.yaml"
        path.write_text(yaml.safe_dump(_peer_settings(world, work, tune, trial)), encoding="utf-8")
        commands[trial.name] = [cli, "train", str(path)]
    return commands


def _peer_settings(world: Path, work: Path, tune: str, trial: Trial) -> dict[str, Any]:
    """As its examples are, without gradient checkpointing, which makes a small model slower."""
    settings = {
        "model_name_or_path": str(world / "model"),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": tune,
        "dataset": dataset(trial.cutoff, trial.epochs),
        "dataset_dir": str(world / "peer"),
        "template": "intern2",
        "cutoff_len": trial.cutoff,
        "overwrite_cache": True,
        "preprocessing_num_workers": 1,
        "output_dir": str(work / trial.name),
        "per_device_train_batch_size": BATCH,
        "learning_rate": trial.lr,
        "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": WARMUP,
        "num_train_epochs": 1,  # of the file that has the records of every epoch
        "disable_shuffling": True,
        "disable_gradient_checkpointing": True,
        "logging_steps": 1,
        "save_strategy": "no",  # the final model is saved all the same
        "use_cpu": True,
        "report_to": "none",
        "seed": SEED,
    }
    return {**settings, "adapter_name_or_path": str(world / "adapter")} if tune == "lora" else settings


def _peer_trials(work: Path, trials: list[Trial]) -> dict[str, Any]:
    found = {}
    for trial in trials:
        state = json.loads((work / trial.name / "trainer_state.json").read_text())["log_history"]
        train = next(line["train_runtime"] for line in state if "train_runtime" in line)
        losses = [line["loss"] for line in state if "loss" in line]
        found[trial.name] = {"loss": losses, "seconds": {"training": train}}
    return found


def _csft_trials(work: Path, trials: list[Trial]) -> dict[str, Any]:
    """Of each trial the losses, the seconds of its stages, how it trained and what it scored."""
    found: dict[str, Any] = {}
    for path in sorted((work / STUDY).glob("*/config.yaml")):
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        trial = Trial(config["cutoff"], config["lr"], int(config["epochs"]))
        lines = [json.loads(line) for line in (path.parent / "metrics.jsonl").read_text().splitlines()]
        losses = [line["train/loss"] for line in lines if "train/loss" in line]
        result = path.parent / "result.json"
        stored = json.loads(result.read_text(encoding="utf-8"))["result"] if result.is_file() else {}
        found[trial.name] = {
            "loss": losses,
            "seconds": stored.get("seconds", {}),
            "training": stored.get("training", {}),
            "score": stored.get("objective"),
            "finished": bool(stored),
        }
    if missing := [trial.name for trial in trials if trial.name not in found]:
        raise RuntimeError(f"csft left no run folder of {', '.join(missing)} in {os.fspath(work)}")
    return found
