"""Where a trial's inputs lie and its outputs go. The word `sample` stands for what ships with csft."""

from dataclasses import dataclass
from pathlib import Path

from csft.config import Config
from csft.errors import DataError
from csft.files import cache_dir

SAMPLE = "sample"


@dataclass(frozen=True)
class Places:
    """Folders of one trial. `model` may be a hub id."""

    data: Path
    exam: Path
    model: str
    cache: Path
    study: Path
    reused: tuple[Path, ...]  # studies whose results are taken where a trial is the same
    bases: Path  # scores of untrained models, shared by studies


def places(config: Config) -> Places:
    """Resolve the folders of `config`, building the shipped sample on its first use."""
    data = _sample_data() if config.data.root == SAMPLE else _folder("data.root", config.data.root)
    exam = _folder("exam.root", config.exam.root) if config.exam.root else data / "cmb"
    output = Path(config.output).expanduser()
    return Places(
        data=data,
        exam=exam,
        model=model_place(config.model.path),
        cache=Path(config.data.cache).expanduser() if config.data.cache else cache_dir() / "data",
        study=output / config.study.name,
        reused=tuple(output / name for name in (config.study.name, config.study.fork) if name),
        bases=output / ".bases",
    )


def _folder(setting: str, value: str) -> Path:
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise DataError(
            f"{setting}={value}: there is no such folder. Give the folder that holds the raw datasets."
        )
    return folder


def _sample_data() -> Path:
    from csft import sample

    return sample.data_root()


def model_place(path: str) -> str:
    """A folder from the root, so that a manifest names it wherever it is read; other words as they are."""
    if path == SAMPLE:
        from csft import sample

        return str(sample.base_model_path())
    folder = Path(path).expanduser()
    return str(folder.resolve()) if folder.is_dir() else path
