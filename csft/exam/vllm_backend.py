"""Answers in words by vLLM, for GPUs: the prompts, stops and reading of `csft.exam.stream`.

Only vLLM's documented interface for offline use is called: `LLM`, `SamplingParams`, prompts as token ids. It
reads a folder in Llama's layout, so InternLM2's own layout and adapters are exported first. Texts are those
of greedy decoding to their end; torch stops writing where CMB's extraction has its answer.
"""

import importlib
import json
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from csft.cmb import Question
from csft.errors import ExamError, ModelError, SettingError
from csft.exam.asking import Asking
from csft.exam.formats import BASE_STOP, Wrap
from csft.exam.kept_answers import KeptAnswers, going_on
from csft.exam.papers import Ids, conversations, tokenised
from csft.exam.prediction import Prediction
from csft.exam.splits import id_list

CHUNK = 512  # questions whose answers a kill costs; vLLM makes its own batches of them
ROOM = 8192  # tokens of prompt and answer; InternLM2.5's 262,144 positions would fill the memory with one row


class VllmBackend:
    """A model's folder in vLLM, for all splits of an exam; the engine starts with the first question."""

    def __init__(self, folder: str | Path, tokenizer: Any, dtype: str = "auto") -> None:
        check_folder(folder)
        self.vllm = find_vllm()
        self.folder, self.tokenizer, self.dtype = Path(folder), tokenizer, dtype
        self.room = min(ROOM, _json(self.folder / "config.json").get("max_position_embeddings") or ROOM)
        self.stops = self._stop_ids()

    def stream(
        self,
        questions: Sequence[Question],
        wrap: Wrap,
        asking: Asking,
        *,
        shots_from: Sequence[Question] = (),
        kept: KeptAnswers | None = None,
    ) -> Iterator[list[Prediction]]:
        """Ask `CHUNK` questions at a time and give their answers; words as those of `csft.exam.stream`."""

        def compute(known: Collection[int]) -> Iterator[list[Prediction]]:
            waiting = [one for one in questions if one.id not in known]
            prompts = tokenised(conversations(waiting, asking, shots_from), wrap)
            self._check_room(waiting, prompts, asking)
            for start in range(0, len(waiting), CHUNK):
                asked = waiting[start : start + CHUNK]
                texts = self.write([ids.tolist() for ids in prompts[start : start + CHUNK]], asking)
                yield [
                    Prediction.written(one, text, asking.rule) for one, text in zip(asked, texts, strict=True)
                ]

        yield from going_on(questions, kept, compute)

    def write(self, prompts: Sequence[list[int]], asking: Asking) -> list[str]:
        """The greedy reply to each prompt (token ids), without what ends it."""
        before = BASE_STOP if asking.format == "base" else None
        greedy = self.vllm.SamplingParams(
            temperature=0, max_tokens=asking.max_new_tokens, stop_token_ids=self.stops, stop=before
        )
        asked = [{"prompt_token_ids": ids} for ids in prompts]
        written = self._engine.generate(asked, greedy, use_tqdm=False)
        if len(written) != len(prompts):
            raise ModelError(f"model={self.folder}: vLLM answered {len(written)} of {len(prompts)} prompts.")
        return [self._text(one.outputs[0].token_ids, before) for one in written]

    @cached_property
    def _engine(self) -> Any:
        return self.vllm.LLM(
            model=str(self.folder),
            dtype=self.dtype,
            max_model_len=self.room,
            enable_prefix_caching=True,
            trust_remote_code=False,
            seed=0,
        )

    def _check_room(self, asked: Sequence[Question], prompts: Sequence[Ids], asking: Asking) -> None:
        room = self.room - asking.max_new_tokens
        long = [one.id for one, ids in zip(asked, prompts, strict=True) if len(ids) > room]
        if long:
            raise ExamError(
                f"{len(long)} prompts are longer than the {room} tokens that backend=vllm leaves beside "
                f"max_new_tokens={asking.max_new_tokens}: ids {id_list(long)}. Lower shots or "
                "max_new_tokens, or take backend=torch."
            )

    def _stop_ids(self) -> list[int]:
        """What ends an answer, the model's own list included: vLLM stops at that list too."""
        from csft.exam.greedy import stop_ids

        own = _json(self.folder / "generation_config.json").get("eos_token_id")
        return stop_ids(SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=own)), self.tokenizer)

    def _text(self, ids: Sequence[int], before: str | None) -> str:
        """Decoded as torch's answers are; whether vLLM gives what ended the text does not matter."""
        end = next((place for place, token in enumerate(ids) if token in self.stops), len(ids))
        text = str(self.tokenizer.decode(list(ids[:end]), skip_special_tokens=True))
        return text.partition(before)[0] if before else text


def check_folder(folder: str | Path, called: str = "") -> None:
    """Raise SettingError unless vLLM can read `folder`, which the user `called` so."""
    called, path = called or str(folder), Path(folder)
    how = f"python -m csft.export from={called} out=FOLDER writes one"
    if not (path / "config.json").is_file():
        raise SettingError("model", called, f"the folder of a whole model with backend=vllm; {how}")
    if _json(path / "config.json").get("model_type") == "internlm2":
        raise SettingError("model", called, f"a model in Llama's layout with backend=vllm; {how}")


def find_vllm() -> Any:
    """The package. Raises SettingError where it is not installed."""
    try:
        return importlib.import_module("vllm")
    except ImportError as error:
        allowed = f'torch, or vllm once it is installed: pip install "csft[vllm]" ({error})'
        raise SettingError("backend", "vllm", allowed) from error


def _json(file: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return read
