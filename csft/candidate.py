"""Who sits an exam: a checkpoint, a tuned model or an adapter, and how its questions are framed."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft import model
from csft.errors import SettingError
from csft.files import hash_files
from csft.places import model_place
from csft.tuned import Tuned, find, run_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TEMPLATE = "intern2"  # of an adapter whose trial is not at hand


@dataclass(frozen=True)
class Framing:
    """What stands around a question: `template` counts where `format` is template."""

    format: str
    template: str
    reason: str


@dataclass(frozen=True)
class Candidate:
    """A model by the word the user gave; `template` is the one it was tuned on, where its run folder says."""

    word: str
    weights: Tuned
    template: str | None

    @classmethod
    def called(cls, word: str, base: str) -> "Candidate":
        """What `word` names: see `csft.tuned.find`; `sample` is the base that ships."""
        place = model_place(word)
        return cls(word, find(place, base), _trained_template(Path(place)))

    @property
    def name(self) -> str:
        """For a folder's name."""
        folder = Path(self.word)
        inside = folder.parent if self.template and folder.name in ("model", "adapter") else folder
        return inside.name or "model"

    def framing(self, chosen: str, template: str) -> Framing:
        """Settle `auto`: what csft tuned is asked in the template it was tuned on, others as a base."""
        reason = "as asked"
        if chosen == "auto":
            chosen, reason = "base", "nothing says that csft tuned it"
            if self.template:
                chosen, reason = "template", "its run folder says so"
            elif self.weights.adapter:
                chosen, reason = "template", "an adapter of csft"
        if chosen == "template":
            return Framing(chosen, template or self.template or TEMPLATE, reason)
        if template:
            raise SettingError("template", template, f"nothing where the format is {chosen} ({reason})")
        return Framing(chosen, "", reason)

    def fingerprint(self) -> dict[str, Any]:
        """What the weights are by content."""
        weights, made = self.weights, self.weights.made
        read = model.tokenizer_fingerprint if made else model.fingerprint
        told: dict[str, Any] = {"base": read(model.model_folder(weights.base)), "made": made}
        if weights.adapter:
            files = [path for path in weights.adapter.rglob("*") if path.is_file()]
            told["adapter"] = hash_files(files, weights.adapter)
        return told

    def load(
        self, dtype: str, device: str, attention: str
    ) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
        """Network and tokenizer on the device, an adapter added into its base."""
        if self.weights.adapter is None:
            return model.load(self.weights.base, attention, dtype, device)
        net, tokenizer = self.weights.load(dtype)
        net.set_attn_implementation(attention)
        return net.to(device), tokenizer


def _trained_template(place: Path) -> str | None:
    run = run_of(place)
    settings = run.config.get("data") if run else None
    return settings.get("template") if isinstance(settings, dict) else None
