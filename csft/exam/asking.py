"""How an exam is put and read: what decides its result beside the model and the questions."""

from dataclasses import dataclass

from csft.errors import SettingError
from csft.exam.answers import RULES
from csft.exam.prompts import PROMPTS

PROTOCOLS = ("logits", "generate", "cot")
FORMATS = ("template", "own", "base")


@dataclass(frozen=True)
class Asking:
    """The protocol of an exam; `python -m csft.exam` and trials record it beside every score.

    `logits` reads the likelihood of the option letters, `generate` the greedy answer to the official
    prompt, `cot` the same after reasoning; the last two with the quirks of CMB's own runner.
    """

    protocol: str = "logits"
    prompt: str = "cmb"  # cmb: the official text; train: the authors' training text
    format: str = "template"  # around it: the training template, the tokenizer's own chat format, or none
    shots: int = 0  # answered questions of the validation split put before each
    rule: str = "official"  # how written answers are read
    max_new_tokens: int = 512  # CMB: configs/model_config.yaml

    def __post_init__(self) -> None:
        for name, allowed in (
            ("protocol", PROTOCOLS),
            ("prompt", PROMPTS),
            ("format", FORMATS),
            ("rule", RULES),
        ):
            if getattr(self, name) not in allowed:
                raise SettingError(f"exam.{name}", getattr(self, name), " or ".join(allowed))
        if self.reasoned and self.prompt != "cmb":
            raise SettingError(
                "exam.prompt", self.prompt, "cmb where exam.protocol=cot: only it asks for reasons"
            )
        if self.shots < 0:
            raise SettingError("exam.shots", self.shots, "a number of examples, at least 0")
        if self.max_new_tokens < 1:
            raise SettingError("exam.max_new_tokens", self.max_new_tokens, "a number of tokens, at least 1")

    @property
    def written(self) -> bool:
        """Whether the model writes its answers, as it does for CMB's own runner."""
        return self.protocol != "logits"

    @property
    def reasoned(self) -> bool:
        """Whether it is asked to reason first."""
        return self.protocol == "cot"
