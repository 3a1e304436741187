"""Files of a trial's run folder, copied to where the Optuna dashboard offers them."""

import json
import mimetypes
import uuid
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from csft.study import outcomes
from csft.study.attributes import FOLDERS
from csft.study.figures import loss, thinned
from csft.study.picture import picture

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

FOLDER = "artifacts"  # under `output`
NAMES = ("result.json", "predictions-select.jsonl", "truncation.json", "config.yaml", "failure.json")
PICTURE = "sub-exams.svg"
# Types that Python's table lacks on some machines; the dashboard shows images and tables by them.
TYPES = {".jsonl": "application/jsonl", ".yaml": "application/yaml", ".svg": "image/svg+xml"}
_IDS = uuid.UUID("6d1f3b0e-6a6e-4f0e-9d0c-2f5d2b0f7c11")  # of csft's artifacts


def upload(study: "Study", trial: "FrozenTrial", output: Path) -> list[str]:
    """Offer a finished trial's files and picture, each once; gives the names of those that were new.

    Optuna takes no artifact of a finished trial; the dashboard also reads those that a study keeps for one
    of its trials, and that is where these are told. The ids follow from trial and name, so that nothing
    doubles where this is called again, or by two processes.
    """
    from optuna.artifacts import FileSystemArtifactStore

    folder = output / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    store = FileSystemArtifactStore(folder)
    known = study._storage.get_study_system_attrs(study._study_id)
    new = []
    for name, content in _files(trial):
        artifact = _id(study, trial, name)
        key = f"dashboard:artifacts:{trial._trial_id}:{artifact}"
        if key in known and (folder / artifact).is_file():
            continue
        # The file first: what is told of is there.
        store.write(artifact, BytesIO(content))
        told = {"artifact_id": artifact, "filename": name, "mimetype": _type(name), "encoding": None}
        study._storage.set_study_system_attr(study._study_id, key, json.dumps(told))
        new.append(name)
    return new


def picture_place(study: "Study", trial: "FrozenTrial") -> str:
    """Where the dashboard serves a trial's picture."""
    return f"/artifacts/{study._study_id}/{trial._trial_id}/{_id(study, trial, PICTURE)}"


def _id(study: "Study", trial: "FrozenTrial", name: str) -> str:
    started = trial.datetime_start.isoformat() if trial.datetime_start else ""
    return str(uuid.uuid5(_IDS, f"{study.study_name}/{trial.number}/{started}/{name}"))


def _files(trial: "FrozenTrial") -> Iterator[tuple[str, bytes]]:
    for folder in trial.user_attrs.get(FOLDERS, ())[:1]:
        for name in NAMES:
            path = Path(folder) / name
            if path.is_file():
                yield name, path.read_bytes()
    rows = outcomes.sub_exams(outcomes.result(trial))
    if rows:
        title = f"Trial {trial.number}: {outcomes.setting(trial)}"
        yield PICTURE, picture(title, rows, thinned(loss(trial))).encode()


def _type(name: str) -> str:
    known = TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0]
    return known or "application/octet-stream"
