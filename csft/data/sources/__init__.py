"""From thirteen raw layouts to Alpaca records: one module per dataset, with `find` and `convert`.

Texts follow the converters of the paper's authors (CAS-SIAT-XinHai/CollectiveSFT, preprocess/) to the
character; each module says where it must differ. Only the training split is read. Where several layouts of
a dataset lie in one folder, `find` takes the first of: what was published, unpacked; the published zip; the
hub's copy; raw text that has to be brought into form. Nothing is mended: a text stays as it is, markers of a
chat template and control characters included, and a record that cannot be used is set aside by reason.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from csft.data.alpaca import Alpaca
from csft.data.catalog import DATASETS
from csft.data.sources import (
    cmb,
    cmeddialogue,
    cmedqa2,
    cmid,
    discmed,
    headqa,
    medicaldialog,
    medmcqa,
    medqajin,
    mlecqa,
    nlpec,
    pubmedqa,
    webmedqa,
)
from csft.errors import DataError, SettingError
from csft.rejects import Rejects

__all__ = ["expected", "raw_files", "read"]


class Source(Protocol):
    """What each module of this folder is."""

    EXPECTED: str

    def find(self, folder: Path) -> list[Path]:
        """The raw files below a dataset's folder, empty when the dataset is not there."""

    def convert(self, files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
        """The records of these files, in their order."""


_SOURCES: dict[str, Source] = {
    "pubmedqa": pubmedqa,
    "medmcqa": medmcqa,
    "headqa": headqa,
    "cmedqa2": cmedqa2,
    "cmeddialogue": cmeddialogue,
    "webmedqa": webmedqa,
    "medicaldialog": medicaldialog,
    "cmid": cmid,
    "nlpec": nlpec,
    "cmb": cmb,
    "mlecqa": mlecqa,
    "discmed": discmed,
    "medqajin": medqajin,
}


def read(dataset: str, root: str | Path, rejects: Rejects | None = None) -> Iterator[Alpaca]:
    """Stream the training records of `dataset` from `<root>/<dataset>/`; bad ones go to `rejects`.

    `rejects` also counts the topics met and what kept records lost. Raises SettingError for an unknown
    dataset and DataError for one that is not there, at once; DataError while reading when a file turns out
    damaged or empty.
    """
    found = raw_files(dataset, root)
    return _stream(dataset, found, Rejects() if rejects is None else rejects)


def expected(dataset: str) -> str:
    """The files that a dataset's folder should hold, for messages."""
    return _SOURCES[dataset].EXPECTED


def raw_files(dataset: str, root: str | Path) -> list[Path]:
    """The raw files that `read` will open, sorted. Raises like `read`."""
    source = _SOURCES.get(dataset)
    if source is None:
        raise SettingError("dataset", dataset, "one of " + ", ".join(_SOURCES))
    folder = Path(root).expanduser() / DATASETS[dataset].folder
    try:
        found = sorted(source.find(folder))
        if not found:
            raise DataError(_missing(dataset, folder, source.EXPECTED))
        for path in found:
            _refuse_pointer(path)
    except OSError as problem:
        raise DataError(f"{dataset}: {folder} cannot be read: {problem}.") from problem
    return found


def _stream(dataset: str, found: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    met = rejects.topics + rejects.total
    try:
        yield from _SOURCES[dataset].convert(found, rejects)
    except OSError as problem:
        raise DataError(f"{dataset}: a file cannot be read: {problem}.") from problem
    if rejects.topics + rejects.total == met:
        names = ", ".join(str(path) for path in found[:8])
        raise DataError(f"{dataset}: there is no record in {names}: empty, or not what its name says.")


def _missing(dataset: str, folder: Path, expected: str) -> str:
    entry = DATASETS[dataset]
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else None
    state = "does not exist" if there is None else f"holds {', '.join(there[:8]) or 'nothing'}"
    return (
        f"Dataset {dataset} ({entry.name}) is not there: looked in {folder}, which {state}. "
        f"Expected: {expected}. Get it from {entry.source} ({entry.terms})."
    )


def _refuse_pointer(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(40).startswith(b"version https://git-lfs"):
            raise DataError(
                f"{path} is a Git LFS pointer, not the data: run `git lfs pull` in its repository."
            )
