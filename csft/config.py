"""The settings of one trial: frozen dataclasses, Hydra's schema at first and the typed object after."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf

from csft.data.catalog import DATASETS
from csft.errors import SettingError
from csft.fields import choice, count, likeness, number, setting, share, words
from csft.study_config import Study

DATASET_NAMES = "the datasets " + ", ".join(DATASETS)
WEIGHT = "a number of at least 0, in copies per epoch"


@dataclass(frozen=True)
class Site:
    """What depends on the machine."""

    name: str = "laptop"
    device: str = setting(
        "auto",
        "auto | cpu | cuda | cuda:N",
        lambda v: v in ("auto", "cpu", "cuda") or (v.startswith("cuda:") and v[5:].isdigit()),
    )
    threads: int = count(0, "processor threads (0: OMP_NUM_THREADS, or the cores)", least=0)


@dataclass(frozen=True)
class Parallel:
    """The processes that train a trial together; torchrun starts them."""

    kind: str = choice("none", "none", "ddp", "fsdp")  # ddp: each holds the whole net; fsdp: slices of it


@dataclass(frozen=True)
class Shape:
    """The size of a randomly initialised InternLM2 (FACTS: 4096, 32, 32, 8, 14336 for 7B)."""

    hidden: int = count(128, "units")
    layers: int = count(4, "layers")
    heads: int = count(4, "attention heads")
    kv_heads: int = count(2, "key-value heads")
    intermediate: int = count(384, "units")
    seed: int = 0


@dataclass(frozen=True)
class Model:
    """The checkpoint to fine-tune."""

    name: str = "custom"
    path: str = MISSING  # a folder or a hub id; `sample` is the tiny checkpoint that ships
    dtype: str = choice("float32", "float32", "bfloat16")
    init: str = choice(
        "checkpoint", "checkpoint", "random"
    )  # random: `shape`, and `path` gives the tokenizer alone
    shape: Shape = field(default_factory=Shape)


@dataclass(frozen=True)
class Tune:
    """Which weights move."""

    method: str = choice("full", "full", "lora", "qlora")
    rank: int = count(16, "adapter dimensions")
    alpha: float = number(32.0, "a number above 0 (the update is scaled by alpha / rank)", lambda v: v > 0)
    dropout: float = share(0.0)
    targets: str = choice("linear", "linear", "attention")  # every projection, or q, k, v and o alone
    rslora: bool = False
    dora: bool = False


@dataclass(frozen=True)
class Mix:
    """The dataset mix. A weight is copies per epoch: 0 leaves a dataset out, 0.5 draws half, 2 doubles it.

    Under a budget weights say what each dataset's share is of it (`csft/data/mix.py` has the formula).
    """

    name: str = "custom"
    datasets: dict[str, float] = field(default_factory=dict)
    max_records: int | None = count(None, "records per dataset (null: all)")
    temperature: float = setting(
        1.0,
        "a number of at least 1 (1: in proportion to size; inf: the weights alone decide)",
        lambda v: v >= 1,
    )
    records: int | None = count(None, "records per epoch in all (null: as the weights say)")
    tokens: int | None = count(None, "tokens per epoch in all, after the cut-off (null: as the weights say)")
    languages: list[str] = words("en", "zh")  # noqa: RUF009  # a dataclasses.field
    styles: list[str] = words("QA", "MCQA", "dialogue", "NER")  # noqa: RUF009
    resample: bool = True  # draw anew in every epoch what is not whole copies


@dataclass(frozen=True)
class Data:
    """Where the raw datasets are and how records become tokens."""

    root: str = (
        "sample"  # a folder with one sub-folder per dataset; `sample` is the invented world that ships
    )
    cache: str | None = None  # tokenised records; null: the user's cache folder
    template: str = choice("intern2", "intern2", "intern2_2025")
    mask_history: bool = False  # train on the last answer of a dialogue alone
    # Records as like one another as this lose all but the first; null: exact doubles alone.
    near_duplicates: float | None = likeness(0.9)
    # Records that contain this share of an exam question's word runs are left out; null: exact stems alone.
    exam_overlap: float | None = likeness(0.7)


@dataclass(frozen=True)
class Train:
    """The optimisation."""

    batch: int = count(32, "rows per update (a row is a record, but under best_fit)")
    micro_batch: int = count(32, "rows per forward pass")
    batching: str = choice("grouped", "grouped", "padded", "packed", "best_fit")
    optimizer: str = choice("auto", "auto", "adamw", "adamw_8bit")  # auto: 8 bits for bfloat16 weights
    schedule: str = choice("cosine", "cosine", "linear", "constant", "wsd")
    warmup: float = share(0.05)  # of all updates
    # Instead of a share: the same for every number of epochs, so that a longer training begins as a shorter.
    warmup_updates: int | None = count(None, "updates (null: the share train.warmup)", least=0)
    decay: float = share(0.2)  # of all updates, the end of schedule=wsd
    weight_decay: float = number(0.0, "a number of at least 0", lambda v: v >= 0)
    clip: float = number(1.0, "a gradient norm above 0", lambda v: v > 0)
    # Of the records drawn, held out for a validation loss (the authors: 0.1).
    validation: float = number(0.0, "a share of at least 0, below 1", lambda v: 0 <= v < 1)
    save: bool = True  # keep the tuned model, or the adapter, in the run folder
    gradient_checkpointing: bool = False  # less memory for a third more computation
    checkpoint_minutes: float | None = setting(
        10.0,
        "minutes, at least 0 (0: after every update; null: at the end alone)",
        lambda v: v is None or v >= 0,
    )
    checkpoint_updates: int | None = count(None, "updates (null: checkpoint_minutes alone)")
    keep_checkpoints: int = count(2, "checkpoints")


@dataclass(frozen=True)
class Exam:
    """How CMB is put and which questions count."""

    protocol: str = choice("logits", "logits", "generate", "cot")
    prompt: str = choice("cmb", "cmb", "train")  # the official text, or the authors' training text
    # Around it: data.template, the tokenizer's own chat format, or none (base). auto: a tuned model is asked
    # in the template it was tuned on, the untrained one as a base.
    format: str = choice("auto", "auto", "template", "own", "base")
    shots: int = count(0, "examples before each question", least=0)
    rule: str = choice("official", "official", "careful")  # how written answers are read
    max_new_tokens: int = count(512, "tokens of a written answer")
    root: str | None = None  # a folder in CMB's layout; null: `<data.root>/cmb`
    test: bool = True  # score the test split too (never optimised)
    val: bool = False  # and the validation split
    select_per_sub_exam: int = count(100, "questions held out of CMB-train per sub-exam", least=0)
    select_share: float = share(0.25)  # of a sub-exam's training questions at most
    per_sub_exam: int | None = count(None, "questions scored per sub-exam and split (null: all)")
    batch_tokens: int = count(8192, "tokens per forward pass, padding included")
    batch_rows: int | None = count(None, "questions per forward pass (null: as batch_tokens allow)")


@dataclass(frozen=True)
class Chat:
    """How conversation is measured, on dialogues that no trial trains on."""

    dialogues: int = count(32, "dialogues held out per dataset of dialogues (0: not measured)", least=0)
    answers: int = count(8, "answers sampled per dataset of dialogues")
    max_new_tokens: int = count(128, "tokens of a sampled answer")


@dataclass(frozen=True)
class Tracker:
    """Where runs are shown besides the run folder."""

    kind: str = choice("wandb", "wandb", "none")
    project: str = "csft"
    entity: str | None = None
    mode: str = choice("auto", "auto", "online", "offline")  # auto: online where a key is set


@dataclass(frozen=True)
class Config:
    """Everything that decides one trial. Composed by Hydra from `conf/`, or built in Python."""

    cutoff: int = count(512, "tokens")
    cutoff_policy: str = choice(
        "llamafactory", "llamafactory", "drop", "keep_end"
    )  # what a long record loses
    epochs: float = number(3.0, "a number of epochs above 0", lambda v: v > 0)
    lr: float = number(2e-5, "a number above 0, such as 2e-5", lambda v: v > 0)
    seed: int = setting(42, "a whole number from 0 to 4294967295", lambda v: 0 <= v < 2**32)
    attention: str = choice("auto", "auto", "flash", "varlen", "sdpa", "eager")
    output: str = "outputs"  # everything is written under it
    site: Site = field(default_factory=Site)
    parallel: Parallel = field(default_factory=Parallel)
    model: Model = field(default_factory=Model)
    tune: Tune = field(default_factory=Tune)
    mix: Mix = field(default_factory=Mix)
    data: Data = field(default_factory=Data)
    train: Train = field(default_factory=Train)
    exam: Exam = field(default_factory=Exam)
    chat: Chat = field(default_factory=Chat)
    tracker: Tracker = field(default_factory=Tracker)
    study: Study = field(default_factory=Study)


def schema() -> DictConfig:
    """Give `Config` as the node Hydra composes into: typed, closed to unknown names, open to values."""
    node: DictConfig = OmegaConf.structured(Config)
    _thaw(node)
    return node


def check(config: Config) -> None:
    """Raise a SettingError for the first value that its field does not allow."""
    check_section(config, "")
    _check_mix(config.mix)
    if config.train.batch % config.train.micro_batch:
        raise SettingError(
            "train.micro_batch", config.train.micro_batch, f"a divisor of train.batch={config.train.batch}"
        )
    if config.tune.method == "qlora" and config.site.device == "cpu":
        raise SettingError("tune", "qlora", "full | lora where site.device=cpu; qlora needs an NVIDIA GPU")
    _check_schedule(config.train)
    if config.exam.protocol == "cot" and config.exam.prompt != "cmb":
        raise SettingError("exam.prompt", config.exam.prompt, "cmb where exam.protocol=cot")
    if config.parallel.kind == "fsdp":
        _check_sliced(config)


def _check_schedule(train: Train) -> None:
    by_share = train.schedule == "wsd" and train.warmup_updates is None
    if by_share and train.warmup + train.decay > 1:
        room = f"at most {1 - train.warmup:g} beside train.warmup={train.warmup:g}: they share the updates"
        raise SettingError("train.decay", train.decay, room)


def _check_sliced(config: Config) -> None:
    """What is kept in few bits belongs to whole weights."""
    if config.tune.method == "qlora":
        raise SettingError("parallel", "fsdp", "none | ddp with tune=qlora")
    if config.train.optimizer == "adamw_8bit":
        raise SettingError("parallel", "fsdp", "none | ddp with train.optimizer=adamw_8bit")


def allowed_for(key: str) -> str | None:
    """Say what the setting under a dotted key allows, where its field says it."""
    found = field_of(key)
    return found.metadata.get("allowed") if found else None


def field_of(key: str) -> "dataclasses.Field[Any] | None":
    """The field of `Config` under a dotted key, or None."""
    owner: Any = Config
    found = None
    for part in key.split("."):
        fields = {f.name: f for f in dataclasses.fields(owner)} if dataclasses.is_dataclass(owner) else {}
        found = fields.get(part)
        if found is None:
            return None
        owner = found.type
    return found


def check_section(section: Any, prefix: str) -> None:
    """Raise a SettingError for the first value of a dataclass, or of one inside it, that is not allowed."""
    for item in dataclasses.fields(section):
        value = getattr(section, item.name)
        if dataclasses.is_dataclass(value):
            check_section(value, f"{prefix}{item.name}.")
        elif "check" in item.metadata and not item.metadata["check"](value):
            raise SettingError(prefix + item.name, value, item.metadata["allowed"])


def _check_mix(mix: Mix) -> None:
    for dataset, weight in mix.datasets.items():
        if dataset not in DATASETS:
            raise SettingError(f"mix.datasets.{dataset}", weight, DATASET_NAMES)
        if not 0 <= weight < float("inf"):
            raise SettingError(f"mix.datasets.{dataset}", weight, WEIGHT)
    if mix.records is not None and mix.tokens is not None:
        raise SettingError("mix.tokens", mix.tokens, f"null beside mix.records={mix.records}: one budget")
    if not any(mix.datasets.values()):
        raise SettingError(
            "mix.datasets", mix.datasets or "(empty)", "at least one dataset with a weight above 0"
        )


def _thaw(node: DictConfig) -> None:
    # OmegaConf marks frozen dataclasses read-only; Hydra has to fill them in before they become objects.
    OmegaConf.set_readonly(node, None)
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig):
            _thaw(child)
