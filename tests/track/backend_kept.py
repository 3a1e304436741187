"""What the W&B server of tests keeps: runs and versions of artifacts."""

import json
from dataclasses import dataclass, field
from typing import Any

ROWS, EVENTS, SUMMARY = "wandb-history.jsonl", "wandb-events.jsonl", "wandb-summary.json"


@dataclass
class Run:
    """What a client has sent of a run."""

    project: str
    upsert: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, dict[int, str]] = field(default_factory=dict)  # by file, then by line
    exit: int | None = None
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def history(self) -> list[dict[str, Any]]:
        return self._rows(ROWS)

    @property
    def events(self) -> list[dict[str, Any]]:
        return self._rows(EVENTS)

    @property
    def summary(self) -> dict[str, Any]:
        lines = self.lines.get(SUMMARY, {})
        return json.loads(lines[max(lines)]) if lines else {}

    @property
    def config(self) -> dict[str, Any]:
        stored = json.loads(self.upsert.get("config") or "{}")
        return {key: one["value"] for key, one in stored.items() if key != "_wandb"}

    def _rows(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for _, line in sorted(self.lines.get(name, {}).items())]


@dataclass
class Version:
    """One version of an artifact; `entries` of its manifest by path, `contents` of the uploaded ones."""

    id: str
    type: str
    digest: str
    aliases: list[str]
    metadata: dict[str, Any]
    run: str | None
    client: str
    committed: bool = False
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)


class RefusedError(Exception):
    """A request that is answered with an error of its own."""
