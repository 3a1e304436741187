"""MedicalDialog's raw text: consultations as the site showed them, brought into the processed form.

    id=7                                     病人：鲜红斑痣，脸的右边部分！
    Description                              医生：各有利弊。
    疾病：                                    病人：我补充一下我的照片
    鲜红斑痣                          →       …
    病情描述（…）：
    脸的右边部分！
    Dialogue
    医生：
    各有利弊。
    病人：
    我补充一下我的照片 …

As in the processed data the first patient turn is disease and description joined by a comma, so a doctor
who speaks first answers the description; neighbouring turns of one speaker become one, with nothing between
them. A doctor who speaks first where nothing was described answers nothing: that turn is left out. A second
Dialogue section of one consultation continues the first; the other sections are not part of the talk.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from csft.raw import Raw, numbered
from csft.raw.text import Row
from csft.rejects import Rejects

PATIENT, DOCTOR = "病人：", "医生："
_START = re.compile(r"id=\d+\s*$")
_SECTIONS = {"Doctor faculty", "Description", "Dialogue", "Diagnosis and suggestions"}
_SPEAKERS = {"病人：": PATIENT, "病人:": PATIENT, "医生：": DOCTOR, "医生:": DOCTOR}
_DISEASE, _STORY = "疾病", "病情描述"
_FIELDS = (_DISEASE, _STORY, "曾经治疗情况和效果", "想得到怎样的帮助", "希望得到的帮助", "希望提供的帮助",
           "患病时长", "所就诊医院科室", "用药情况", "既往病史", "过敏史", "怀孕情况")  # fmt: skip
_FIELD = re.compile(rf"({'|'.join(_FIELDS)})(?:（[^）]*）)?[：:]\s*(.*)")


@dataclass
class _Consultation:
    """What was read of one so far; `target` is the list that the next line of text belongs to."""

    where: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    turns: list[tuple[str, list[str]]] = field(default_factory=list)
    section: str = ""
    target: list[str] | None = None

    def read(self, line: str) -> None:
        """Take one stripped line that is not blank."""
        described = _FIELD.fullmatch(line) if self.section == "Description" else None
        if line in _SECTIONS:
            self.section, self.target = line, None
        elif self.section == "Dialogue" and line in _SPEAKERS:
            self.target = []
            self.turns.append((_SPEAKERS[line], self.target))
        elif described:
            self.target = self.fields.setdefault(described[1], [])
            self.target.extend(filter(None, [described[2]]))
        elif self.target is not None:
            self.target.append(line)

    def utterances(self, rejects: Rejects) -> list[str]:
        """The turns in the processed form, each with its speaker in front."""
        story = ["\n".join(self.fields.get(name, [])) for name in (_DISEASE, _STORY)]
        opening = "，".join(filter(None, story))
        said = [(PATIENT, opening)] if opening else []
        unasked = 0
        for speaker, lines in self.turns:
            text = "\n".join(lines)
            if said and said[-1][0] == speaker:
                said[-1] = (speaker, said[-1][1] + text)
            elif said or speaker == PATIENT:
                said.append((speaker, text))
            else:
                unasked += bool(text)
        if said and unasked:
            rejects.note("doctor's opening without a question left out", self.where)
        return [speaker + text for speaker, text in said]


def consultations(raw: Raw, rejects: Rejects) -> Iterator[Row]:
    """(place, turns) per consultation of a file; one without any answer is set aside here."""
    current: _Consultation | None = None
    for number, line, _ in numbered(raw, rejects):
        text = line.strip()
        if _START.match(text):
            if current:
                yield from _finished(current, rejects)
            current = _Consultation(f"{raw.name}:{number}")
        elif text and current:
            current.read(text)
    if current:
        yield from _finished(current, rejects)
    else:
        rejects.add("text file without a consultation", raw.name)


def _finished(consultation: _Consultation, rejects: Rejects) -> Iterator[Row]:
    spoken = {speaker for speaker, lines in consultation.turns if lines}
    if DOCTOR in spoken:
        yield consultation.where, consultation.utterances(rejects)
    else:
        rejects.topics += 1
        rejects.add("patient turns alone" if spoken else "no dialogue", consultation.where)
