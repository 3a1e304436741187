"""What decides a trial's result, as one hash: the same identity means the same result."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from csft import exam, model
from csft.cmb import Question
from csft.config import Config
from csft.data import HeldOut, chosen, raw_files
from csft.files import hash_files, hash_value
from csft.places import Places

# Where, by whom and how fast: none of it changes a loss or a score on purpose.
UNDECIDING = ("output", "site", "parallel", "tracker", "study")
UNDECIDING_TRAIN = ("checkpoint_minutes", "checkpoint_updates", "keep_checkpoints")
LIBRARIES = ("torch", "transformers", "peft", "accelerate", "tokenizers")
ROOMS = (
    "cmb.py",
    "conversing.py",
    "evaluating.py",
    "examining.py",
    "feeding.py",
    "filling.py",
    "orders.py",
    "ranks.py",
    "rows.py",
    "rungs.py",
    "splits.py",
    "stages",
    "staging.py",
    "trial.py",
    "tuning.py",
    "weights.py",
    "raw",
    "chat",
    "data",
    "exam",
    "model",
    "train",
)


@dataclass(frozen=True)
class Identity:
    """`hash` and the parts it was made of, which the manifest keeps so that a difference can be named."""

    hash: str
    parts: dict[str, Any]


def identify(
    config: Config,
    where: Places,
    device: str,
    exams: Mapping[str, Sequence[Question]],
    held_out: HeldOut,
) -> Identity:
    """Hash settings, raw data, exam questions, held-out dialogues, model, code and library versions."""
    settings = {key: value for key, value in asdict(config).items() if key not in UNDECIDING}
    # The same content is the same trial wherever it lies; contents are hashed below.
    settings["data"] = {key: value for key, value in settings["data"].items() if key not in ("root", "cache")}
    settings["exam"] = {key: value for key, value in settings["exam"].items() if key != "root"}
    settings["model"] = {key: settings["model"][key] for key in ("dtype", "init", "shape")}
    settings["mix"] = {key: value for key, value in settings["mix"].items() if key != "name"}
    settings["train"] = {k: v for k, v in settings["train"].items() if k not in UNDECIDING_TRAIN}
    parts = {
        "settings": settings,
        "device": device.partition(":")[0],
        "data": {name: hash_files(raw_files(name, where.data), where.data) for name in chosen(config.mix)},
        "exams": {split: exam.content_hash(questions) for split, questions in exams.items()},
        "held_out": held_out.hash,
        "model": model_hash(config, where),
        "code": code_hash(),
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
    }
    return Identity(hash_value(parts), parts)


def base_key(
    config: Config,
    where: Places,
    device: str,
    exams: Mapping[str, Sequence[Question]],
    asking: Mapping[str, Any],
) -> str:
    """Hash what decides the untrained model's answers, which all trials on one base share."""
    asked = {split: exam.content_hash(questions) for split, questions in exams.items()}
    return hash_value([*_base(config, where, device), dict(asking), asked])


def chat_key(config: Config, where: Places, device: str, held_out: HeldOut) -> str:
    """Hash what decides how the untrained model talks, which all trials on one base share."""
    how = {**asdict(config.chat), "batch_tokens": config.exam.batch_tokens}
    return hash_value([*_base(config, where, device), how, held_out.hash])


def _base(config: Config, where: Places, device: str) -> list[Any]:
    return [
        model_hash(config, where),
        asdict(config.model.shape) if config.model.init == "random" else None,
        config.model.dtype,
        config.attention,
        config.tune.method == "qlora",
        device.partition(":")[0],
        config.data.template,
        code_hash(),
    ]


def model_hash(config: Config, where: Places) -> str:
    """Fingerprint the checkpoint, or the tokenizer alone where weights are random."""
    if config.model.init == "random":
        return model.tokenizer_fingerprint(where.model)
    return model.fingerprint(model.model_folder(where.model))


@lru_cache
def code_hash() -> str:
    """Hash the source files whose change can change a result."""
    package = Path(__file__).resolve().parent
    files = [
        file
        for room in ROOMS
        for file in ([package / room] if room.endswith(".py") else (package / room).rglob("*.py"))
    ]
    return hash_files(files, package)
