"""What there is to export: a checkpoint, or an adapter and its base, found by a run folder."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft import model
from csft.errors import ModelError, SettingError
from csft.places import model_place
from csft.track import RunFolder
from csft.track.runfolder import ADAPTER, CHECKPOINT, CONFIG, MANIFEST

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Tuned:
    """Weights to export. `made` says how the base's random weights were drawn, where it was no checkpoint."""

    base: str  # folder, hub id or package; the checkpoint itself where there is no adapter
    adapter: Path | None = None
    dtype: str | None = None  # what the adapter was trained beside
    four_bit: bool = False
    made: dict[str, Any] = field(default_factory=dict)

    def load(self, dtype: str) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
        """The network with the adapter merged, in `dtype`; a base of other content is a ModelError."""
        if self.adapter is None:
            return model.load(self.base, dtype=dtype)
        net, tokenizer = self._load_base(dtype)
        merged = model.merged(model.load_adapter(net, self.adapter))
        import torch

        whole: PreTrainedModel = merged.to(getattr(torch, dtype))
        return whole, tokenizer

    def _load_base(self, dtype: str) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
        if self.made:
            return model.scratch(self.base, **self.made)
        # Numbers of another format than asked for are rounded once, after the adapter is added.
        stored = model.stored_dtype(model.model_folder(self.base))
        return model.load(self.base, dtype=dtype if dtype == stored else "float32")

    def own_dtype(self) -> str:
        """The number format that loses nothing: that of the checkpoint's files, or that trained beside.

        Beside 4-bit weights training computed in bfloat16 (`csft.model.loading`).
        """
        if self.four_bit:
            return "bfloat16"
        return self.dtype or model.stored_dtype(model.model_folder(self.base))


def find(place: str, base: str = "") -> Tuned:
    """What `place` holds: a run folder, its `model` or `adapter`, another adapter, any checkpoint."""
    folder = Path(place).expanduser()
    base = base and model_place(base)
    if run := run_of(folder):
        return _of_run(run, base)
    if (folder / "adapter_config.json").is_file():
        if not base:
            raise SettingError("base", "(none)", f"the model that the adapter {folder} was trained on")
        return Tuned(base, folder)
    if base:
        raise SettingError("base", base, f"nothing where there is no adapter; {folder} is a whole model")
    return Tuned(place)


def run_of(folder: Path) -> RunFolder | None:
    """The run folder of a trial that this is, or that these tuned weights lie in."""
    run = folder.parent if folder.name in (CHECKPOINT, ADAPTER) else folder
    return RunFolder(run) if (run / MANIFEST).is_file() and (run / CONFIG).is_file() else None


def _of_run(run: RunFolder, base: str) -> Tuned:
    if (run.path / ADAPTER).is_dir():
        return _adapter_of_run(run, base)
    if not (run.path / CHECKPOINT).is_dir():
        raise ModelError(
            f"from={run.path}: the trial kept no weights, or is not finished. Run it with train.save=true."
        )
    if base:
        raise SettingError("base", base, "nothing: the trial tuned all weights and kept them")
    return Tuned(str(run.path / CHECKPOINT))


def _adapter_of_run(run: RunFolder, base: str) -> Tuned:
    try:
        chosen, method = run.config["model"], run.config["tune"]["method"]
        place, device = run.manifest["places"]["model"], run.manifest["device"]
        made = {"dtype": chosen["dtype"], "device": device, **chosen["shape"]}
        random = chosen["init"] == "random"
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"from={run.path}: config.yaml or manifest.json lacks {error}. Give the adapter's own folder and "
            "base=…"
        ) from error
    return Tuned(
        base or place,
        run.path / ADAPTER,
        dtype=chosen["dtype"],
        four_bit=method == "qlora",
        made=made if random else {},
    )
