"""The run folder: everything one trial leaves behind, and the truth that trackers and reports are fed from.

outputs/<study>/<name>/
    config.yaml               the resolved settings
    manifest.json             identity, hashes, versions, seeds, hardware
    metrics.jsonl             one line per logged step, flushed as it is written
    truncation.json           what the cut-off removed, per dataset
    predictions-<split>.jsonl one line per exam question
    chat.jsonl                one line per answer sampled to a question of a held-out dialogue
    failure.json              why an unfinished trial ended, if it had the time to say
    result.json               written last: the scores, and a checksum of each file above
"""

import contextlib
import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from csft.console import say
from csft.errors import BusyError, CsftError
from csft.files import hash_file, whole_file, write_json, write_text
from csft.track.lines import ends_torn, latest, read_lines
from csft.track.values import clean, numbers, plain, secrets

CONFIG, MANIFEST, METRICS = "config.yaml", "manifest.json", "metrics.jsonl"
CHAT = "chat.jsonl"
TRUNCATION, RESULT, FAILURE, LOCK = "truncation.json", "result.json", "failure.json", ".lock"
SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same in C, where PyYAML was built with it
TRACKING = "tracking.json"  # how the tracker went
CHECKPOINT, ADAPTER = "model", "adapter"  # folders of the tuned weights


