"""`python -m csft.track sync`: every run of a study to W&B, from the run folders alone.

Each run is made anew and replaces what the server has of it: what a trial that ran online has sent, a segment
that somebody uploaded, an earlier attempt. The same folder gives the same run, however often.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csft.console import say
from csft.errors import BusyError, CsftError, DataError
from csft.track.ending import tags
from csft.track.runfolder import MANIFEST, RunFolder
from csft.track.wandb_check import missing
from csft.track.wandb_mode import has_key
from csft.track.wandb_open import RUN_ID_LENGTH, Trial, shown_config
from csft.track.wandb_segment import Segment, make
from csft.track.wandb_upload import FEW_TRIES, reachable, upload

TOGETHER = 8  # runs made, then uploaded by one call of `wandb sync`
DAMAGE = (CsftError, OSError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True)
class Settings:
    """What the command can be told; the fields are its words."""

    study: str = ""
    output: str = "outputs"
    project: str = ""
    entity: str = ""


@dataclass
class Count:
    """What became of the run folders, by their names; reasons where there are any."""

    uploaded: list[str]
    left_out: dict[str, str]
    lost: dict[str, str]


def sync(settings: Settings) -> Count:
    """Upload the runs of a study; raises CsftError after that, where some could not be."""
    study = study_folder(settings)
    address = _server()
    count = Count([], {}, {})
    trials = list(_chosen(study, settings, count))
    with tempfile.TemporaryDirectory(prefix="csft-sync-", ignore_cleanup_errors=True) as name:
        os.environ["WANDB_CACHE_DIR"] = name  # W&B's logs and copies of what it uploaded
        for begin in range(0, len(trials), TOGETHER):
            some = trials[begin : begin + TOGETHER]
            if silent := reachable(address):
                count.lost |= {trial.name: silent for trial in some}
                continue
            _upload(list(_made(some, Path(name) / str(begin), count)), address, Path(name), count)
    _report(study, address, count)
    return count


def study_folder(settings: Settings) -> Path:
    """The folder of the study that was named; where none was, of the only one. A DataError names them."""
    output = Path(settings.output).expanduser()
    there = sorted({path.parent.parent.name for path in output.glob(f"[!.]*/*/{MANIFEST}")})
    if settings.study in there or (not settings.study and len(there) == 1):
        return output / (settings.study or there[0])
    what = f"study={settings.study}: no such study" if settings.study else "Name a study with study=NAME,"
    raise DataError(f"{what} under output={settings.output}. There: {', '.join(there) or 'none'}.")


def _server() -> str:
    """The address of the server, which answers and for which there is a key."""
    import wandb

    for name, value in {**FEW_TRIES, "WANDB_ERROR_REPORTING": "false"}.items():
        os.environ.setdefault(name, value)
    wandb.setup(settings=wandb.Settings(silent=True))
    address = str(wandb.setup().settings.base_url)
    if not has_key(wandb):
        raise CsftError(
            f"There is no key for {address}: nothing was uploaded. Set WANDB_API_KEY, or `wandb login` first."
        )
    if silent := reachable(address):
        raise CsftError(
            f"{address} does not answer ({silent}): nothing was uploaded. Give the command again."
        )
    return address


def _chosen(study: Path, settings: Settings, count: Count) -> Iterator[Trial]:
    """The runs to upload; where two folders hold the same trial, the finished one, else the first."""
    found: dict[str, list[tuple[bool, str, Trial]]] = {}
    for path in sorted(study.glob(f"*/{MANIFEST}")):
        folder = RunFolder(path.parent)
        if why := _busy(folder):
            count.left_out[folder.path.name] = why
            continue
        try:
            trial, finished = _trial(folder, settings), _finished(folder)
        except DAMAGE as error:
            count.left_out[folder.path.name] = f"damaged: {_brief(error)}"
            continue
        found.setdefault(trial.run_id, []).append((not finished, trial.name, trial))
    for same in found.values():
        _, kept, trial = min(same)
        count.left_out |= {name: f"the same trial as {kept}" for _, name, _ in same if name != kept}
        yield trial


def _busy(folder: RunFolder) -> str | None:
    """Why a folder cannot be taken now. The lock is not kept: a trial that begins must find it free."""
    try:
        with folder.claim():
            return None
    except BusyError:
        return "it runs right now"
    except OSError:  # a folder that cannot be written: nothing runs in it
        return None


def _finished(folder: RunFolder) -> bool:
    if damaged := folder.damage():
        raise DataError(f"{', '.join(damaged)} changed or unreadable since the trial finished")
    return folder.result() is not None


def _trial(folder: RunFolder, settings: Settings) -> Trial:
    config: dict[str, Any] = folder.config
    tracker = config["tracker"]
    return Trial(
        folder=folder,
        config=shown_config(config),
        study=config["study"]["name"],
        name=folder.path.name,
        run_id=str(folder.manifest["identity"])[:RUN_ID_LENGTH],
        tags=tags(config),
        project=settings.project or tracker["project"],
        entity=settings.entity or tracker["entity"],
    )


def _made(trials: Sequence[Trial], place: Path, count: Count) -> Iterator[tuple[Trial, Segment]]:
    place.mkdir()
    for trial in trials:
        try:
            yield trial, make(trial, place)
        except DAMAGE as error:
            count.left_out[trial.name] = f"damaged: {_brief(error)}"


def _upload(made: Sequence[tuple[Trial, Segment]], address: str, folder: Path, count: Count) -> None:
    lost = upload([segment.folder for _, segment in made], address, folder) if made else {}
    if done := [one for one in made if one[1].folder not in lost]:
        lost |= missing(done)
    for trial, segment in made:
        if segment.folder in lost:
            count.lost[trial.name] = lost[segment.folder]
            continue
        count.uploaded.append(trial.name)
        say(f"{trial.name}  {segment.state}, {segment.rows} rows: run {trial.run_id} of {trial.project}")


def _report(study: Path, address: str, count: Count) -> None:
    for name, why in count.left_out.items():
        say(f"{name}  left out: {why}")
    done, out = len(count.uploaded), len(count.left_out)
    say(f"study {study.name}: {done} runs uploaded to {address}, {out} left out")
    if count.lost:
        names = "; ".join(f"{name} ({why})" for name, why in count.lost.items())
        raise CsftError(
            f"{len(count.lost)} of {len(count.uploaded) + len(count.lost)} runs were not uploaded: {names}. "
            f"Uploaded: {', '.join(count.uploaded) or 'none'}. Give the command again when {address} answers."
        )


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, CsftError) else f"{type(error).__name__} {text}".strip()
