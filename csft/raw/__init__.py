"""Raw files of any kind, read piece by piece: lines, JSON Lines, JSON arrays, CSV, Parquet, zip members.

Memory stays at a few times the largest single record. What is damaged beyond one record raises DataError
with the file's name; one bad record goes to the caller's Rejects and the rest of its file is kept. Control
characters inside a text, NUL included, are text: published records hold some, and tokenizers have ids for
them.
"""

from csft.raw.files import Raw, first_layout, open_text, parts
from csft.raw.json_stream import elements, json_array, json_object, json_rows
from csft.raw.tables import csv_rows, parquet_rows
from csft.raw.text import is_unicode, json_lines, lines, numbered

__all__ = [
    "Raw",
    "csv_rows",
    "elements",
    "first_layout",
    "is_unicode",
    "json_array",
    "json_lines",
    "json_object",
    "json_rows",
    "lines",
    "numbered",
    "open_text",
    "parquet_rows",
    "parts",
]
