"""What a person may set about screening."""

from dataclasses import dataclass

from csft.errors import SettingError

LOWEST = 0.5  # below it, two thirds of the shingles may differ, and a comparison would hold half a data set


@dataclass(frozen=True)
class ScreenRules:
    """How alike is too alike: shares between 0.5 and 1, or None for exact matches only.

    `near_duplicates`: two records are near duplicates when the shingles of their questions and those of
    their answers each have at least this Jaccard similarity (`csft.data.screen.alike` has the whole rule).
    `exam_overlap`: a record is left out when one of its questions holds at least this share of an exam
    question's character triples (`csft.data.screen.overlap`).
    """

    near_duplicates: float | None = 0.9
    exam_overlap: float | None = 0.7

    def __post_init__(self) -> None:
        for name, value in (("near_duplicates", self.near_duplicates), ("exam_overlap", self.exam_overlap)):
            if value is not None and not LOWEST <= value <= 1:
                raise SettingError(name, value, f"a share from {LOWEST} to 1, or null for exact matches only")
