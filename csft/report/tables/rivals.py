"""The winner against every other model, question by question."""

from csft.report.analysis import Analysis
from csft.report.table import Column, Table
from csft.report.tables.columns import DIFFERENCE, PERCENT, P, of_difference

NOTES = (
    "Differences are points in the winner's favour on the same questions, with 95 % intervals.",
    "p is McNemar's exact test, corrected by Holm for the number of models; on select, where the winner won "
    "and any other could have, for the number of their pairs. Better and worse say that it is below 0.05.",
)


def table(found: Analysis) -> Table:
    """One row per rival and split: the untrained base, the paper's setting, then the other trials."""
    columns = (
        Column("split"),
        Column("against"),
        Column("trial"),
        Column("questions"),
        Column("it", PERCENT),
        Column("the winner", PERCENT),
        *DIFFERENCE,
        Column("only it right"),
        Column("only the winner right"),
        P,
        Column("the winner is"),
    )
    title, winner = "The winner against every other model", found.winner
    if winner is None:
        return Table("rivals", title, columns, [])
    named = [*winner.base.values(), *winner.paper.values()]
    told = {(one.name, one.split) for one in named}
    others = [one for one in winner.rivals if (one.name, one.split) not in told]
    rows = [
        [
            one.split,
            one.name,
            one.trial,
            one.difference.n,
            one.difference.percent_a,
            one.difference.percent_b,
            *of_difference(one.difference),
            one.difference.only_a,
            one.difference.only_b,
            one.p,
            one.standing,
        ]
        for one in [*named, *others]
    ]
    return Table("rivals", f"{title}: trial {winner.trial}", columns, rows, NOTES)
