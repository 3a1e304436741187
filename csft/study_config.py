"""The settings of a study: how `--multirun` searches, when it gives up, and what it may spend."""

from dataclasses import dataclass, field

from csft.fields import choice, count, limit, number, setting, share

# What a trial can be judged by, and which way is better.
DIRECTIONS = {"score": "maximize", "chat_loss": "minimize", "gpu_hours": "minimize"}
OBJECTIVES = f"a list of one or several of {', '.join(DIRECTIONS)}"


@dataclass(frozen=True)
class Sampler:
    """What proposes the settings of the next trial."""

    kind: str = choice("auto", "auto", "grid", "tpe", "gp", "cmaes", "qmc", "random", "nsgaii")
    seed: int = setting(42, "a whole number from 0 to 4294967295", lambda v: 0 <= v < 2**32)
    startup: int = count(10, "trials proposed at random before the sampler learns (tpe, gp)", least=0)
    population: int = count(50, "settings of a generation (nsgaii)", least=2)


@dataclass(frozen=True)
class Pruner:
    """What gives a trial up while it runs, from scores on `select` during training."""

    kind: str = choice("none", "none", "median", "percentile", "halving", "hyperband", "wilcoxon")
    every: float = number(1.0, "epochs between two exams during training, above 0", lambda v: v > 0)
    startup: int = count(5, "finished trials before any is given up (median, percentile)", least=0)
    warmup: int = count(0, "exams of a trial before it may be given up (median, percentile)", least=0)
    percentile: float = number(25.0, "percent of trials that go on, from 0 to 100", lambda v: 0 <= v <= 100)
    # Of the trials that reach exam 1, 3, 9, … (powers of it) one in so many goes on.
    reduction: int = count(3, "a factor (halving, hyperband)", least=2)
    # Of being worse than the best trial's answers, at each look (wilcoxon; ROUNDS says what it comes to).
    p: float = share(0.1)
    questions: int = count(50, "answers before a trial may be given up (wilcoxon)", least=2)
    # A trial that got no better in so many exams may be given up, and no other (any kind but wilcoxon).
    patience: int | None = count(None, "exams (null: no matter)", least=0)


@dataclass(frozen=True)
class Budget:
    """When a study starts no more trials. What is counted is the study's, however often it is resumed."""

    hours: float | None = limit("hours of trials")
    epochs: float | None = limit("epochs trained in all")
    # Optuna's terminator: stop when the best score is unlikely to improve, or has not in `stagnation` trials.
    terminator: str = choice("none", "none", "regret", "stagnation")
    stagnation: int = count(30, "finished trials without a better one")
    fuse: int = count(3, "first trials that fail for one reason before the study stops (0: never)", least=0)


@dataclass(frozen=True)
class Limits:
    """What a trial may take. A trial past `minutes` ends and fails; the others are told to the sampler."""

    minutes: float | None = limit("minutes of a trial")
    # Constraints: a trial beyond them finishes, but is no winner, and the sampler learns to keep away.
    memory_gb: float | None = limit("GB of 10⁹ bytes", "no matter")
    hours: float | None = limit("hours of a trial", "no matter")

    @property
    def constraints(self) -> dict[str, float]:
        """Those that decide who wins, by the names of the figures they are held against."""
        named = {"memory_gb": self.memory_gb, "hours": self.hours}
        return {name: most for name, most in named.items() if most is not None}


def _counts(value: str) -> bool:
    return value.isdigit() and int(value) > 0


@dataclass(frozen=True)
class Study:
    """What trials are grouped by, and how `--multirun` searches."""

    name: str = setting(
        "default",
        "a name of letters, digits, '.', '_' and '-'",
        lambda v: v not in ("", ".", "..") and all(c.isalnum() or c in "._-" for c in v),
    )
    storage: str | None = None  # a database for Optuna; null: sqlite:///<output>/studies.db
    n_trials: int | None = count(None, "trials in all (null: every setting of a finite space)")
    workers: int = count(1, "workers at a time")
    objectives: list[str] = field(
        default_factory=lambda: ["score"],
        metadata={"allowed": OBJECTIVES, "check": lambda v: 0 < len(v) == len({*v} & {*DIRECTIONS})},
    )
    seeds: int = count(1, "runs per trial with seeds that follow `seed`; the score is their mean")
    # Settings tried first, each a text such as "cutoff=1024 lr=2e-5"; the paper's is always among them.
    start: list[str] = field(default_factory=list)
    retry_failed: bool = False  # try those that failed once more; they count anew
    fork: str | None = None  # a study whose settings are tried first; its results are reused where equal
    retries: int = count(3, "times a trial is taken up again after its worker died", least=0)
    heartbeat_s: int = count(60, "seconds between signs of life; a worker silent for twice as long is dead")
    # What trials have in common is done once; none of it changes a result beyond floating-point noise.
    share: bool = True  # trials that differ only in how they end branch from one training's checkpoints
    share_gb: float = number(50.0, "GB of 10⁹ bytes for such checkpoints, at least 0", lambda v: v >= 0)
    # Trials with adapters that a worker trains together on one base.
    pack: str = setting("auto", "auto, or a number of trials from 1", lambda v: v == "auto" or _counts(v))
    exam_together: bool = True  # and examines together
    sampler: Sampler = field(default_factory=Sampler)
    pruner: Pruner = field(default_factory=Pruner)
    budget: Budget = field(default_factory=Budget)
    limits: Limits = field(default_factory=Limits)
