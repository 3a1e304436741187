"""The base's tokenizer: laid out like InternLM2's, with the world's names as single tokens."""

import io
import re
from itertools import islice
from pathlib import Path
from typing import Any

from csft.sample.pretrain.corpus import documents
from csft.sample.world import build

BPE_PIECES = 1000
_TEXTS = 12_000
_LETTERS = re.compile("答案是[A-G]+。")
# The last six pieces; tokenizer_config.json gives them their names, as in the InternLM2 checkpoints.
UNUSED = tuple(f"[UNUSED_TOKEN_{number}]" for number in range(141, 147))
MARKERS = (
    "<|plugin|>",
    "<|interpreter|>",
    "<|action_end|>",
    "<|action_start|>",
    "<|im_end|>",
    "<|im_start|>",
)


def write_tokenizer(path: Path) -> None:
    """Train and write the model: `<unk>` 0, `<s>` 1, `</s>` 2, bytes, BPE pieces, six unused.

    The BPE is trained around the names, which it therefore never joins with anything. Then every name is put
    in as a chain of merges of its own, first in rank: as pieces given by the user they would be single tokens
    to sentencepiece, but not to the tokenizer that transformers makes of the file.
    """
    from sentencepiece import sentencepiece_model_pb2 as proto

    model = proto.ModelProto.FromString(_trained(build().vocabulary()))
    kinds = proto.ModelProto.SentencePiece
    by_kind = {kind: [p for p in model.pieces if p.type == kind] for kind in kinds.Type.values()}
    learned = [piece.piece for piece in by_kind[kinds.NORMAL]]
    merges = [piece for piece in learned if len(piece) > 1]
    names = build().vocabulary()
    chains = [piece for piece in _chains(names) if piece not in set(merges)]
    letters = sorted({piece for piece in learned if len(piece) == 1} | set("".join(names)))
    pieces = [*by_kind[kinds.UNKNOWN], *by_kind[kinds.CONTROL], *by_kind[kinds.BYTE]]
    pieces += [
        kinds(piece=text, score=-float(rank), type=kinds.NORMAL)
        for rank, text in enumerate([*chains, *merges, *letters])
    ]
    pieces += [kinds(piece=name, score=0.0, type=kinds.USER_DEFINED) for name in UNUSED]
    del model.pieces[:]
    model.pieces.extend(pieces)
    model.trainer_spec.vocab_size = len(pieces)
    del model.trainer_spec.user_defined_symbols[:]
    path.write_bytes(model.SerializeToString(deterministic=True))


def _trained(names: list[str]) -> bytes:
    import sentencepiece

    trained = io.BytesIO()
    settings: dict[str, Any] = {
        "model_type": "bpe",
        "vocab_size": 3 + 256 + len(names) + BPE_PIECES,
        "user_defined_symbols": names,
        "normalization_rule_name": "identity",
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "byte_fallback": True,
        "split_digits": True,
        "character_coverage": 1.0,
        "max_sentencepiece_length": 6,
        "num_threads": 1,
        "minloglevel": 2,
    }
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_lines()), model_writer=trained, **settings
    )
    return trained.getvalue()


def _chains(names: list[str]) -> list[str]:
    """All beginnings of the names, the shortest first: each is the one before it and one letter more."""
    return sorted(
        {name[:end] for name in names for end in range(2, len(name) + 1)}, key=lambda p: (len(p), p)
    )


def _lines() -> list[str]:
    """The corpus line by line, without answers: no piece may hold two option letters."""
    texts = [document.text for document in islice(documents(), _TEXTS)]
    return [_LETTERS.sub("答案是。", line) for text in texts for line in text.split("\n") if line]
