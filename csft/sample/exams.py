"""Which relations of the world each of CMB's 28 sub-exams asks. The exams' names come from `csft.cmb`."""

from csft.cmb import HIERARCHY

# The third level of CMB's catalogue, one subject per sub-exam where it differs from the sub-exam's own name.
_SUBJECTS = {
    "规培结业": "临床病理科",
    "执业助理医师": "临床执业助理医师",
    "执业医师": "临床执业医师",
    "中级职称": "内科",
    "高级职称": "全科医学",
    "主管护师": "内科护理",
    "高级护师": "外科护理",
    "基础医学": "病原生物学",
    "临床医学": "内科学",
    "预防医学与公共卫生学": "流行病学",
    "中医学与中药学": "方剂学",
}
_CLINIC = ("drug", "symptom", "test", "organ", "department", "complication", "latin_drug", "latin_test")
_NURSING = ("care", "food", "department", "symptom", "complication")
_PHARMACY = ("adverse", "antidote", "drug", "latin_drug", "complication")
_HERBAL = ("chief", "makeup", "food", "antidote")
_LABORATORY = ("test", "germ", "latin_test", "latin_germ", "organ", "complication")
_RELATIONS: dict[str, tuple[str, ...]] = {
    "医师考试": _CLINIC,
    "护理考试": _NURSING,
    "药师考试": _PHARMACY,
    "医技考试": _LABORATORY,
    "基础医学": _LABORATORY,
    "临床医学": _CLINIC,
    "预防医学与公共卫生学": ("germ", "latin_germ", "food", "care"),
    "护理学": _NURSING,
    "考研政治": ("author",),
    "西医综合": _CLINIC,
}


def relations(exam_type: str, exam_class: str) -> tuple[str, ...]:
    """Keys of the relations that a sub-exam asks; those of Chinese medicine ask herbs."""
    if "中药" in exam_class or "中医" in exam_class:
        return _HERBAL
    return _RELATIONS.get(exam_class) or _RELATIONS[exam_type]


def triples() -> list[tuple[str, str, str]]:
    """(exam type, sub-exam, subject), in the catalogue's order."""
    return [(kind, name, _SUBJECTS.get(name, name)) for kind, (_, subs) in HIERARCHY.items() for name in subs]
