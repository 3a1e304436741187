"""What the W&B server of tests answers to GraphQL, by what a query asks for."""

import json
import re
from typing import Any

from track.backend_kept import RefusedError, Run, Version

ENTITY = "someone"
NOW = "2026-01-01T00:00:00Z"


def _project(name: str | None = None, entity: str | None = None) -> dict[str, Any]:
    entity = entity or ENTITY
    user = {"id": "u1", "username": ENTITY, "email": "a@b.c", "name": ENTITY, "admin": False, "flags": "{}"}
    return {
        "id": "UHJvamVjdDox",
        "internalId": "UHJvamVjdEludGVybmFsSWQ6MQ==",
        "name": name or "uncategorized",
        "entityName": entity,
        "entity": {"id": "e1", "name": entity},
        "createdAt": NOW,
        "isBenchmark": False,
        "readOnly": False,
        "user": {
            **user,
            "deletedAt": None,
            "entity": entity,
            "teams": {"edges": []},
            "apiKeys": {"edges": []},
        },
    }


def _server_info(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    versions = {"max_cli_version": "0.99.0", "min_cli_version": "0.1.0"}
    info = {"cliVersionInfo": versions, "latestLocalVersionInfo": None, "features": []}
    return {"serverInfo": {**info, "exposesExplicitServerFeatures": True}}


def _viewer(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    who = {key: value for key, value in _project()["user"].items() if key != "apiKeys"}
    return {"viewer": {**who, "defaultEntity": {"id": "e1", "name": ENTITY}}}


def _upsert_run(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    name = v.get("name") or next(key for key in backend.runs if f"b_{key}" == v["id"])
    if name in backend.refuse:
        raise RefusedError(f"run {name} is not granted")
    inserted = name not in backend.runs
    run = backend.runs.setdefault(name, Run(v.get("project") or "uncategorized"))
    if v.get("host") and not v.get("id"):  # a beginning, where one that goes on names the run by its id
        run.lines, run.exit, run.project = {}, None, v.get("project") or run.project
    run.upsert |= {key: value for key, value in v.items() if value is not None}
    bucket = _bucket(name, run)
    return {"upsertBucket": {"bucket": bucket, "inserted": inserted}}


def _bucket(name: str, run: Run) -> dict[str, Any]:
    rows, events = run.history, run.events
    return {
        "id": f"b_{name}",
        "name": name,
        "displayName": run.upsert.get("displayName") or name,
        "description": None,
        "config": run.upsert.get("config") or "{}",
        "sweepName": None,
        "project": _project(run.project, run.upsert.get("entity")),
        "tags": run.upsert.get("tags") or [],
        "notes": None,
        "createdAt": NOW,
        "wandbConfig": json.dumps({"t": {"1": []}}),  # without it a run does not count as begun
        "summaryMetrics": _strict(run.summary),
        "logLineCount": 0,
        "historyLineCount": len(rows),
        "eventsLineCount": len(events),
        "historyTail": json.dumps([_strict(row) for row in rows[-1:]]),
        "eventsTail": json.dumps([_strict(row) for row in events[-1:]]),
    }


def _strict(row: dict[str, Any]) -> str:
    """JSON without NaN, which W&B sends and does not read."""
    return re.sub(r"\b(NaN|-?Infinity)\b", r'"\1"', json.dumps(row))


def _resume(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    run = backend.runs.get(v.get("name") or "")
    bucket = _bucket(v["name"], run) if run and run.upsert else None
    return {"model": {"bucket": bucket, **_project(v.get("project"), v.get("entity"))}}


def _view(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    key = v.get("id") or f"Vmlldzo{len(backend.views) + 1}"
    backend.views[key] = v
    shown = {name: v.get(name) for name in ("type", "name", "displayName", "description", "spec")}
    project = _project(v.get("projectName"), v.get("entityName"))
    view = {"id": key, **shown, "project": project, "createdAt": NOW, "updatedAt": NOW}
    return {"upsertView": {"view": view, "inserted": True}}


def _projects(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    field_name = "models" if re.search(r"\bmodels\s*\(", query) else "projects"
    page = {"hasNextPage": False, "endCursor": None}
    return {field_name: {"edges": [{"cursor": "c", "node": _project()}], "pageInfo": page}}


def _create_project(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    project = _project(v.get("name"), v.get("entityName"))
    return {"upsertModel": {"model": project, "project": project, "inserted": True}}


def _of_project(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    page = {"__typename": "PageInfo", "hasNextPage": False, "endCursor": None}
    runs = {"edges": [], "pageInfo": page}
    named = _project(v.get("projectName") or v.get("project"), v.get("entityName") or v.get("entity"))
    nothing = {"artifact": None, "artifactType": None, "runs": runs, "runCount": 0}
    name = v.get("run") or v.get("name")
    run = backend.runs.get(name) if re.search(r"\brun\s*\(", query) else None
    if run is None:
        return {"project": {**nothing, "run": None, **named}}
    logged = [_node(backend, one) for one, digests in backend.versions.items() if name in one and digests]
    edges = {"totalCount": len(logged), "pageInfo": page, "edges": [{"node": one} for one in logged]}
    ended = "running" if run.exit is None else "failed" if run.exit else "finished"
    more = {
        "projectId": "1",
        "state": ended,
        "group": None,
        "jobType": "trial",
        "heartbeatAt": NOW,
        "commit": None,
    }
    more |= {
        "systemMetrics": "{}",
        "historyKeys": None,
        "readOnly": False,
        "user": _project()["user"],
        "artifacts": edges,
    }
    return {"project": {**nothing, **named, "run": {**_bucket(name, run), **more}}}


def _node(backend: Any, name: str) -> dict[str, Any]:
    """The newest version of an artifact as the public interface asks for it."""
    one = next(one for one in reversed(backend.artifacts[name]) if one.committed)
    sequence = {"__typename": "ArtifactSequence", "name": name, "project": _project()}
    more = {
        "description": None,
        "metadata": "{}",
        "ttlDurationSeconds": -1,
        "ttlIsInherited": False,
        "tags": [],
    }
    more |= {
        "historyStep": None,
        "size": 1,
        "commitHash": None,
        "fileCount": 1,
        "aliases": [],
        "versionIndex": 0,
    }
    return {
        "__typename": "Artifact",
        "id": one.id,
        "artifactSequence": sequence,
        "artifactType": {"name": one.type},
        "state": "COMMITTED",
        "digest": one.digest,
        "createdAt": NOW,
        "updatedAt": NOW,
        **more,
    }


def _create_artifact(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    asked = v["input"]
    name = asked.get("artifactCollectionName") or asked["artifactCollectionNames"][0]
    kept = backend.artifacts.setdefault(name, [])
    latest = next((one for one in reversed(kept) if one.committed), None)
    if latest and latest.digest == asked["digest"]:
        version = latest
    else:
        version = Version(
            id=f"a_{sum(map(len, backend.artifacts.values())) + 1}",
            type=asked["artifactTypeName"],
            digest=asked["digest"],
            aliases=[one["alias"] for one in asked.get("aliases") or []],
            metadata=json.loads(asked.get("metadata") or "{}"),
            run=asked.get("runName"),
            client=asked.get("clientID") or "",
        )
        kept.append(version)
    state = "COMMITTED" if version.committed else "PENDING"
    sequence = {"id": f"s_{name}", "latestArtifact": {"id": latest.id, "versionIndex": 0} if latest else None}
    return {"createArtifact": {"artifact": {"id": version.id, "state": state, "artifactSequence": sequence}}}


def _manifest(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    server_id = v.get("artifactID") or v["artifactManifestID"].removeprefix("m_")
    place = f"{backend.url}/upload/{server_id}/manifest"
    file = {"id": "f1", "name": "wandb_manifest.json", "displayName": "wandb_manifest.json"}
    manifest = {"id": f"m_{server_id}", "file": {**file, "uploadUrl": place, "uploadHeaders": []}}
    kind = "updateArtifactManifest" if "updateArtifactManifest" in query else "createArtifactManifest"
    return {kind: {"artifactManifest": manifest}}


def _artifact_files(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    edges = []
    for number, one in enumerate(v["input"]["artifactFiles"] if "input" in v else v["artifactFiles"]):
        url = f"{backend.url}/upload/{one['artifactID']}/file/{one['name']}"
        node = {
            "id": f"f{number}",
            "name": one["name"],
            "displayName": one["name"],
            "storagePath": one["name"],
        }
        more = {"uploadUrl": url, "uploadHeaders": [], "uploadMultipartUrls": None}
        edges.append({"node": {**node, **more, "artifact": {"id": one["artifactID"]}}})
    return {"createArtifactFiles": {"files": {"edges": edges}}}


def _commit(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    version = backend.version(v["artifactID"])
    version.committed = True
    return {"commitArtifact": {"artifact": {"id": version.id, "digest": version.digest}}}


def _client(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    known = [one.id for kept in backend.artifacts.values() for one in kept if one.client == v["clientID"]]
    return {"clientIDMapping": {"serverID": known[0] if known else None}}


def _run_files(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    files = [{"name": one, "uploadUrl": f"{backend.url}/upload/run/{v['run']}/{one}"} for one in v["files"]]
    return {"createRunFiles": {"runID": f"b_{v['run']}", "uploadHeaders": [], "files": files}}


def _types(backend: Any, query: str, v: dict[str, Any]) -> dict[str, Any]:
    aliases = re.findall(r"(\w+)\s*:\s*__type", query) or ["__type"]
    return {alias: {"name": "X", "fields": [], "inputFields": []} for alias in aliases}


ANSWERS = [
    (r"\bserverInfo\b", _server_info),
    (r"\bviewer\b", _viewer),
    (r"\bupsertBucket\b", _upsert_run),
    (r"\bupsertView\b", _view),
    (r"\bupsertModel\b", _create_project),
    (r"\bmodel\s*\(", _resume),
    (r"\b(models|projects)\s*\(", _projects),
    (r"\bproject\s*\(", _of_project),
    (r"\bcreateRunFiles\b", _run_files),
    (r"\bmarkRunFilesUploaded\b", lambda *_: {"markRunFilesUploaded": {"success": True}}),
    (r"\bcreateArtifact\s*\(", _create_artifact),
    (r"\b(create|update)ArtifactManifest\b", _manifest),
    (r"\bcreateArtifactFiles\b", _artifact_files),
    (r"\bcommitArtifact\b", _commit),
    (r"\bclientIDMapping\b", _client),
    (r"\bentity\s*\(", lambda *_: {"entity": {"organization": None, "xxhashDigestsEnabled": False}}),
    (r"__type|__schema", _types),
]  # fmt: skip
