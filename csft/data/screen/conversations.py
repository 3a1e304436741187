"""Records grouped into the conversations they are written from.

Dialogue sets give one record per answer, each with the turns before it as its history. Such records are
near duplicates of one another by construction; the last one says all that the others say, so it speaks for
them, and a near duplicate of it takes all of them along.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from csft.data.alpaca import Alpaca
from csft.data.template import Turn, turns
from csft.rejects import Rejects

LONGEST = 1_000_000  # characters: no text a person wrote, and a tokenizer may need 90 bytes for each
BATCH_RECORDS = 4096
BATCH_CHARACTERS = 1 << 20  # some 60 MB of arrays while a batch is worked on


class Said(NamedTuple):
    """What a conversation says, without its records: plain tuples, which travel fast between processes.

    `asked` is the instruction and the input of a record that is no dialogue.
    """

    turns: list[Turn]
    lengths: list[int]
    system: str
    asked: tuple[str, str] | None


@dataclass(slots=True)
class Conversation:
    """Neighbouring records of which each goes on where the one before ended; a single record as a rule.

    `turns` are those of the last record; record number `numbers[k]` holds the first `lengths[k]` of them.
    `marks` are 128 bits each of the record as a model sees it.
    """

    records: list[Alpaca]
    numbers: list[int]
    lengths: list[int]
    marks: list[bytes]
    turns: list[Turn] = field(default_factory=list)

    @property
    def said(self) -> Said:
        """What is looked at."""
        first = self.records[0]
        asked = None if first.history or len(self.records) > 1 else (first.instruction, first.input)
        return Said(self.turns, self.lengths, first.system, asked)


def conversations(records: Iterable[Alpaca], rejects: Rejects) -> Iterator[Conversation]:
    """Group records, numbered from 1; those that cannot be trained on go to `rejects`."""
    now: Conversation | None = None
    digest = hashlib.blake2b()
    for number, record in enumerate(records, 1):
        spoken = turns(record)
        known = len(now.turns) if now else 0
        goes_on = (
            now is not None
            and record.system == now.records[0].system
            and known < len(spoken)
            and spoken[:known] == now.turns
        )
        try:
            base = digest.copy() if goes_on else hashlib.blake2b(record.system.encode(), digest_size=16)
            for question, answer in spoken[known if goes_on else 0 :]:
                base.update(f"\0{len(question)}\0{question}\0{answer}".encode())
            reason = _unfit(record)
        except UnicodeEncodeError:  # a lone surrogate: no file and no tokenizer can hold it
            reason = "not valid Unicode"
        if reason:
            rejects.add(reason, f"record {number}: {excerpt(record)}")
            continue
        if now is None or not goes_on:
            if now:
                yield now
            now = Conversation([], [], [], [])
        digest = base
        now.records.append(record)
        now.numbers.append(number)
        now.lengths.append(len(spoken))
        now.marks.append(digest.digest())
        now.turns = spoken
    if now:
        yield now


def _unfit(record: Alpaca) -> str | None:
    if not record.output.strip():
        return "empty output"
    length = len(record.instruction) + len(record.input) + len(record.output)
    return f"longer than {LONGEST:,} characters" if length > LONGEST else None


def batched(talks: Iterable[Conversation]) -> Iterator[list[Conversation]]:
    """Conversations by the thousand, none of them divided."""
    batch: list[Conversation] = []
    records = characters = 0
    for talk in talks:
        batch.append(talk)
        records += len(talk.records)
        characters += sum(len(question) + len(answer) for question, answer in talk.turns)
        if records >= BATCH_RECORDS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, records, characters = [], 0, 0
    if batch:
        yield batch


def excerpt(record: Alpaca) -> str:
    """The beginning of the record's last question, on one line."""
    text = turns(record)[-1][0].encode(errors="replace").decode()
    return " ".join(text.split())[:80]
