"""One parameter of a search space: its name in Optuna, its values, when it is there, the words it gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna import Trial
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from csft.errors import DataError
from csft.study import domains
from csft.study.conditions import ALWAYS, Condition
from csft.study.domains import Domain, Value


@dataclass(frozen=True)
class Parameter:
    """What a sampler chooses one value of.

    `words` are the settings it sets as they stand before the equals sign (`cutoff`, `+mix`), usually one.
    A named parameter has a bundle instead: for each of its choices the words it stands for.
    It is there `when` its condition holds and none of `unless` does.
    """

    name: str
    words: tuple[str, ...]
    domain: Domain
    when: Condition = ALWAYS
    unless: tuple[Condition, ...] = ()
    bundle: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The settings it sets, without plus signs; of a bundle, its name."""
        return tuple(word.lstrip("+") for word in self.words)

    @property
    def sets(self) -> tuple[str, ...]:
        """The settings that its words set, without plus signs."""
        if not self.bundle:
            return self.keys
        return tuple(word.partition("=")[0].lstrip("+~") for _, words in self.bundle for word in words)

    @property
    def needs(self) -> set[str]:
        """The settings that decide whether it is there."""
        return {key for condition in (self.when, *self.unless) for key, _ in condition.terms}

    def is_there(self, given: Mapping[str, str]) -> bool:
        """Whether it applies beside the settings `given`, key to text."""
        return self.when.holds(given) and not any(condition.holds(given) for condition in self.unless)

    def suggest(self, trial: Trial) -> Value:
        """The value that the study's sampler proposes."""
        match self.domain.distribution():
            case IntDistribution() as whole:
                value: Any = trial.suggest_int(
                    self.name, whole.low, whole.high, step=whole.step, log=whole.log
                )
            case FloatDistribution() as real:
                value = trial.suggest_float(self.name, real.low, real.high, log=real.log)
            case CategoricalDistribution() as words:
                value = trial.suggest_categorical(self.name, words.choices)
        return value  # type: ignore[no-any-return]

    def say(self, value: Value) -> list[str]:
        """The words of a command line for a value."""
        text = self.domain.text(value)
        if self.bundle:
            return list(dict(self.bundle)[text])
        return [f"{word}={text}" for word in self.words]

    def as_record(self) -> dict[str, Any]:
        """As JSON."""
        record: dict[str, Any] = {"words": list(self.words), **self.domain.as_record()}
        if self.when.terms:
            record["when"] = self.when.as_record()
        if self.unless:
            record["unless"] = [condition.as_record() for condition in self.unless]
        if self.bundle:
            record["bundle"] = {name: list(words) for name, words in self.bundle}
        return record


def from_record(name: str, record: Mapping[str, Any]) -> Parameter:
    """The parameter that `as_record` wrote down. Raises DataError for anything else."""
    try:
        return Parameter(
            name=name,
            words=tuple(record["words"]),
            domain=domains.from_record(record),
            when=Condition.from_record(record.get("when", {})),
            unless=tuple(map(Condition.from_record, record.get("unless", ()))),
            bundle=tuple((choice, tuple(words)) for choice, words in record.get("bundle", {}).items()),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{record} is no parameter of a search space of this version of csft.") from error
