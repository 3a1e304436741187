"""What each cut-off removed from each dataset, next to its score."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from csft.data.catalog import DATASETS
from csft.report.study_data import StudyData, Trial
from csft.report.table import Cell, Column, Table
from csft.report.tables.columns import PERCENT, without_empty

WHOLE = "all datasets"
LOSSES = {
    "options": "lose options, %",
    "question": "lose question, %",
    "marker": "lose marker, %",
    "answer": "lose answer, %",
    "statement": "lose statement, %",
    "conclusion": "lose conclusion, %",
    "turns": "lose turns, %",
    "untrained": "untrained, %",
    "dropped": "dropped, %",
}
NOTES = (
    "Shares are of the different records that a trial draws, in percent; one record may lose several things. "
    "The statement is the line of an answer that says which letters are right; the marker opens an answer.",
    "The score is the mean of the trials with that cut-off, whatever else differs, and the best of them.",
)
Counts = dict[str, float]


def table(data: StudyData) -> Table:
    """One row per cut-off and dataset, all datasets of a cut-off together first; sums over its trials."""
    columns = (
        Column("cut-off, tokens"),
        Column("policy"),
        Column("dataset"),
        Column("trials"),
        Column("records", 0),
        *(Column(name, PERCENT) for name in LOSSES.values()),
        Column("tokens removed, %", PERCENT),
        Column("mean score", PERCENT),
        Column("best score", PERCENT),
    )
    groups: dict[tuple[int, str], list[Trial]] = defaultdict(list)
    for trial in data.finished:
        if trial.run:
            groups[trial.run.cutoff, str(trial.run.settings.get("cutoff_policy", ""))].append(trial)
    one_policy = len({policy for _, policy in groups}) == 1
    rows = [
        [cutoff, None if one_policy else policy, *row]
        for (cutoff, policy), trials in sorted(groups.items())
        for row in _rows(trials, minimise=data.directions[0] == "minimize")
    ]
    return without_empty(Table("truncation", "What each cut-off removes", columns, rows, NOTES))


def summed(trials: Sequence[Trial]) -> dict[str, Counts]:
    """Counts of `csft.data.Truncation` by dataset in the catalogue's order, summed over trials; all first."""
    sums: dict[str, Counts] = {WHOLE: defaultdict(float)}
    for trial in trials:
        for name, cost in (trial.run.result.truncation if trial.run else {}).items():
            for group in (WHOLE, name):
                into = sums.setdefault(group, defaultdict(float))
                for key, count in cost.items():
                    into[key] += count
    order = dict.fromkeys([WHOLE, *DATASETS, *sums])
    return {name: sums[name] for name in order if name in sums}


def shares(counts: Mapping[str, float]) -> list[Cell]:
    """Percent of records that lose each of `LOSSES`, and percent of tokens removed."""
    before = counts["tokens_before"]
    removed = 100 * (before - counts["tokens_after"]) / before if before else None
    return [*(100 * counts[key] / counts["records"] for key in LOSSES), removed]


def _rows(trials: Sequence[Trial], *, minimise: bool) -> list[list[Cell]]:
    drawn = [set(one.run.result.truncation) if one.run else set() for one in trials]
    scores = [one.score for one in trials if one.score is not None]
    best = (min if minimise else max)(scores, default=None)
    mean = sum(scores) / len(scores) if scores else None
    rows: list[list[Cell]] = []
    for name, counts in summed(trials).items():
        having = len(trials) if name == WHOLE else sum(name in one for one in drawn)
        if counts["records"]:
            rows.append([name, having, counts["records"] / having, *shares(counts), mean, best])
    return rows
