"""Getting the datasets: downloads where a program may, and says what to do by hand where not.

A download is gathered in `<root>/.fetching/<dataset>/` and put into its folder when all of it is there, so
an interrupted one never looks whole; what has arrived stays there for the next run.
"""

import contextlib
import fnmatch
import shutil
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from csft.console import bar, say
from csft.data import sources
from csft.data.catalog import DATASETS, Dataset, Download, HubFiles, WebFile
from csft.errors import DataError, SettingError
from csft.files import whole_file

CHUNK = 1 << 18  # bytes
TIMEOUT = 60  # seconds without a byte


def fetch(datasets: Sequence[str], root: Path) -> None:
    """Download each dataset to `<root>/<dataset>/`; one that is there already is left alone.

    Prints address, terms and what to do for those that have to be got by hand. A failure does not stop the
    others: DataError names those that failed when all have been tried. SettingError for an unknown name.
    """
    for name in datasets:
        if name not in DATASETS:
            raise SettingError("datasets", name, "names out of " + ", ".join(DATASETS))
    failed = []
    for name in datasets:
        try:
            say(f"{name}: {_fetch(DATASETS[name], root)}")
        except (DataError, OSError) as problem:
            say(f"{name}: {problem}")
            failed.append(name)
    if failed:
        raise DataError(
            f"Not fetched: {', '.join(failed)}. Check the network (proxy: HTTPS_PROXY) and run this "
            "again, which goes on where it stopped, or download from the addresses above."
        )


def _fetch(entry: Dataset, root: Path) -> str:
    """Get one dataset; the line to print."""
    gathered = root / ".fetching" / entry.folder
    there = _files(entry, root)
    if there and not gathered.is_dir():
        names = ", ".join(str(path.relative_to(root / entry.folder)) for path in there[:4])
        more = f" and {len(there) - 4} more" if len(there) > 4 else ""
        return f"already there ({names}{more}), left alone"
    if not entry.downloads:
        return _by_hand(entry, root)
    gathered.mkdir(parents=True, exist_ok=True)
    for download in entry.downloads:
        try:
            _get(download, gathered)
        except Exception as problem:  # whatever HTTP library the hub's client is built on
            raise DataError(f"{download} could not be fetched: {_first_line(problem)}.") from problem
    training = sources.raw_files(entry.id, gathered.parent)
    _put_in_place(gathered, root / entry.folder, training)
    return f"fetched to {root / entry.folder}. Source: {entry.source}. Terms: {entry.terms}"


def _files(entry: Dataset, root: Path) -> list[Path]:
    try:
        return sources.raw_files(entry.id, root)
    except DataError:
        return []


def _by_hand(entry: Dataset, root: Path) -> str:
    expected = sources.expected(entry.id)
    return (
        f"has to be got by hand: {entry.by_hand}. Source: {entry.source}. Terms: {entry.terms}. "
        f"Put into {root / entry.folder}: {expected}"
    )


def _get(download: Download, folder: Path) -> None:
    if isinstance(download, HubFiles):
        _get_from_hub(download, folder)
    elif not (folder / download.path).is_file():
        _get_from_web(download, folder / download.path)


def _get_from_hub(files: HubFiles, folder: Path) -> None:
    """The repository's files that match, all of one revision; those that are whole are not fetched again."""
    import huggingface_hub

    about = huggingface_hub.HfApi().dataset_info(files.repo, timeout=TIMEOUT)
    names = [entry.rfilename for entry in about.siblings or []]
    for pattern in files.patterns:
        wanted = fnmatch.filter(names, pattern)
        if not wanted:
            raise DataError(f"the repository holds no {pattern} any more")
        for name in wanted:
            huggingface_hub.hf_hub_download(
                files.repo, name, repo_type="dataset", revision=about.sha, local_dir=folder
            )


def _get_from_web(file: WebFile, path: Path) -> None:
    request = urllib.request.Request(  # noqa: S310  addresses come from the catalogue alone
        urllib.parse.quote(file.url, safe="/:"), headers={"User-Agent": "csft"}
    )
    with whole_file(path) as temporary, urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
        length = answer.headers.get("Content-Length")
        with temporary.open("wb") as out:
            received = _copy(answer, out, path.name, int(length) if length else None)
        if length and received < int(length):
            raise DataError(f"{received:,} of {int(length):,} bytes came")
        with temporary.open("rb") as start:
            if start.read(40).startswith(b"version https://git-lfs"):
                raise DataError("the address gives a Git LFS pointer, not the data")


def _copy(answer: Any, out: Any, name: str, total: int | None) -> int:
    received = 0
    with bar(name, "B", total) as shown:
        while chunk := answer.read(CHUNK):
            out.write(chunk)
            received += len(chunk)
            shown.update(len(chunk))
    return received


def _put_in_place(gathered: Path, folder: Path, training: list[Path]) -> None:
    """Move everything over; what makes the dataset readable comes last, what is there already stays."""
    for rest in gathered.glob(".*"):  # the hub client's notes, pieces of a killed run
        shutil.rmtree(rest) if rest.is_dir() else rest.unlink()
    with contextlib.suppress(OSError):
        gathered.rename(folder)  # at once, where the folder is not there yet or empty
    if gathered.is_dir():
        files = sorted((path for path in gathered.rglob("*") if path.is_file()), key=training.__contains__)
        for path in files:
            target = folder / path.relative_to(gathered)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                path.rename(target)
        shutil.rmtree(gathered)
    with contextlib.suppress(OSError):
        gathered.parent.rmdir()  # unless another dataset is under way in it


def _first_line(problem: Exception) -> str:
    text = str(problem).strip().partition("\n")[0].rstrip(".")
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__
