"""The same records for csft and for LLaMA-Factory: its demonstration data repeated, or generated ones.

alpaca_zh_demo.json and alpaca_en_demo.json have 2,000 records. csft would find what is repeated and leave it
out, so from the second time on the sentences are dealt out anew among the records of their language: the same
text, the same lengths, other neighbours. Such text has fewer different words than 20,000 real records would,
which a cache of words profits from; generated records have about as many as real ones. A serial number opens
each question.
"""

import json
import random
import re
from pathlib import Path

from corpus_text import Length, Speaker, vocabulary

Record = tuple[str, str]  # question, answer
FILES = ("alpaca_zh_demo.json", "alpaca_en_demo.json")
LENGTHS = {"zh": (Length(20, 0.5), Length(150, 0.7)), "en": (Length(75, 0.5), Length(580, 0.6))}
_SENTENCE = re.compile(r"\S.*?(?:[。！？.!?\n]+\s*|$)", re.S)


def repeated(folder: Path, count: int, seed: int = 42) -> list[Record]:
    """`count` records of the demonstration data in `folder`, Chinese and English by turns."""
    languages = [_read(folder / name) for name in FILES]
    rng = random.Random(seed)
    made: list[Record] = []
    while len(made) < count:
        made += [record for pair in zip(*languages, strict=False) for record in pair]
        languages = [_dealt(language, rng) for language in languages]
    return _numbered(made[:count])


def generated(tokenizer: Path, count: int, seed: int = 42) -> list[Record]:
    """`count` records of about the demonstration data's lengths, in words of the tokenizer's vocabulary."""
    words = vocabulary(tokenizer)
    speakers = [(Speaker(language, seed, words[language]), *LENGTHS[language]) for language in LENGTHS]
    some = (speakers[at % 2] for at in range(count))
    return _numbered([(speaker.say(asked), speaker.say(said)) for speaker, asked, said in some])


def _numbered(some: list[Record]) -> list[Record]:
    return [(f"第{number}题：{asked}", said) for number, (asked, said) in enumerate(some, 1)]


def write(folder: Path, some: list[Record]) -> None:
    """As DISC-Med-SFT publishes its dialogues, for csft, and as LLaMA-Factory's Alpaca JSON."""
    ours, theirs = folder / "raw" / "discmed", folder / "peer"
    for path in (ours, theirs):
        path.mkdir(parents=True, exist_ok=True)
    with (ours / "DISC-Med-SFT_released.jsonl").open("w", encoding="utf-8") as file:
        for number, record in enumerate(some):
            said = [
                {"role": role, "content": text}
                for role, text in zip(("user", "assistant"), record, strict=True)
            ]
            line = {"_id": str(number), "source": "demo", "conversation": said}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    alpaca = [{"instruction": asked, "input": "", "output": said} for asked, said in some]
    (theirs / "demo.json").write_text(json.dumps(alpaca, ensure_ascii=False), encoding="utf-8")
    (theirs / "dataset_info.json").write_text(json.dumps({"demo": {"file_name": "demo.json"}}))


def _read(path: Path) -> list[Record]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    asked = ("\n".join(part for part in (row["instruction"], row["input"]) if part) for row in rows)
    # csft's converter strips what is said, as the authors' did
    return [(question.strip(), row["output"].strip()) for question, row in zip(asked, rows, strict=True)]


def _dealt(some: list[Record], rng: random.Random) -> list[Record]:
    """The same sentences, each record with as many questions and answers as before."""
    asked, said = zip(*some, strict=True)
    return list(zip(_shuffled(asked, rng), _shuffled(said, rng), strict=True))


def _shuffled(texts: tuple[str, ...], rng: random.Random) -> list[str]:
    parts = [_SENTENCE.findall(text) for text in texts]
    pool = [sentence for part in parts for sentence in part]
    rng.shuffle(pool)
    deal = iter(pool)
    return ["".join(next(deal) for _ in part).strip() for part in parts]
