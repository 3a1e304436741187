"""What the benchmark of whole studies compares: models, the trials of a study, and the ways to run it."""

import argparse
from dataclasses import dataclass
from itertools import product
from typing import Any

import training_model

PEER = "LLaMA-Factory"
BATCH = 8  # records an update, on both sides
SEED = 42
RANK = training_model.RANK
# Updates over which the rate rises, the same number whatever the epochs: so trials that train longer begin as
# shorter ones do. Position 0 has rate 0, as in transformers.
WARMUP = 2
PACK = 8  # trials trained together, as study.pack=auto takes them in a grid
TUNES = ("full", "lora")
Rates = tuple[float, ...]


@dataclass(frozen=True)
class Trial:
    """What the settings of a study are in one trial."""

    cutoff: int
    lr: float
    epochs: int

    @property
    def name(self) -> str:
        """As files and tables call it."""
        return f"c{self.cutoff}-lr{self.lr:g}-e{self.epochs}"


@dataclass(frozen=True)
class Model:
    """A randomly initialised Llama, and what a study on it tries."""

    name: str
    body: dict[str, Any]
    rates: dict[str, Rates]  # by what is tuned
    records: int
    cutoffs: tuple[int, ...] = (256, 512)
    epochs: tuple[int, ...] = (1, 2, 3)

    def __str__(self) -> str:
        return f"{self.name}, {self.records} records"

    def trials(self, tune: str) -> list[Trial]:
        """Every setting once."""
        return [Trial(*one) for one in product(self.cutoffs, self.rates[tune], self.epochs)]


_BIG = {
    "hidden_size": 768,
    "num_hidden_layers": 14,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
    "intermediate_size": 2048,
}
_RATES = {"full": (3e-4, 1e-3), "lora": (2e-3, 5e-3)}
_LEAST = {**training_model.BODY, **training_model.TINY}
MODELS = {
    one.name: one
    for one in (
        Model("least", _LEAST, _RATES, 200),
        Model("tiny", training_model.BODY, _RATES, 200),
        Model("big", {**training_model.BODY, **_BIG}, {"full": (1e-4, 3e-4), "lora": (1e-3, 3e-3)}, 16),
    )
}
QUICK = Model("quick", _LEAST, _RATES, 16, (64, 128), (1, 2))


@dataclass(frozen=True)
class Side:
    """One way to run a study: LLaMA-Factory's, or csft's with some settings, in one command or in many."""

    name: str
    words: tuple[str, ...] = ()
    apart: bool = False  # a process per trial
    exams: bool = False  # CMB's sample is asked after every trial; LLaMA-Factory has no such exam
    tunes: tuple[str, ...] = TUNES

    @property
    def peer(self) -> bool:
        """Whether it is LLaMA-Factory's."""
        return self.name == PEER


_ALONE = ("study.share=false", "study.pack=1", "study.exam_together=false")
SIDES = (
    Side(PEER, apart=True),
    Side("csft"),
    Side("csft, no packing", ("study.pack=1",), tunes=("lora",)),
    Side("csft, no shared stages", ("study.share=false",)),
    Side("csft, warm workers alone", _ALONE, tunes=("lora",)),
    Side("csft, a process per trial", apart=True),
    Side("csft, everything off", _ALONE, apart=True),
)
EXAM_SIDES = (
    Side("csft with exams, everything off", _ALONE, apart=True, exams=True),
    Side("csft with exams, warm workers alone", _ALONE, exams=True),
    Side("csft with exams, one after another", ("study.exam_together=false",), exams=True, tunes=("lora",)),
    Side("csft with exams", exams=True),
    Side("csft with exams, hopeless ones given up", ("pruner=wilcoxon",), exams=True),
)


def chosen(given: argparse.Namespace) -> list[Side]:
    """The sides that the command line asks for."""
    some = [*SIDES, *(EXAM_SIDES if given.exams else ())]
    if given.only:
        some = [side for side in (*SIDES, *EXAM_SIDES) if side.name in given.only]
    return some if given.peer else [side for side in some if not side.peer]


def key(model: Model, tune: str, side: Side) -> str:
    """What a study's runs are kept under."""
    return f"{model}, {tune}: {side.name}"
