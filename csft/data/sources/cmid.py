"""CMID: intents and named entities of patients' questions, told in a sentence.

Text: preprocess/cmid_to_sft.py of the authors. Labels they drop are compared with their quotes, as the
older records write them ("'其他'"); later records have none, so theirs stay. Table 1's 11,786 needs both.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.records import (
    Losses,
    RecordError,
    convert_rows,
    require_list,
    require_object,
    require_text,
)
from csft.raw import first_layout, json_rows, parts
from csft.rejects import Rejects

EXPECTED = "CMID.json (an array, or JSON Lines as first published)"
_PROMPT = "分析下列描述中提到的医学专有名词并分析其意图：\n\n"
_BARE = ("疾病和诊断", "解剖部位")  # told by their text alone
_NAMED = ("手术", "影像检查", "药物", "实验室检验")  # told with the type in front
_NO_PRIMARY = ("'其他'",)
_NO_SECONDARY = ("'无法确定'", "'多问'")


def find(folder: Path) -> list[Path]:
    """CMID.json."""
    return first_layout(folder, ["CMID.json"])


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per text that has an entity or an intent."""
    for raw in parts(files):
        yield from convert_rows(json_rows(raw, rejects), _record, rejects)


def _record(row: Any, _: Losses) -> Iterator[Alpaca]:
    fields = require_object(row)
    text = require_text(fields.get("originalText"), "originalText")
    entities = [_entity(text, entity) for entity in require_list(fields.get("entities"), "entities")]
    primary = _labels(fields, "label_4class", _NO_PRIMARY)
    secondary = _labels(fields, "label_36class", _NO_SECONDARY)
    if not (entities or primary or secondary):
        raise RecordError("neither entity nor intent")
    yield Alpaca(_PROMPT, text, _sentence("，".join(entities), primary, secondary))


def _sentence(entities: str, primary: str, secondary: str) -> str:
    mentioned = f"提到了{entities}" if entities else ""
    if not primary:
        return f"该描述{mentioned}期望知道{secondary}。" if secondary else f"该描述{mentioned}。"
    wish = f", 并期望知道该{primary}" if entities else f"期望知道该{primary}"
    return f"该描述{mentioned}{wish}及其{secondary}。" if secondary else f"该描述{mentioned}{wish}。"


def _entity(text: str, value: Any) -> str:
    fields = require_object(value, "entity")
    kind, start, end = (fields.get(name) for name in ("label_type", "start_pos", "end_pos"))
    if kind not in (*_BARE, *_NAMED):
        raise RecordError("unknown entity type")
    if not (type(start) is int and type(end) is int and 0 <= start < end <= len(text)):
        raise RecordError("entity outside the text")
    return text[start:end] if kind in _BARE else f"{kind}{text[start:end]}"


def _labels(fields: Mapping[str, Any], name: str, dropped: tuple[str, ...]) -> str:
    labels = [require_text(label, name) for label in require_list(fields.get(name), name)]
    return "，".join(label.strip("'") for label in labels if label not in dropped)
