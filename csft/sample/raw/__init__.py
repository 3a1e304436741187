"""The sample in the raw layouts of the thirteen datasets, one writer each."""

from collections.abc import Callable
from pathlib import Path

from csft.sample.raw.cmb import write_cmb
from csft.sample.raw.dialogues import write_discmed, write_medicaldialog
from csft.sample.raw.english import write_headqa, write_medmcqa, write_pubmedqa
from csft.sample.raw.exams import write_medqajin, write_mlecqa, write_nlpec
from csft.sample.raw.web import write_cmeddialogue, write_cmedqa2, write_cmid, write_webmedqa

WRITERS: dict[str, Callable[[Path], None]] = {
    "pubmedqa": write_pubmedqa,
    "medmcqa": write_medmcqa,
    "headqa": write_headqa,
    "cmedqa2": write_cmedqa2,
    "cmeddialogue": write_cmeddialogue,
    "webmedqa": write_webmedqa,
    "medicaldialog": write_medicaldialog,
    "cmid": write_cmid,
    "nlpec": write_nlpec,
    "cmb": write_cmb,
    "mlecqa": write_mlecqa,
    "discmed": write_discmed,
    "medqajin": write_medqajin,
}

# Records planted so that a reader has something to set aside.
PLANTED = {
    "pubmedqa": 1,
    "medmcqa": 2,
    "headqa": 1,
    "cmedqa2": 1,
    "cmeddialogue": 1,
    "webmedqa": 1,
    "medicaldialog": 1,
    "cmid": 2,
    "nlpec": 1,
    "cmb": 3,
    "mlecqa": 1,
    "discmed": 2,
    "medqajin": 1,
}
