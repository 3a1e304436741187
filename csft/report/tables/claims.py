"""The paper's claims before this study."""

from csft.report.analysis import Analysis
from csft.report.table import Column, Table


def table(found: Analysis) -> Table:
    """One row per claim."""
    columns = (Column("claim"), Column("this study"), Column("found"), Column("test"))
    rows = [[one.claim, one.standing, one.sentence, one.test] for one in found.claims]
    return Table("claims", "The paper's claims", columns, rows)