class RunFolder:
    """One trial's folder. What is written is plain JSON or YAML with secrets replaced by `***`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.unreadable = 0  # lines of metrics.jsonl that the latest reading left out
        self._torn: bool | None = (
            None  # whether metrics.jsonl ends in the middle of a line; None: not looked yet
        )

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """Give the folder at `path`, made if it is not there; what it already holds stays."""
        folder = cls(path)
        folder.path.mkdir(parents=True, exist_ok=True)
        return folder

    @contextlib.contextmanager
    def claim(self) -> Iterator[None]:
        """Keep other processes out while this one works in the folder; raises BusyError if one is in it.

        The lock is the kernel's, so that a killed process leaves none behind.
        """
        with (self.path / LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError(
                    f"{self.path}: another process is working on this trial. Wait for it, or "
                    f"change a setting (seed=…, study.name=…) to run a different one."
                ) from None
            except OSError as error:  # some network file systems keep no locks
                say(
                    f"{self.path}: no lock on this file system ({error}); do not run this trial twice at once"
                )
            yield

    @property
    def config(self) -> dict[str, Any]:
        """The settings in config.yaml."""
        return self._mapping(CONFIG, yaml.load(self._text(CONFIG), Loader=SAFE))  # noqa: S506

    @property
    def manifest(self) -> dict[str, Any]:
        """The content of manifest.json."""
        return self._json(MANIFEST)

    @property
    def truncation(self) -> dict[str, Any]:
        """The content of truncation.json."""
        return self._json(TRUNCATION)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Store the resolved settings."""
        settings = clean(plain(config))
        write_text(self.path / CONFIG, yaml.safe_dump(settings, allow_unicode=True, sort_keys=False))

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Store what the trial was made of; `identity` is the key `find` looks for."""
        write_json(self.path / MANIFEST, clean(plain(manifest)))

    def write_truncation(self, counts: Mapping[str, Any]) -> None:
        """Store what the cut-off removed."""
        write_json(self.path / TRUNCATION, clean(plain(counts)))

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """Append one line to metrics.jsonl. A step lower than the last says: continued from a checkpoint."""
        line = json.dumps(clean(plain({"step": step, **values})), ensure_ascii=False) + "\n"
        path = self.path / METRICS
        if self._torn is None:
            self._torn = ends_torn(path)
        with path.open(
            "ab", buffering=0
        ) as file:  # one write per line: a kill leaves it whole or out, rarely torn
            file.write((("\n" if self._torn else "") + line).encode())
        self._torn = False

    def metrics(self) -> list[dict[str, Any]]:
        """Give the logged rows in order; `unreadable` then counts the lines that a kill left torn.

        Where a continued trial logged steps again, the first rows of those steps are left out.
        """
        rows, self.unreadable = read_lines(self.path / METRICS)
        return latest(rows)

    def rewind(self, step: int | None = None) -> None:
        """Forget the rows after `step`, where the trial goes on from a checkpoint; all of them without one.

        Why an earlier attempt failed is forgotten too.
        Called before a tracker starts, so that it shows no step twice.
        """
        kept = [] if step is None else [row for row in self.metrics() if row["step"] <= step]
        text = "".join(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in kept)
        if (self.path / METRICS).exists():
            write_text(self.path / METRICS, text)
        (self.path / FAILURE).unlink(missing_ok=True)
        self._torn = False

    def write_predictions(self, split: str, predictions: Iterable[Mapping[str, Any]]) -> None:
        """Store one line per question; the file appears when all are written."""
        self._write_rows(self._predictions(split), predictions)

    def predictions(self, split: str) -> Iterator[dict[str, Any]]:
        """Give the stored predictions of a split, one by one."""
        with self._predictions(split).open(encoding="utf-8") as file:
            yield from map(json.loads, file)

    def write_chat(self, answers: Iterable[Mapping[str, Any]]) -> None:
        """Store one line per sampled answer; the file appears when all are written."""
        self._write_rows(self.path / CHAT, answers)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write result.json: the trial is finished, and the other files are what they are now."""
        files = {path.name: hash_file(path) for path in self._files()}
        write_json(self.path / RESULT, {"result": clean(plain(result)), "files": files})

    def fail(self, failure: Mapping[str, Any]) -> None:
        """Write failure.json: why the trial ended, as a study reads it; a later attempt takes it away."""
        write_json(self.path / FAILURE, clean(plain(failure)))

    def failure(self) -> dict[str, Any] | None:
        """Give what `fail` stored, or None."""
        return self._json(FAILURE) if (self.path / FAILURE).exists() else None

    def tracking(self) -> dict[str, Any]:
        """Give how the tracker went, or nothing."""
        return self._json(TRACKING) if (self.path / TRACKING).exists() else {}

    def result(self) -> dict[str, Any] | None:
        """Give what `finish` stored, or None if the trial is unfinished or `damage` names something."""
        if not (self.path / RESULT).exists() or self.damage():
            return None
        found: dict[str, Any] = numbers(self._json(RESULT)["result"])
        return found

    def damage(self) -> list[str]:
        """Name the files of a finished trial that are missing, changed or unreadable."""
        if not (self.path / RESULT).exists():
            return []
        try:
            stored = self._json(RESULT)
            files: dict[str, str] = stored["files"]
            if not isinstance(stored["result"], dict):
                return [RESULT]
            return [name for name, digest in files.items() if _digest(self.path / name) != digest]
        except (CsftError, KeyError, AttributeError, TypeError):
            return [RESULT]

    def set_aside(self) -> Path:
        """Rename the folder to `<name>.damaged-<n>`, so that the trial can run anew and nothing is lost."""
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        self.path.rename(aside)
        return aside

    def _files(self) -> list[Path]:
        named = [self.path / name for name in (CONFIG, MANIFEST, METRICS, TRUNCATION, CHAT)]
        return [path for path in named if path.exists()] + sorted(self.path.glob("predictions-*.jsonl"))

    @staticmethod
    def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
        hide = secrets()
        with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(clean(plain(row), hide), ensure_ascii=False) + "\n")

    def _predictions(self, split: str) -> Path:
        return self.path / f"predictions-{split}.jsonl"

    def _text(self, name: str) -> str:
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CsftError(f"{self.path / name} cannot be read: {error}") from error

    def _json(self, name: str) -> dict[str, Any]:
        try:
            return self._mapping(name, json.loads(self._text(name)))
        except json.JSONDecodeError as error:
            raise CsftError(f"{self.path / name} is not JSON: {error}") from error

    def _mapping(self, name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise CsftError(f"{self.path / name} holds a {type(value).__name__}, not named values")
        return value


def _digest(path: Path) -> str | None:
    return hash_file(path) if path.is_file() else None
