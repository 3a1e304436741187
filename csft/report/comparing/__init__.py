"""Trials, or whole studies, beside each other: `python -m csft.report --compare A B …`."""

from collections.abc import Sequence

from csft.report.comparing.named import Settings, find
from csft.report.comparing.studies import studies_page
from csft.report.comparing.trials import trials_page
from csft.report.page import Page

__all__ = ["page", "studies_page", "trials_page"]


def page(names: Sequence[str], settings: Settings) -> Page:
    """The page of what was named, at least two: run folders and trials (STUDY/NUMBER), or studies.

    Raises DataError for a name that is none of these, and where nothing can be compared.
    """
    found = find(names, settings)
    if found.studies:
        from csft.report.analysis.analysing import analyse

        return studies_page([(data, analyse(data)) for data in found.studies])
    return trials_page(found.trials, found.labels)
