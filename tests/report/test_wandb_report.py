"""The report at W&B: what its specification asks of the runs, and how it is saved."""

import dataclasses
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from made_data import made
from made_found import found
from track import backend as servers
from track.backend import Backend, fresh_wandb

from csft.errors import CsftError
from csft.report import wandb_report
from csft.report.analysis import Analysis
from csft.report.study_data import StudyData
from csft.track.values import flatten

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic V1")  # wandb-workspaces still uses them
KEY = "5ec2e7" * 7
WEIGHT = "mix.datasets.cmb"


@pytest.fixture(scope="module")
def data() -> StudyData:
    settings = [
        {"cutoff": 256 * 2**at, "epochs": 1 + at, "lr": 1e-5 * 3**at, "mix": mix, WEIGHT: weight}
        for at, mix, weight in ((0, "paper", 0.5), (1, "exam", 1.0), (2, "paper", 2.0), (0, "exam", 0.0))
    ]
    return made(questions=140, settings=settings)


@pytest.fixture(scope="module")
def analysis(data: StudyData) -> Analysis:
    return found(data)


@pytest.fixture(scope="module")
def spec(data: StudyData, analysis: Analysis) -> dict[str, Any]:
    return as_json(wandb_report.build(data, analysis, project="csft"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """A server that lists the reports saved on it."""

    def views(backend: Backend, query: str, v: dict[str, Any]) -> dict[str, Any]:
        kept = [
            {"cursor": "", "node": {**view, "id": key, "spec": "{}"}} for key, view in backend.views.items()
        ]
        page = {"edges": kept, "pageInfo": {"endCursor": None, "hasNextPage": False}}
        return {"project": {"allViews": page}}

    monkeypatch.setattr(servers, "ANSWERS", [*servers.ANSWERS, (r"\ballViews\b", views)])
    with Backend() as backend:
        wandb = fresh_wandb(monkeypatch, backend)
        yield backend
        wandb.teardown()


def as_json(report: Any) -> dict[str, Any]:
    made_of: dict[str, Any] = json.loads(
        report._to_model().spec.model_dump_json(by_alias=True, exclude_none=True)
    )
    return made_of


def grids(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [block["metadata"] for block in spec["blocks"] if block["type"] == "panel-grid"]


def panels(spec: dict[str, Any], kind: str = "") -> list[dict[str, Any]]:
    every = [panel for grid in grids(spec) for panel in grid["panelBankSectionConfig"]["panels"]]
    return [panel["config"] for panel in every if kind in ("", panel["viewType"])]


def told(spec: dict[str, Any]) -> str:
    return "\n".join(block["content"] for block in spec["blocks"] if block["type"] == "markdown-block")


def test_every_run_set_is_the_study_best_first(spec: dict[str, Any]) -> None:
    assert len(grids(spec)) == 5
    for grid in grids(spec):
        (runs,) = grid["runSets"]
        (condition,) = runs["filters"]["filters"]
        assert condition["key"] == {"section": "run", "name": "group"}
        assert (condition["op"], condition["value"]) == ("=", "made")
        (order,) = runs["sort"]["keys"]
        assert order == {"key": {"section": "summary", "name": "cmb/select/total"}, "ascending": False}


def test_panels_ask_for_what_runs_have(data: StudyData, spec: dict[str, Any]) -> None:
    run = data.finished[0].run
    assert run
    figures, config = set(run.result.summary()), set(flatten(run.settings))
    logged = {key for trial in data.finished for row in trial.curves for key in row}
    kinds = {panel["viewType"] for grid in grids(spec) for panel in grid["panelBankSectionConfig"]["panels"]}
    wanted = {"Parallel Coordinates Plot", "Scatter Plot", "Parameter Importance", "Bar Chart"}
    assert kinds == wanted | {"Run History Line Plot", "Run Comparer"}
    for panel in panels(spec, "Bar Chart"):
        assert panel["metrics"] and set(panel["metrics"]) <= figures
    assert max(len(panel["metrics"]) for panel in panels(spec, "Bar Chart")) == 28
    for panel in panels(spec, "Run History Line Plot"):
        assert {panel["xAxis"], *panel["metrics"]} <= logged
    assert panels(spec, "Parameter Importance")[0]["targetKey"] in figures
    (columns,) = [panel["columns"] for panel in panels(spec, "Parallel Coordinates Plot")]
    axes = [one["accessor"] for one in columns]
    axes += [panel[name] for panel in panels(spec, "Scatter Plot") for name in ("xAxis", "yAxis")]
    for axis in axes:
        section, _, name = axis.partition(":")
        assert name in figures if section == "summary" else name.removesuffix(".value") in config
    assert {f"config:{name}.value" for name in ("cutoff", "lr", "mix.name", WEIGHT)} < set(axes)
    assert {one["displayName"]: one.get("log") for one in columns}["cutoff"]
    assert ("config:cutoff.value", "summary:cmb/select/total") in {
        (panel["xAxis"], panel["yAxis"]) for panel in panels(spec, "Scatter Plot")
    }


def test_text_has_findings_cautions_and_tables(spec: dict[str, Any]) -> None:
    text = told(spec)
    assert "- The winner is above the untrained base." in text and "- One study of one_model." in text
    assert "held out of CMB-train" in text and "mixes two levels" in text
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert len(headings) == len(set(headings)) >= 8


@pytest.mark.parametrize(
    ("parameter", "words", "names"),
    [
        ("lr", [], ["lr"]),
        ("mix", [], ["mix.name"]),
        ("weight.all", ["mix.datasets.cmb", "mix.datasets.headqa"], ["mix.datasets.cmb"]),
        ("diversity", [], []),
    ],
)
def test_names_of_settings(data: StudyData, parameter: str, words: list[str], names: list[str]) -> None:
    from csft.report.wandb_axes import settings_of

    space = {**data.record["space"], f"+{parameter}": {"words": words}}
    other = dataclasses.replace(data, record={**data.record, "space": space})
    assert list(settings_of(other, parameter)) == names


def test_a_study_without_scores_has_a_report(data: StudyData) -> None:
    empty = dataclasses.replace(made(3, states=False), best=())
    empty = dataclasses.replace(
        empty, trials=tuple(dataclasses.replace(one, runs=(), curves=[]) for one in empty.trials)
    )
    report = as_json(wandb_report.build(empty, Analysis(None, (), (), (), (), (), ()), project="csft"))
    assert [panel.get("metrics") for panel in panels(report)] == [None]  # the comparer of runs alone


def test_keys_stay_out(data: StudyData, analysis: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    command = f"python -m csft.run WANDB_API_KEY={KEY} study.storage=postgresql://me:hush-hush@host/db"
    told_by = dataclasses.replace(analysis, answer=(f"Key {KEY}",), cautions=(f"Again {KEY}",))
    trials = tuple(dataclasses.replace(one, command=command) for one in data.trials)
    leaky = dataclasses.replace(data, trials=trials, record={**data.record, "command": command})
    report = wandb_report.build(leaky, told_by, project="csft")
    whole = json.dumps([as_json(report), report.description])
    assert KEY not in whole and "hush-hush" not in whole and "postgresql://me:***@host/db" in whole


def test_a_report_is_saved_once_per_study(data: StudyData, analysis: Analysis, server: Backend) -> None:
    first = wandb_report.save(wandb_report.build(data, analysis, project="csft"))
    other = dataclasses.replace(data, name="other")
    wandb_report.save(wandb_report.build(other, analysis, project="csft"))
    again = dataclasses.replace(analysis, answer=("Something new.",))
    second = wandb_report.save(wandb_report.build(data, again, project="csft", entity=servers.ENTITY))
    assert first == second and first.startswith(f"{server.url}/{servers.ENTITY}/csft/reports/")
    assert [view["displayName"] for view in server.views.values()] == ["csft study made", "csft study other"]
    saved = next(iter(server.views.values()))
    spec = json.loads(saved["spec"])
    assert "Something new." in told(spec) and saved["entityName"] == servers.ENTITY
    assert {grid["runSets"][0]["project"]["entityName"] for grid in grids(spec)} == {servers.ENTITY}
    assert not server.unanswered
    assert not any(server.key.encode() in body for body in server.sent)


def test_a_missing_project_says_what_to_do(
    data: StudyData, analysis: Analysis, server: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = (r"\bproject\s*\(", lambda *_: {"project": None})
    monkeypatch.setattr(servers, "ANSWERS", [*servers.ANSWERS, none])
    with pytest.raises(CsftError, match=r"someone/csft.*csft\.track sync"):
        wandb_report.save(wandb_report.build(data, analysis, project="csft"))
    assert not server.views


def test_without_a_key_nothing_is_asked(
    data: StudyData, analysis: Analysis, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    import wandb

    for name in ("WANDB_API_KEY", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked on the terminal"))
    wandb.teardown()
    with pytest.raises(CsftError, match="wandb login"):
        wandb_report.save(wandb_report.build(data, analysis, project="csft"))


@pytest.mark.parametrize(("answer", "said"), [("hangs", "no answer within"), ("refuses", "out of order")])
def test_a_server_that_is_down(
    data: StudyData, analysis: Analysis, monkeypatch: pytest.MonkeyPatch, answer: str, said: str
) -> None:
    import wandb

    ended = threading.Event()

    def api() -> None:
        if answer == "hangs":
            ended.wait(20)
        raise wandb.errors.CommError("out of order")

    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setattr(wandb, "Api", api)
    monkeypatch.setattr(wandb_report, "PATIENCE_S", 0.2 if answer == "hangs" else 20)
    wandb.teardown()
    try:
        with pytest.raises(CsftError, match=said):
            wandb_report.save(wandb_report.build(data, analysis, project="csft"))
    finally:
        ended.set()
