"""The notes that the Optuna dashboard shows beside a trial and a study, as Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.cmb import SUB_EXAMS
from csft.study import outcomes
from csft.study.artifacts import picture_place
from csft.study.attributes import FAILURE, FOLDERS, ORIGIN, REUSED, SCORES, TRACKER, WORKER
from csft.study.ledger import HISTORY
from csft.study.outcomes import SELECT, number
from csft.study_config import DIRECTIONS

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

TOLD = {
    "score": "exam score on the `select` split in percent, the higher the better",
    "chat_loss": "loss on held-out dialogues per answer token, the lower the better",
    "gpu_hours": "hours of a GPU, the lower the better",
}
NO_BREAK = "\N{NO-BREAK SPACE}"
assert TOLD.keys() == DIRECTIONS.keys()


def trial_note(study: "Study", trial: "FrozenTrial") -> str:
    """What a trial tried, how it went in every part, and how to repeat it."""
    stored = outcomes.result(trial)
    parts = [
        f"## Trial {trial.number}: {_code(outcomes.setting(trial) or 'no parameters')}",
        _ending(trial),
        _values(study, trial),
        _scores(trial, stored),
        f"![The sub-exams]({picture_place(study, trial)})" if outcomes.sub_exams(stored) else "",
        _truncation(trial),
        _sub_exams(stored),
        _places(trial),
        _block("Repeat it", outcomes.command(trial)),
    ]
    return "\n\n".join(part for part in parts if part)


def study_note(study: "Study") -> str:
    """What a study asks, its best so far, and what to type next."""
    record = outcomes.record(study) or {}
    name, trials = study.study_name, outcomes.shown_trials(study)
    names = outcomes.objectives(study)
    searched = sorted({key.lstrip("+") for one in trials for key in one.params})
    asked = f"Which {', '.join(map(_code, searched)) or 'setting'} gives the best {' and '.join(names)}?"
    parts = [
        f"## {_plain(name)}",
        str(record.get("question") or asked),
        "\n".join(f"- **{one}**: {TOLD.get(one, 'a value')}" for one in names),
        ", ".join(f"{count} {state}" for state, count in outcomes.counts(trials).items()) or "No trials yet.",
        _best(study, names),
        _beyond(study),
        _block("Go on (runs what is left of the total)", record.get("command") or _resume(name)),
        _block("The winning setting as one command line", f"python -m csft.study export study={name}"),
    ]
    return "\n\n".join(part for part in parts if part)


def _resume(name: str) -> str:
    return f"python -m csft.run -m study.name={name} …   # the words that started it"


def _best(study: "Study", names: Sequence[str]) -> str:
    best = outcomes.winners(study)
    if not best:
        return ""
    heading = "### Best" if len(names) == 1 else "### Best trade-offs (none is beaten in everything)"
    rows = [
        [str(one.number), _code(outcomes.setting(one)), *(f"{value:.4g}" for value in one.values)]
        for one in best
    ]
    return f"{heading}\n\n{_table(['trial', 'setting', *names], rows, names=2)}"


def _beyond(study: "Study") -> str:
    """A word on trials that the dashboard itself may call the best, as it knows no limits."""
    beyond = [one for one in outcomes.shown_trials(study) if outcomes.state(one) == "infeasible"]
    if not beyond:
        return ""
    told = ", ".join(f"trial {one.number} ({_plain(outcomes.why(one))})" for one in beyond)
    return f"No winner, whatever their values, as they went over the study's limits: {told}."


def _ending(trial: "FrozenTrial") -> str:
    state, why = outcomes.state(trial), outcomes.why(trial)
    failure = trial.user_attrs.get(FAILURE, {})
    if state == "failed" and failure:
        kind, reason = failure.get("kind", ""), failure.get("reason", "")
        said = _fenced(str(failure.get("message", "")))
        return f"**Failed: {_plain(str(reason))}** ({_plain(str(kind))})\n\n{said}"
    history = trial.system_attrs.get(HISTORY)
    again = f" Goes on for trial {history[-1]}, whose worker died." if history else ""
    reused = " Its result was reused from an earlier run." if trial.user_attrs.get(REUSED) else ""
    origin = trial.user_attrs.get(ORIGIN)
    queued = f" Queued as {_plain(str(origin))}." if origin else ""
    return f"**{state.capitalize()}**{': ' + _plain(why) if why else ''}.{queued}{again}{reused}"


def _values(study: "Study", trial: "FrozenTrial") -> str:
    names = outcomes.objectives(study)
    if len(names) == 1 or not trial.values:
        return ""
    return ", ".join(f"{name} **{value:.4g}**" for name, value in zip(names, trial.values, strict=True))


def _scores(trial: "FrozenTrial", stored: Mapping[str, Any] | None) -> str:
    rows = []
    for split in (stored or {}).get("scores", {}):
        figure, base = outcomes.total(stored, split), outcomes.total(stored, split, "base")
        if figure:
            rows.append([split, *_figures(figure, figure["percent"], base.get("percent"))])
    if not rows:
        return ""
    seeds = trial.user_attrs.get(SCORES, ())
    several = (
        f"\n\nBy seed: {', '.join(f'{one:.2f}' for one in seeds)}; below, the first." if seeds[1:] else ""
    )
    return _table(["split", "questions", "score %", "95 % interval", "untrained"], rows) + several


def _sub_exams(stored: Mapping[str, Any] | None) -> str:
    """28 rows: the split that trials are judged by in full, the others with score and interval."""
    found = outcomes.sub_exams(stored)
    if not found:
        return ""
    others = [split for split in (stored or {}).get("scores", {}) if split != SELECT]
    rows = []
    for sub in SUB_EXAMS:
        rows_by_split = found.get(sub.key, {})
        row = rows_by_split.get(SELECT)
        judged = _figures(row, row["score"], row["base"]) if row else [""] * 4
        rest = [_brief(rows_by_split.get(split)) for split in others]
        rows.append([f"{sub.exam_type} · {sub.exam_class}", _words(sub.key), *judged, *rest])
    headings = ["考试", "sub-exam", "n", "score %", "95 % interval", "untrained", *others]
    return f"### The 28 sub-exams, on `{SELECT}`\n\n{_table(headings, rows, names=2)}"


def _figures(row: Mapping[str, Any], score: float, base: float | None) -> list[str]:
    interval = f"{row['low']:.1f} to {row['high']:.1f}"
    return [str(row["n"]), f"**{score:.1f}**", interval, "" if base is None else f"{base:.1f}"]


def _brief(row: Mapping[str, Any] | None) -> str:
    return f"{row['score']:.1f} ({row['low']:.0f} to {row['high']:.0f})" if row else ""


def _words(key: str) -> str:
    return key.replace("/", " / ").replace("_", " ")


def _truncation(trial: "FrozenTrial") -> str:
    """Per dataset how many records lose what; kinds of loss that none has are left out."""
    by_dataset = outcomes.truncation(trial)
    kinds = [
        kind
        for kind in next(iter(by_dataset.values()), {})
        if kind != "records" and "_" not in kind and any(cost.get(kind) for cost in by_dataset.values())
    ]
    rows = [
        [name, f"{cost['records']:,}", f"{_removed(cost):.1f}", *(f"{cost.get(kind, 0):,}" for kind in kinds)]
        for name, cost in by_dataset.items()
    ]
    if not rows:
        return ""
    headings = ["dataset", "records", "tokens cut %", *(f"lose {kind}" for kind in kinds)]
    return f"### What the cut-off takes\n\n{_table(headings, rows)}"


def _removed(cost: Mapping[str, Any]) -> float:
    before, after = float(cost.get("tokens_before", 0)), float(cost.get("tokens_after", 0))
    return 100 * (before - after) / max(before, 1)


def _places(trial: "FrozenTrial") -> str:
    lines = []
    for folder in trial.user_attrs.get(FOLDERS, ()):
        path = Path(folder).absolute()
        lines.append(f"- run folder {_code(str(path))}, <{path.as_uri()}>")
    for place in trial.user_attrs.get(TRACKER, ()):
        online = str(place).startswith(("http://", "https://"))
        lines.append(f"- W&B run {f'<{place}>' if online else _code(str(place))}")
    took, worker = outcomes.hours(trial), trial.user_attrs.get(WORKER)
    if took is not None and worker:
        lines.append(f"- {number(took)} hours, worker {_code(str(worker.get('name', '?')))}")
    return "### Where it is\n\n" + "\n".join(lines) if lines else ""


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], names: int = 1) -> str:
    """The first `names` columns name, the others count and are not broken into lines."""
    line = "|".join(":--" if place < names else "--:" for place in range(len(headings)))
    told = [
        [*row[:names], *(cell.replace(" ", NO_BREAK) for cell in row[names:])] for row in [headings, *rows]
    ]
    head, *body = (f"| {' | '.join(row)} |" for row in told)
    return "\n".join([head, f"|{line}|", *body])


def _block(heading: str, line: str | None) -> str:
    return f"### {heading}\n\n{_fenced(line)}" if line else ""


def _fenced(text: str) -> str:
    """A code block that no line of the text ends."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def _code(text: str) -> str:
    return f"`{text.replace('`', chr(39)).replace('|', '¦')}`"


def _plain(text: str) -> str:
    """Text that Markdown takes as it is."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>#|~" else letter for letter in text)
